"""A client of the JSON API, and the shortest way through it."""

from collections.abc import Mapping
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from tests.wizard.samples import OPENAI_KEY

PREFIX = "/api/onboarding/"
GOOD: dict[str, dict[str, Any]] = {
    "api-keys": {"openai": OPENAI_KEY},
    "website": {"has_website": "no", "business_description": "We bake bread the slow way."},
    "research": {"research_depth": "Standard", "content_types": ["Blog Posts", "News"]},
    "persona": {
        "persona_name": "The patient baker",
        "tone": "Conversational",
        "audience": "People who bake at home",
        "selected_platforms": ["blog", "instagram"],
    },
    "integrations": {"platforms": ["rss"], "notify_email": "baker@fern-street.org"},
    "finish": {"first_declaration": "To bring 40 neighbours of Fern Street into our courses."},
}


class ApiClient:
    """Speaks for one session, by its id in the header, and checks what every answer must hold."""

    def __init__(self, app: Flask, session_id: str | None = None) -> None:
        self.flask = app.test_client(use_cookies=False)
        self.headers: dict[str, str] = {}
        self.session_id = session_id
        if session_id:
            self.headers["X-Onboarding-Session"] = session_id

    @classmethod
    def started(cls, app: Flask) -> "ApiClient":
        """Of a session that was just begun."""
        return cls(app, cls(app).post("start")["session_id"])

    def get(self, path: str, status: int = 200, **headers: str) -> dict[str, Any]:
        """GET, and the document."""
        return self.send("GET", path, None, status, headers)

    def post(
        self, path: str, body: Mapping[str, Any] | None = None, status: int = 200, **headers: str
    ) -> dict[str, Any]:
        """POST, and the document."""
        return self.send("POST", path, body or {}, status, headers)

    def delete(self, path: str, status: int = 200, **headers: str) -> dict[str, Any]:
        """DELETE, and the document."""
        return self.send("DELETE", path, None, status, headers)

    def send(
        self,
        method: str,
        path: str,
        body: Any,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Any request that must answer `status`."""
        named = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        response = self.flask.open(
            PREFIX + path, method=method, json=body, headers=self.headers | named
        )
        return document(response, status)

    def raw(self, path: str, data: bytes, kind: str = "application/json") -> TestResponse:
        """POST of these very bytes."""
        return self.flask.post(PREFIX + path, data=data, content_type=kind, headers=self.headers)

    def tag(self, path: str) -> str:
        """The ETag of what is read there."""
        response = self.flask.get(PREFIX + path, headers=self.headers)
        assert response.status_code == 200, response.text
        return response.headers["ETag"]

    def save(self, slug: str, status: int = 200, **changes: Any) -> dict[str, Any]:
        """Complete a step with the good answers and `changes`; None leaves a field out."""
        data = {k: v for k, v in (GOOD[slug] | changes).items() if v is not None}
        return self.post(f"step/{slug}/complete", {"data": data}, status)

    def walk(self, until: str = "finish") -> None:
        """Complete every step up to and with `until`."""
        slugs = list(GOOD)
        for slug in slugs[: slugs.index(until) + 1]:
            self.save(slug)


def document(response: TestResponse, status: int = 200) -> dict[str, Any]:
    """The body of an answer, once it was found to be what every answer of the API is."""
    assert response.status_code == status, f"{response.status_code}: {response.text[:500]}"
    assert "Set-Cookie" not in response.headers, "the API sets no cookie"
    assert "no-store" in response.headers["Cache-Control"]
    if status == 304:
        assert response.data == b""
        return {}
    assert response.is_json, response.mimetype
    found = response.get_json()
    if status >= 400:
        assert response.mimetype == "application/problem+json"
        assert {"type", "title", "status", "detail"} <= set(found)
        assert found["status"] == status
        assert found["detail"][0].isupper()
        assert found["detail"].endswith((".", "?"))
    else:
        assert response.mimetype == "application/json"
    if status == 422:
        assert found["errors"], "a 422 says what is wrong"
        for name, messages in found["errors"].items():
            assert name
            assert messages
            assert all(isinstance(text, str) for text in messages)
    return dict(found)
