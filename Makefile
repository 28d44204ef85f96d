# Onward: what a developer types. `make help` lists it.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# Each of these may come from the environment or the command line: `make run PORT=8001`.
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
WORKERS ?= 2
THREADS ?= 5
TEST_WORKERS ?= 3
LONG_WORKERS ?= 0
ARGS ?=
export HOST PORT WORKERS THREADS
# Where python-dotenv is installed, the flask command would take settings from a .env file that the
# server does not read.
export FLASK_SKIP_DOTENV := 1

# Programs of the environment are started as modules: a script's first line cannot hold a path with
# a space in it, and does not survive a folder that was moved.
PY = .venv/bin/python
PIP = $(PY) -m pip --disable-pip-version-check --no-input -qq

# Where the system can do it (Linux), the server ends with whoever started it, even on `kill -9`.
WITH_STARTER := $(shell setpriv --pdeathsig TERM true 2>/dev/null && echo setpriv --pdeathsig TERM)

# How Onward is served. The tests read these arguments too (`make -s print-serve`).
# Runtime mode: one thread of a process reads and writes for all connections. A pool of one, which the
# server makes by default, costs a sixth more of a request's way through the server.
# Threads: THREADS requests of a process are at work at a time, each with a connection of the database
# (webapp/admission.py, webapp/extensions.py); up to five times as many wait, and what is left of these
# eight times refuses the rest.
# Backpressure: how many connections of browsers a process holds, idle ones too. It is no queue for
# requests: beyond it, new ones wait until another is closed.
# -OO: without docstrings and assertions, which take 5 MB of each process and 2 % of its time; tests of the
# code run with them.
# Log level: its warnings are about the number of threads, which is meant; ours go elsewhere.
# Kill timeout: a stuck request may not hold up a restart for longer than this, in seconds.
SERVE = $(WITH_STARTER) "$(PY)" -OO -m granian --interface wsgi --runtime-mode st \
	--host "$(HOST)" --port "$(PORT)" --workers "$(WORKERS)" \
	--blocking-threads $(shell echo $$(( $(THREADS) * 8 ))) --backlog 1024 --backpressure 512 --no-ws \
	--http1-buffer-size 65536 --http1-header-read-timeout 10000 --http2-max-headers-size 65536 \
	--respawn-failed-workers --respawn-interval 0.5 --workers-kill-timeout 10 \
	--log-level error wsgi:app

ADDRESS = http://$(if $(findstring :,$(HOST)),[$(HOST)],$(HOST)):$(PORT)/

# Two servers can share a port on Linux without an error; a second one by mistake should hear of it.
# The wait is for one that is just ending.
define CHECK_PORT
import errno, socket, sys, time

host, port = sys.argv[1], sys.argv[2]
try:
    family, kind, _, _, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
except (OSError, ValueError, OverflowError):
    sys.exit(f"HOST={host} and PORT={port} are no address to listen at.")
for attempt in range(50):
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
            sys.exit()
        except OverflowError:
            sys.exit(f"PORT={port} is no port: it is a number from 1 to 65535.")
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                sys.exit(f"Onward cannot listen at {host}:{port}: {error.strerror}.")
    time.sleep(0.1)
sys.exit(f"Something listens at {host}:{port} already. Stop it, or choose: make run PORT=8001")
endef
export CHECK_PORT

define HELP
make run        serve Onward at $(ADDRESS) (HOST, PORT, WORKERS)
make worker     do the background work that BROKER_URL tells of; as many as wanted, anywhere
make test       check the code, then all tests but the long ones (ARGS="-k word" for some)
make test-long  the long tests: crash loops, many languages, other servers
make bench      a whole journey's cost, beside django-formtools' (ARGS="--postgres")
make messages   bring the translations up to date with the texts of the code
make language   add a language: make language LANG=fr
make lint       ruff, mypy, djlint and bandit alone
make format     let ruff put the code in shape
make clean      delete .venv and every cache; instance/ with your data stays
endef
export HELP

.PHONY: help
help:
	@echo "$$HELP"

.PHONY: run
run: install
	@"$(PY)" -OO -m flask --app wsgi db upgrade
	@"$(PY)" -c "$$CHECK_PORT" "$(HOST)" "$(PORT)"
	@echo "Onward is at $(ADDRESS)"
	@exec $(SERVE)

.PHONY: worker
worker: install
	@[ -n "$$BROKER_URL" ] || { echo "BROKER_URL is not set (for example redis://127.0.0.1:6379/0). Without it the server does the background work itself." >&2; exit 2; }
	@exec $(WITH_STARTER) "$(PY)" -m webapp.worker

.PHONY: print-serve
print-serve:
	@printf '%s\n' $(SERVE)

.PHONY: test
test: lint
	@"$(PY)" -m pytest -n $(TEST_WORKERS) --dist worksteal -m "not long" $(ARGS)

# pytest exits with 5 when nothing matches: no long test is no failure.
.PHONY: test-long
test-long: install-tests
	@"$(PY)" -m pytest -n $(LONG_WORKERS) -m long $(ARGS) || { status=$$?; \
		[ $$status -eq 5 ] && echo "There is no long test that matches." || exit $$status; }

# Its peers have an environment of their own, below the one that `make clean` deletes.
.PHONY: bench
bench: install-tests
	@cmp -s tests/bench/requirements.txt .venv/bench/installed || { \
		echo "Installing what Onward is measured against (once)"; \
		rm -rf .venv/bench && "$(PY)" -m venv .venv/bench \
		&& .venv/bench/bin/python -m pip --disable-pip-version-check --no-input -qq install -r tests/bench/requirements.txt \
		&& cp tests/bench/requirements.txt .venv/bench/installed; }
	@"$(PY)" -m tests.bench.journeys $(ARGS)

# H052: pages that wait for work or for the database refresh themselves, for want of JavaScript.
# Types take four fifths of the time, so they are checked beside the rest, where make can keep the
# two outputs apart.
.PHONY: lint lint-types lint-rest
lint: install-tests
	@$(MAKE) --no-print-directory $(if $(filter output-sync,$(.FEATURES)),-j2 --output-sync=target) lint-types lint-rest

lint-types:
	@"$(PY)" -m mypy webapp

lint-rest:
	@"$(PY)" -m ruff check
	@"$(PY)" -m ruff format --check
	@"$(PY)" -m djlint --quiet --lint --ignore H052 templates
	@"$(PY)" -m bandit --quiet --recursive --configfile pyproject.toml webapp wsgi.py migrations

.PHONY: format
format: install-tests
	@"$(PY)" -m ruff check --fix
	@"$(PY)" -m ruff format

# Every text that is marked, merged into every language's file; new ones are empty there.
MESSAGES = "$(PY)" -c 'import sys; from webapp.catalogues import main; sys.exit(main(sys.argv[1:]))'

.PHONY: messages
messages: install
	@$(MESSAGES)

# LANG is also what a terminal speaks: only the one that was typed after `make` names a language.
.PHONY: language
language: install
	@[ "$(origin LANG)" = "command line" ] || { echo "Name the language by its code: make language LANG=fr" >&2; exit 2; }
	@$(MESSAGES) "$(LANG)"

.PHONY: clean
clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment. What is installed is remembered as a copy of the list that was installed, so that
# a second run asks no network, whatever a checkout did to the dates of the files. While something
# is being installed, .venv/unfinished exists: an install that was cut off starts from nothing.
.PHONY: venv
venv:
	@if [ -e .venv/unfinished ] || ! "$(PY)" -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
			echo "Onward needs Python 3.11 or newer, and $(PYTHON) is not ($$("$(PYTHON)" --version 2>&1)). Name another: make run PYTHON=python3.12" >&2; exit 1; }; \
		echo "Making .venv"; \
		mkdir -p .venv && rm -rf .venv/* && "$(PYTHON)" -m venv .venv || { rm -rf .venv; \
			echo "Python could not make .venv. On Debian and Ubuntu it needs: apt install python3-venv" >&2; exit 1; }; \
	fi

.PHONY: install
install: venv
	@cmp -s requirements.txt .venv/installed-run || { \
		echo "Installing what Onward needs (once; about a minute)"; \
		touch .venv/unfinished && $(PIP) install -r requirements.txt \
		&& cp requirements.txt .venv/installed-run && rm .venv/unfinished; }

.PHONY: install-tests
install-tests: install
	@cmp -s tests/requirements.txt .venv/installed-tests || { \
		echo "Installing what the tests need (once; about a minute)"; \
		touch .venv/unfinished && $(PIP) install -r requirements.txt -r tests/requirements.txt \
		&& cp tests/requirements.txt .venv/installed-tests && rm .venv/unfinished; }
