"""What tests lean on: databases, servers, a page client, a browser; see `tests/conftest.py`."""
