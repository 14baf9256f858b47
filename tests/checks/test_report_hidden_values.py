"""No secret is in any form of a report."""

import base64
import json
from typing import Any
from urllib.parse import quote

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from checks.diagnostic import Diagnostic
from checks.plan import read_plan
from checks.rendering.html import render_html
from checks.rendering.json_report import render_json
from checks.rendering.markdown import render_check_run, render_markdown
from checks.rendering.text import render_text
from checks.report import RunReport
from checks.report.root_reports import report_failure, report_plan
from checks.sensitive import Mask
from tests.checks.any_report import many, plan_of, run_of

secrets = (
    st.text(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/+=\"'\\\n%&<>|`* ", min_size=12, max_size=40
    )
    .filter(lambda text: len(text.strip()) >= 12 and len(set(text)) > 5)
    .map(lambda text: f"Zq7{text}")
)


def plain_places(secret: str) -> dict[str, Any]:
    return {
        "alone": secret,
        "inside": f"postgres://app:{secret}@db.example/orders",
        "json": json.dumps({"password": secret, "rest": [secret]}),
        "lines": f"#!/bin/sh\nexport PASSWORD={secret}\nrun\n",
        "base64": base64.b64encode(secret.encode()).decode(),
        "url": f"https://example.org/?q={quote(secret, safe='')}",
        "nested": {"list": [{"name": "x", "value": secret}, secret], "map": {secret: 1}},
        "long": "0123456789" * 20 + secret + "9876543210" * 20,
    }


def every_form(run: RunReport) -> str:
    output = render_check_run(run)
    annotations = "\n".join(f"{a.title} {a.message} {a.path}" for a in output.annotations)
    stored = msgspec.json.encode(run).decode()
    forms = (output.title, output.summary, output.text or "", annotations, render_markdown(run), stored)
    return "\n".join((*forms, render_text(run), render_text(run, colour=True), render_html(run), render_json(run)))


def assert_hidden(secret: str, text: str) -> None:
    escaped = json.dumps(secret)[1:-1]
    for form in {secret, secret.strip(), escaped, json.dumps(escaped)[1:-1], quote(secret, safe="")}:
        assert form not in text
    assert base64.b64encode(secret.encode()).decode().rstrip("=")[:-1] not in text


@many
@given(secrets, secrets, st.sampled_from([["create"], ["delete"], ["update"], ["delete", "create"]]))
def test_no_value_from_vault_is_in_any_form_of_the_report(old: str, new: str, actions: list[str]) -> None:
    before = None if actions == ["create"] else plain_places(old)
    after = None if actions == ["delete"] else plain_places(new)
    mask = Mask.of([old, new])
    names = {"environment": "testing", "workspace": "testing", "mask": mask}
    complaint = Diagnostic(severity="error", summary=f"bad {new}", detail=f"{old}\n{new}", snippet=new, path="main.tf")
    planned = report_plan(
        read_plan(plan_of(before, after, actions=actions, output=plain_places(new))),
        root_module="a",
        diagnostics=[complaint],
        warnings=[new],
        **names,  # type: ignore[arg-type]
    )
    failed = report_failure(root_module="b", cause=f"failed: {new}", diagnostics=[complaint], **names)  # type: ignore[arg-type]
    text = every_form(run_of(planned, failed, conclusion="failure", cause=None))
    assert_hidden(old, text)
    assert_hidden(new, text)


@many
@given(secrets, secrets, st.sampled_from(["before", "after", "both"]))
def test_no_value_that_terraform_marks_is_in_any_form_of_the_report(old: str, new: str, marked: str) -> None:
    before = {"name": "x", "password": old, "nested": [{"name": "k", "token": old}], "plain": 1}
    after = {"name": "x", "password": new, "nested": [{"name": "k", "token": new}], "plain": 2}
    marks = {"password": True, "nested": [{"token": True}]}
    raw = json.loads(plan_of(before, after, actions=["update"], marks=marks))
    for part in ("resource_changes", "resource_drift"):
        change = raw[part][0]["change"]
        if marked == "before":
            change["after_sensitive"] = {}
        if marked == "after":
            change["before_sensitive"] = {}
    report = report_plan(
        read_plan(json.dumps(raw).encode()),
        root_module=".",
        environment="testing",
        workspace="default",
        mask=Mask.none(),
    )
    text = every_form(run_of(report))
    assert_hidden(old, text)
    assert_hidden(new, text)
