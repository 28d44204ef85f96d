"""The HTML of the pages against the standard, by the W3C's own checker."""

import faulthandler
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.databases import TOP

FILES = (
    *("test_pages", "test_two_tabs", "test_persona_editing", "test_analysis_page"),
    *("test_history_page", "test_resume_links"),
    *("../operators", "../identity", "../api/test_docs.py", "../test_errors.py"),
)
"""Tests that open the pages, in every state among them."""
SECONDS = 1200


@pytest.mark.long
def test_every_page_that_a_test_opens_is_valid_html(tmp_path: Path) -> None:
    """Needs Java, and the checker: `npm pack vnu-jar`, its vnu.jar named by VNU_JAR."""
    jar = os.environ.get("VNU_JAR", "")
    if not shutil.which("java") or not Path(jar).is_file():
        pytest.skip("The HTML was not checked: it needs Java, and VNU_JAR=/path/to/vnu.jar.")
    faulthandler.cancel_dump_traceback_later()  # pytest's own: the tests below take their time
    pages, here = tmp_path / "pages", Path(__file__).parent
    pages.mkdir()
    named = [here / (name if "/" in name else f"{name}.py") for name in FILES]
    files = [str(path) for path in named if path.exists()]
    opened = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-n", "2"),
            *("-m", "not long and not browser and not postgres", *files),
        ],
        cwd=TOP,
        env={**os.environ, "KEEP_PAGES": str(pages)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert opened.returncode == 0, opened.stdout[-4000:]
    found = list(pages.glob("*.html"))
    assert len(found) > 60
    said = subprocess.run(
        ["java", "-Xss4m", "-jar", jar, "--format", "json", "--exit-zero-always", str(pages)],
        capture_output=True,
        timeout=SECONDS,
        check=True,
    )
    faults = {
        f"{message['message']} at {message.get('extract', '')[:160]!r}": Path(message["url"]).name
        for message in json.loads(said.stderr)["messages"]
        if message["type"] == "error" or message.get("subType") == "warning"
    }
    assert not faults, "\n- ".join([f"{name}: {fault}" for fault, name in faults.items()])
