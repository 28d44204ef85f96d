"""Real prose: the HTML of Debian's documents, unpacked in the folder that PROSE_DIR names.

`apt-get download debian-faq debian-faq-de …`, then `dpkg-deb -x` for each, makes such a folder.
"""

import http.server
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from webapp.site.analyse import analyse
from webapp.site.crawl import Limits
from webapp.site.fetch import FetchPolicy

PROSE_DIR = os.environ.get("PROSE_DIR")

pytestmark = pytest.mark.skipif(
    not PROSE_DIR, reason="PROSE_DIR names no folder with unpacked HTML documents of Debian."
)

DOCUMENTS = {
    "debian-faq": ("en", "usr/share/doc/debian/FAQ", "index.en.html"),
    "debian-faq-de": ("de", "usr/share/doc/debian/FAQ/de", "index.de.html"),
    "debian-faq-fr": ("fr", "usr/share/doc/debian/FAQ/fr", "index.fr.html"),
    "debian-faq-it": ("it", "usr/share/doc/debian/FAQ/it", "index.it.html"),
    "debian-faq-pt": ("pt", "usr/share/doc/debian/FAQ/pt", "index.pt.html"),
    "debian-reference-es": ("es", "usr/share/debian-reference", "index.es.html"),
    "developers-reference": ("en", "usr/share/developers-reference", "index.html"),
}


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def served(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """The language of the document, and the address where it is served."""
    language, folder, first = DOCUMENTS[request.param]
    place = Path(PROSE_DIR or "") / folder
    if not place.is_dir():
        pytest.skip(f"PROSE_DIR holds no {request.param}.")
    if not (place / first).exists():
        first = sorted(path.name for path in place.glob("*.html"))[0]
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *args: _Quiet(*args, directory=str(place))
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield language, f"http://127.0.0.1:{server.server_port}/{first}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("served", DOCUMENTS, indirect=True)
def test_a_document_is_read_and_measured_as_an_editor_would_expect(
    served: tuple[str, str],
) -> None:
    language, url = served
    pair = re.sub(r"^http://|/.*$", "", url)
    result = analyse(url, FetchPolicy(allow=frozenset({pair})), limits=Limits(pause=0))
    measures = result["measures"]
    assert result["language"] == language
    assert result["pages_read"] >= 6
    assert measures["word_count"] > 2_000
    # Technical prose for adults: sentences of 12 to 30 words, neither child's play nor unreadable.
    assert 10 <= measures["average_sentence_length"] <= 30
    assert 0 < measures["readability_score"] < 85
    assert 0.5 < measures["lexical_diversity"] < 0.85
    assert 0.1 < measures["long_word_share"] < 0.5
    words = {entry["word"].lower() for entry in measures["top_words"]}
    assert words & {"debian", "package", "packages", "paquete", "paquetes", "paquets", "paket"}
    assert result["warning_message"] is None
    assert all(sample["url"] for sample in measures["sample_sentences"])
    text = " ".join(sample["text"] for sample in measures["sample_sentences"])
    assert not re.search(r"\bNext\b.*\bPrev\b", text)
