"""The table of all cases: `CASES` maps a name to its row.

    from imagekit.cases import CASES
    for case in CASES.values():
        references = case.make(directory)     # fetch in this order; the last one is judged
        ...                                   # by case.expect, case.message and case.facts (facts.check)
"""

from . import cases_aci, cases_docker, cases_layers, cases_oci, cases_tar


def _table(*modules) -> dict:
    rows = [row for module in modules for row in module.ROWS]
    names = [row.name for row in rows]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ValueError(f"case names used twice: {sorted(repeated)}")
    return {row.name: row for row in sorted(rows, key=lambda row: row.name)}


CASES = _table(cases_tar, cases_layers, cases_oci, cases_docker, cases_aci)


def select(tags=(), without=(), names=()) -> list:
    """The cases that have all of `tags`, none of `without`, and one of `names` as prefix (if any are given)."""
    return [case for case in CASES.values() if case.tags.issuperset(tags) and not case.tags.intersection(without)
            and (not names or case.name.startswith(tuple(names)))]
