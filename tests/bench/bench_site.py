"""What reading a site costs: `python -m tests.bench.bench_site`.

Prints the CPU of measuring 10,000 words (limit 150 ms, warm, the best of five as a machine that is
shared allows), and the peak memory of analysing 12 pages in a fresh process that is started as the
worker is (limit 150 MB). Ends with 1 when a limit is exceeded.
"""

import http.server
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

TOP = Path(__file__).resolve().parents[2]
PAGES = TOP / "tests" / "site" / "pages"

CPU_LIMIT_MS = 150
MEMORY_LIMIT_MB = 150

# The most memory that the process itself held (VmHWM): what `getrusage` says of a child begins with
# what its parent held.
CHILD = """
import pathlib, re, resource, sys

def peak():
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s*(\\d+) kB", status)[1]) // 1024

import webapp.worker  # what the worker has loaded before its first job
from webapp.site.analyse import analyse
from webapp.site.crawl import Limits
from webapp.site.fetch import FetchPolicy
before = peak()
found = analyse(sys.argv[1], FetchPolicy(allow=frozenset({sys.argv[2]})), limits=Limits(pause=0))
used = resource.getrusage(resource.RUSAGE_SELF)
print(found["pages_read"], found["measures"]["word_count"], found["language"], before,
      peak(), round(used.ru_utime + used.ru_stime, 2))
"""


def main() -> int:
    """Print both figures; 0 when both are within their limits."""
    cpu = cpu_of_ten_thousand_words()
    say(f"measuring 10,000 words: {cpu:.0f} ms of CPU (limit {CPU_LIMIT_MS})")
    good = cpu < CPU_LIMIT_MS
    for name, lang in (("English", "en"), ("Dutch, said to be English", "nl")):
        pages, words, language, before, peak, seconds = memory_of_twelve_pages(lang)
        say(
            f"analysing {pages} pages ({name}: {words} words, found {language}): "
            f"peak {peak} MB, {before} MB of it before the first job "
            f"(limit {MEMORY_LIMIT_MB}), {seconds} s of CPU with the start of the process"
        )
        good = good and int(peak) < MEMORY_LIMIT_MB and pages == "12" and language == lang
    return 0 if good else 1


def cpu_of_ten_thousand_words() -> float:
    """Milliseconds for 10,000 words of English."""
    from webapp.site.style import measure
    from webapp.site.text import read_page

    paragraphs = [
        paragraph
        for name in ("easy_english", "difficult_english")
        for paragraph in read_page(
            (PAGES / f"{name}.html").read_bytes(), "text/html", "https://a.example/"
        ).paragraphs
    ] * 13
    measure(paragraphs, "en")
    times = []
    for _ in range(5):
        started = time.process_time()
        words = measure(paragraphs, "en")["word_count"]
        times.append((time.process_time() - started) * 1000 * 10_000 / words)
    return min(times)


def memory_of_twelve_pages(language: str) -> list[str]:
    """Pages, words, language, MB before, MB at most, CPU seconds of a fresh process."""
    site = _Site(language)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), site.handler()) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        pair = f"127.0.0.1:{server.server_port}"
        done = subprocess.run(
            [sys.executable, "-c", CHILD, f"http://{pair}/", pair],
            cwd=TOP,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        server.shutdown()
        thread.join()
    return done.stdout.split()


def town(number: int) -> str:
    """A name of its own for each number."""
    return "Old " + "".join("abcdefghij"[int(digit)] for digit in str(number)).capitalize()


class _Site:
    """Pages as a blog has them: some 250 KB of mark-up each, 900 words of text of their own."""

    SENTENCES: ClassVar = {
        "en": "The {n}th baker of {w} opened the door before the sun was up, and everybody "
        "who came by could smell what was in the oven that morning. ",
        "nl": "De {n}e bakker van {w} deed de deur open voordat de zon op was, en iedereen "
        "die langs kwam kon ruiken wat er die ochtend in de oven stond. ",
    }

    def __init__(self, language: str) -> None:
        self.sentence = self.SENTENCES[language]

    def page(self, number: int) -> bytes:
        links = "".join(f"<a href='/blog/day-{n}-at-the-mill'>Day {n}</a>" for n in range(1, 30))
        text = "".join(
            "<p>"
            + "".join(self.sentence.format(n=s, w=town(number * 40 + p)) for s in range(3))
            + "</p>"
            for p in range(12)
        )
        clutter = (
            "<div class='card card--wide theme-light' data-id='0123456789'><span>·</span></div>"
            * 2_500
        )
        return (
            f"<!doctype html><html lang=en><title>Day {number}</title><nav>{links}</nav>"
            f"<main><h1>Day {number}</h1>{text}</main><footer>{clutter}</footer></html>"
        ).encode()

    def handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = self.path == "/" or self.path.startswith("/blog/")
                number = int(self.path.split("-")[1]) if self.path.startswith("/blog/") else 0
                body = site.page(number) if found else b""
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        return Handler


def say(line: str) -> None:
    """A line for people."""
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
