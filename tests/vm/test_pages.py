"""The commands of the documentation that need a host with systemd."""

import os

os.environ["AGENA_DOCS_HOST"] = "1"

from test_docs import Docs, Total  # noqa: E402,F401
