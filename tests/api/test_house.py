"""What the engine's JSON face does by itself: a step that nobody told it of, a database that is
away, a user's token, a session id in no log."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from wtforms import BooleanField, StringField

from tests.api.client import GOOD, PREFIX, ApiClient, document
from tests.conftest import MakeApp
from tests.journeys.walk import sql
from tests.support.jwks import jwks_server, new_key
from webapp import apidoc, steps
from webapp.wizard.calls import Asks, Changes, NotThere, Reads, Refused, Saves
from webapp.wizard.forms import OneOf, StepForm, Text, strip
from webapp.wizard.step import Step, Visit

MOTTOES: dict[str, dict[str, Any]] = {}
"""Where the step of these tests stores: session -> its answer."""


class MottoForm(StepForm):
    motto = StringField("Motto", filters=[strip], validators=[Text(2, 20, "Write a motto.")])
    size = OneOf("Size", choices=[("small", "Small"), ("large", "Large")])
    loud = BooleanField("Loud", default=True)


def _erase(visit: Visit, what: str, _now: datetime) -> tuple[int, dict[str, Any]]:
    if MOTTOES.pop(visit.session.id, None) is None:
        raise NotThere(f"There is no {what}.")
    return 202, {"erased": what}


def _weigh(body: Mapping[str, Any], params: Mapping[str, str]) -> dict[str, Any]:
    if params["word"] == "no":
        raise Refused({"word": ["Not this one."]})
    return {"weight": len(params["word"]), "loud": body.get("loud", False)}


class MottoStep(Step):
    slug = "motto"
    title = "Motto"
    description = "In a few words."
    form = MottoForm
    calls = (
        Reads("GET", "motto", apidoc.Operation("The motto", "Motto", {200: apidoc.OBJECT}),
              lambda visit, _params: visit.answer("motto")),
        Saves("POST", "motto", apidoc.Operation(
                  "Set the motto", "Motto", {200: apidoc.OBJECT},
                  body=apidoc.body(("words",), words=apidoc.STRING)),
              values=lambda body, _params: {"motto": body["words"]},
              answer=lambda visit: visit.answer("motto"),
              field=lambda name, _body: "words" if name == "motto" else name),
        Changes("DELETE", "motto", apidoc.Operation(
                    "Erase it", "Motto", {202: apidoc.answer(erased=apidoc.STRING)}),
                lambda _body, _params: "motto", _erase),
        Asks("POST", "motto/weigh/<word>", apidoc.Operation(
                 "Weigh a word", "Motto", {200: apidoc.OBJECT},
                 body=apidoc.body(loud=apidoc.BOOLEAN), caller="anybody"),
             _weigh),
    )  # fmt: skip

    def load(self, session_id: str) -> dict[str, Any] | None:
        return MOTTOES.get(session_id)

    def values(self, answer: dict[str, Any]) -> dict[str, Any]:
        return answer

    def save(self, form: StepForm, visit: Visit, now: datetime) -> None:
        MOTTOES[visit.session.id] = dict(form.data)
        visit.keep(self.slug, MOTTOES[visit.session.id])

    def facts(self, visit: Visit) -> dict[str, Any]:
        return {"motto": visit.answer(self.slug)}


def test_a_new_step_has_its_json_face_unaided(
    make_app: MakeApp, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "STEPS", (*steps.STEPS[:-1], MottoStep(), steps.STEPS[-1]))
    app = make_app(sqlite_url, ONBOARDING_STEPS="motto")
    client = ApiClient.started(app)
    assert client.get("step/motto") == client.get("step/1")
    client.get("motto", 404)
    assert client.get("summary")["motto"] is None
    found = client.post("step/motto/complete", {"data": {"motto": "x", "size": "huge"}}, 422)
    assert set(found["errors"]) == {"motto", "size"}
    assert "loud" in client.post("step/1/complete", {"data": {"loud": "y"}}, 422)["errors"]
    saved = client.post("step/motto/complete", {"data": {"motto": "Slowly.", "size": None}})
    assert saved["data"] == {"motto": "Slowly.", "size": None, "loud": True}
    assert client.get("motto")["motto"] == "Slowly."
    assert "words" in client.post("motto", {"words": "x"}, 422)["errors"]
    assert "words" in client.post("motto", {"words": 5}, 422)["errors"]
    assert client.post("motto", {"words": "Gently."})["motto"] == "Gently."
    assert client.post("motto/weigh/bread", {"loud": True}) == {"weight": 5, "loud": True}
    assert client.post("motto/weigh/no", status=422)["errors"] == {"word": ["Not this one."]}
    assert client.delete("motto", 202) == {"erased": "motto"}
    assert client.delete("motto", 404)["detail"] == "There is no motto."
    ApiClient(app).delete("motto", 404)
    told = document(app.test_client().get("/api/openapi.json"))
    assert told["components"]["schemas"]["step-motto"]["required"] == ["motto"]
    assert told["paths"]["/api/onboarding/motto/weigh/{word}"]["post"]["tags"] == ["Motto"]


def test_a_database_that_is_away_is_503_and_costs_nothing(app: Flask) -> None:
    client = ApiClient.started(app)
    sql(app, "ALTER TABLE step_progress RENAME TO away")
    for answer in (
        client.flask.get(PREFIX + "status", headers=client.headers),
        client.flask.post(
            PREFIX + "step/1/complete", json={"data": GOOD["api-keys"]}, headers=client.headers
        ),
    ):
        document(answer, 503)
        assert int(answer.headers["Retry-After"]) > 0
    document(client.flask.get(PREFIX + "config"))
    sql(app, "ALTER TABLE away RENAME TO step_progress")
    client.save("api-keys")


def test_a_bearer_token_is_its_user_on_every_device(make_app: MakeApp, sqlite_url: str) -> None:
    key = new_key("one")
    with jwks_server(key) as server:
        app = make_app(sqlite_url, **server.settings)

        def as_user(sub: str, **claims: Any) -> ApiClient:
            client = ApiClient(app)
            client.headers["Authorization"] = f"Bearer {key.token(sub, **claims)}"
            return client

        first, second = as_user("user_1"), as_user("user_1")
        begun = first.post("start")
        assert second.post("start")["session_id"] == begun["session_id"]
        first.save("api-keys")
        assert second.get("status")["current_step"] == "website"
        assert as_user("user_2").get("status")["session_id"] is None
        as_user("user_2").get("api-keys", 404)
        # A user's session is not opened by its id, but the user may name it beside their token.
        ApiClient(app, begun["session_id"]).get("status", 404)
        as_user("user_2").get("status", 404, X_Onboarding_Session=begun["session_id"])
        named = first.get("status", X_Onboarding_Session=begun["session_id"])
        assert named["session_id"] == begun["session_id"]
        declared = as_user("user_3").post("first-declaration", {"declaration": "To be read."}, 409)
        assert as_user("user_3").get("status")["session_id"] == declared["session_id"]
        stale = as_user("user_1", exp=1)
        refused = stale.flask.get(PREFIX + "status", headers=stale.headers)
        document(refused, 401)
        assert refused.headers["WWW-Authenticate"].lower().startswith("bearer")
        assert ApiClient(app).get("status")["session_id"] is None


def test_session_ids_and_keys_are_in_no_log(
    app: Flask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    client = ApiClient.started(app)
    client.walk()

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError(f"about {client.session_id}")

    monkeypatch.setattr("webapp.wizard.api.answers.status", broken)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    nobody = ApiClient(app)
    nobody.get(f"status?session_id={client.session_id}", 500)
    nobody.get(f"nothing?session_id={client.session_id}", 404)
    logged = "\n".join(logging.Formatter().format(record) for record in caplog.records)
    assert "RuntimeError" in logged
    said = logged.replace(f"about {client.session_id}", "")  # the fault's own words, not ours
    assert str(client.session_id) not in said
    assert str(GOOD["api-keys"]["openai"]) not in logged
