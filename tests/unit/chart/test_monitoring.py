"""Alerts and dashboard ask for metrics that there are."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.chart.test_chart import of_kind, template

from slipway_operator.observe.metrics import Metrics as OperatorMetrics
from slipway_runtime.serve.metrics import Metrics as ServingMetrics

FILES = Path(__file__).resolve().parents[3] / "charts" / "slipway" / "files"
NAME = re.compile(r"\bslipway_[a-z_]+\b")
PARTS = ("_bucket", "_sum", "_count")


def exported() -> set[str]:
    """Names of all time series of both programs."""
    serving = ServingMetrics()
    serving.record("m", 200, 0.1)
    texts = (
        serving.render((), ready=True, in_flight=0, waiting=0),
        OperatorMetrics().text({"Pod": 1}).decode(),
    )
    families = re.findall(r"^# TYPE (\S+) (\S+)$", "\n".join(texts), re.MULTILINE)
    found = {name for name, _ in families}
    return found | {name + part for name, kind in families if kind in {"histogram", "summary"} for part in PARTS}


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> list[str]:
    panels = json.loads((FILES / "dashboard.json").read_text())["panels"]
    asked = [target["expr"] for panel in panels for target in panel["targets"]]
    return [rule["expr"] for rule in alerts()] + asked


@pytest.mark.parametrize("expression", expressions())
def test_what_is_asked_for_is_exported(expression: str) -> None:
    names = NAME.findall(expression)
    assert names
    assert set(names) <= exported()


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_an_alert_says_what_is_and_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert alert["annotations"].keys() == {"summary", "description"}


def test_monitoring_is_there_when_it_is_asked_for() -> None:
    kinds = {"ServiceMonitor", "PodMonitor", "PrometheusRule"}
    assert not kinds & {item["kind"] for item in template()}
    items = template("serviceMonitor.enabled=true", "alerts.enabled=true", "dashboard.enabled=true")
    assert kinds <= {item["kind"] for item in items}
    (rules,) = of_kind(items, "PrometheusRule")
    assert rules["spec"] == yaml.safe_load((FILES / "alerts.yaml").read_text())
    (board,) = (item for item in of_kind(items, "ConfigMap") if "slipway.json" in item["data"])
    assert json.loads(board["data"]["slipway.json"])["title"] == "Slipway"
    assert board["metadata"]["labels"]["grafana_dashboard"] == "1"
