"""The journey in Chromium, against the real server."""
