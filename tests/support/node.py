"""Node.js, where it is."""

import os
import shutil

import pytest


def node_or_skip() -> str:
    """The program. Where there is none the test is left out, or fails when it may not be."""
    if found := shutil.which("node"):
        return found
    reason = "There is no node (on Debian and Ubuntu: apt install nodejs)."
    if os.environ.get("REQUIRE_NODE") == "1":
        pytest.fail(f"{reason} REQUIRE_NODE=1 makes that a failure.", pytrace=False)
    pytest.skip(reason)
