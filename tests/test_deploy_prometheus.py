"""The alerts, the example for Prometheus and the dashboard are valid, by Prometheus' own tool, and
made of metrics that there are."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.journeys import walk
from tests.support.databases import TOP
from tests.support.metrics import samples
from tests.support.pages import PageClient
from webapp import meters

DEPLOY = TOP / "deploy"
RULES = (DEPLOY / "prometheus-rules.yml").read_text()
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
METRIC = re.compile(r"\bonward_[a-z_]+\b")


@pytest.mark.parametrize(
    "command",
    [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "prometheus-rules.yml"],
        ["test", "rules", "prometheus-rules.test.yml"],
    ],
)
def test_promtool_is_content(command: list[str]) -> None:
    done = promtool(*command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_finds_no_fault_in_what_is_exported(app: Flask) -> None:
    done = promtool("check", "metrics", given=app.test_client().get("/metrics").text)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_alert_is_tested_and_says_what_to_do() -> None:
    alerts = set(re.findall(r"alert: (\w+)", RULES))
    tests = (DEPLOY / "prometheus-rules.test.yml").read_text()
    fired = re.findall(r"alertname: (\w+)\n\s+exp_alerts:\n", tests)
    quiet = re.findall(r"alertname: (\w+)\n\s+exp_alerts: \[\]", tests)
    assert len(alerts) >= 6
    assert set(fired) == alerts, "each of them fires"
    assert set(quiet) == alerts, "and keeps quiet"
    for key in ("summary", "description", "what_to_do"):
        assert RULES.count(f" {key}: ") == len(alerts)
    operations = (TOP / "docs" / "operations.md").read_text()
    places = {
        "#" + line[4:].lower().replace(" ", "-") for line in re.findall(r"### .*", operations)
    }
    assert set(re.findall(r"docs/operations.md(#[\w-]+)", RULES)) <= places
    assert {name for name in alerts if name not in operations} == set()


def test_whatever_dashboard_and_alerts_name_is_exported(app: Flask) -> None:
    client = PageClient(app)
    walk.walk(client, "website")
    meters.expect(walk.SLUGS)  # as a server does when it starts
    meters.job("website-analysis", "done", 0.1)
    exported = samples(app.test_client().get("/metrics").text).names
    told = "\n".join(
        target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())
    )
    listed = re.findall(r"^\| `onward_.*$", (TOP / "docs" / "operations.md").read_text(), re.M)
    for text in (told, RULES, "\n".join(listed)):
        named = set(METRIC.findall(text))
        bases = exported | {name.removesuffix("_bucket") for name in exported}
        assert named
        assert named - bases == set()
    families = {
        re.sub(r"_(bucket|count|sum)$", "", name)
        for name in exported
        if not name.endswith("_created")
    }
    shown = {re.sub(r"_bucket$", "", name) for name in METRIC.findall(told)}
    assert families - shown == set(), "each has its panel"


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    """No fixed data source, no id of somebody's database, each panel in its own place."""
    assert DASHBOARD["uid"] == "onward"
    assert "id" not in DASHBOARD
    variables = {one["name"]: one for one in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 15
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == "${datasource}"
            assert panel["targets"], panel["title"]
            for target in panel["targets"]:
                assert target["datasource"]["uid"] == "${datasource}"
                assert 'job=~"$job"' in target["expr"]


def test_promtool_reads_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    """As rules, with Grafana's own variables filled in."""
    expressions = [
        target["expr"].replace("$__rate_interval", "1m").replace("$job", ".+")
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", ())
    ]
    rules = [{"record": f"panel:{n}", "expr": expr} for n, expr in enumerate(expressions)]
    file = tmp_path / "rules.yml"  # JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = promtool("check", "rules", str(file))
    assert done.returncode == 0, done.stderr
    assert f"{len(expressions)} rules found" in done.stdout + done.stderr


def promtool(*command: str, given: str = "") -> "subprocess.CompletedProcess[str]":
    """Run it in `deploy`. Where there is none the test is left out, or fails when it may not be."""
    program = shutil.which("promtool")
    if program is None:
        reason = "There is no promtool (on Debian and Ubuntu it is in the package prometheus)."
        if os.environ.get("REQUIRE_PROMTOOL") == "1":
            pytest.fail(f"{reason} REQUIRE_PROMTOOL=1 makes that a failure.", pytrace=False)
        pytest.skip(reason)
    return subprocess.run(
        [program, *command], cwd=DEPLOY, input=given, capture_output=True, text=True, timeout=120
    )
