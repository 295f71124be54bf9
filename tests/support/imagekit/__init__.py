"""Builds container images for tests and demonstrations: ACIs, OCI layouts and docker archives, sound or hostile.

Modules, lowest first: `sources` (contents), `tarfmt` and `sparse` (tar bytes), `entries` (spellings), `compress`,
`tree` (directories), `oci`, `aci`, `docker` (images), `facts` (checks of an unpacked tree), `cases` (the table).
Everything is reproducible: the same input gives the same bytes.
"""
