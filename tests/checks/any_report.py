"""Generate reports and plans with any content, including hostile texts."""

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from checks.declaration import Declaration
from checks.diagnostic import Diagnostic
from checks.plan import Counts
from checks.report import RootReport, RunReport
from checks.report.change_report import SECTIONS, AttributeChange, ChangeReport, CheckReport, Finding, InvocationReport
from tests.examples import examples

BLOB_URL = "https://github.com/acme/infra/blob/0123456789abcdef0123456789abcdef01234567"
RUN_URL = "https://planward.acme.example/runs/42"
HOSTILE = (
    "```", "````diff", "~~~", "</details>", "<summary>", "<script>alert(1)</script>", "<!--", "| a | b |", "\\|", "`",
    "``", "\n", "\r\n", "\n\n", "\t", "    ", "- x", "# x", "> x", "1. x", "---", "===", "@acme/team", "#1", "GH-1",
    "acme/infra#12", "[x](javascript:alert(1))", "![x](https://evil.example/x.png)", "<https://evil.example>",
    "https://github.com/acme/infra/issues/1", "www.evil.example", "\u202e", "\u2066", "\u200b", "\x1b[31m",
    "\x00", "\x07", "\u2028", "&lt;", "&#64;acme", "\\", "*x*", "__x__", "~~x~~", "$x$", "👨‍👩‍👧", "é", "\ud800",
    "a" * 300, "{{", "]]>", '"', "'",
)  # fmt: skip
texts = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=8), max_size=6).map("".join)
some = settings(max_examples=examples(60))
many = settings(some, max_examples=examples(150))

declarations = st.builds(Declaration, path=texts, start_line=st.integers(1, 999), end_line=st.integers(1, 999))
attributes = st.builds(
    AttributeChange,
    path=texts,
    old=st.none() | texts,
    new=st.none() | texts,
    lines=st.lists(texts.map(lambda text: f"+ {text}"), max_size=3).map(tuple),
    forces_replacement=st.booleans(),
)
findings = st.builds(Finding, scanner=texts, rule=texts, message=texts, severity=texts, attribute=texts)
changes = st.builds(
    ChangeReport,
    address=texts,
    type=texts,
    action=st.sampled_from(["create", "delete", "update", "delete-create", "no-op", "forget", "read"]),
    section=st.sampled_from(SECTIONS),
    identity=st.lists(texts, max_size=2).map(tuple),
    attributes=st.lists(attributes, max_size=4).map(tuple),
    findings=st.lists(findings, max_size=2).map(tuple),
    marks=st.sampled_from([(), ("database",), ("opens to the world",)]),
    previous_address=st.none() | texts,
    importing=st.none() | texts,
    reason=st.none() | texts,
    instances=st.just(()) | st.lists(texts, min_size=2, max_size=4).map(tuple),
    several_blocks=st.booleans(),
    declaration=st.none() | declarations,
)
invocations = texts | st.builds(
    InvocationReport,
    address=texts,
    event=texts,
    triggered_by=st.none() | texts,
    by_request=st.booleans(),
    attributes=st.lists(attributes, max_size=2).map(tuple),
    reason=st.none() | texts,
)
diagnostics = st.builds(
    Diagnostic,
    severity=st.sampled_from(["error", "warning"]),
    summary=texts,
    detail=texts,
    path=st.none() | texts,
    start_line=st.none() | st.integers(1, 99),
    end_line=st.none() | st.integers(1, 99),
    start_column=st.none() | st.integers(1, 99),
    end_column=st.none() | st.integers(1, 99),
    address=st.none() | texts,
    snippet=st.none() | texts,
)
roots = st.builds(
    RootReport,
    root_module=texts,
    environment=st.sampled_from(["testing", "production"]),
    workspace=st.just("default"),
    outcome=st.sampled_from(["planned", "failed", "timed_out", "skipped", "applied"]),
    cause=st.none() | texts,
    counts=st.builds(Counts, add=st.integers(0, 9), replace=st.integers(0, 9), destroy=st.integers(0, 9)),
    diagnostics=st.lists(diagnostics, max_size=2).map(tuple),
    warnings=st.lists(texts, max_size=2).map(tuple),
    changes=st.lists(changes, max_size=4).map(tuple),
    drift=st.lists(changes, max_size=2).map(tuple),
    deferred=st.lists(changes, max_size=2).map(tuple),
    invocations=st.lists(invocations, max_size=2).map(tuple),
    errored=st.booleans(),
    outputs=st.lists(attributes, max_size=2).map(tuple),
    checks=st.lists(
        st.builds(CheckReport, address=texts, status=texts, messages=st.lists(texts, max_size=2).map(tuple)), max_size=2
    ).map(tuple),
)
runs = st.builds(
    RunReport,
    operation=st.sampled_from(["plan", "apply", "drift"]),
    environment=st.sampled_from(["testing", "staging"]),
    repository=st.just("acme/infra"),
    commit_sha=st.just("0123456789abcdef0123456789abcdef01234567"),
    conclusion=st.sampled_from(["success", "failure", "action_required", "timed_out", "cancelled"]),
    cause=st.none() | texts,
    notes=st.lists(texts, max_size=2).map(tuple),
    diagnostics=st.lists(diagnostics, max_size=1).map(tuple),
    roots=st.lists(roots, max_size=3).map(tuple),
    previews=st.lists(roots, max_size=1).map(tuple),
    paste=st.none() | texts,
    blob_url=st.none() | st.just(BLOB_URL) | texts,
    run_url=st.none() | st.just(RUN_URL) | texts,
)


def plan_of(before: Any, after: Any, *, actions: list[str], marks: Any = False, output: Any = None) -> bytes:
    change = {
        "actions": actions,
        "before": before,
        "after": after,
        "after_unknown": {},
        "before_sensitive": marks,
        "after_sensitive": marks,
    }
    outputs = {"o": {**change, "before": None, "after": output, "before_sensitive": marks, "after_sensitive": marks}}
    resource = {
        "address": "aws_x.y",
        "mode": "managed",
        "type": "aws_x",
        "name": "y",
        "provider_name": "registry.terraform.io/hashicorp/aws",
        "change": change,
    }
    plan = {
        "format_version": "1.2",
        "terraform_version": "1.11.4",
        "resource_changes": [resource],
        "resource_drift": [resource],
        "output_changes": outputs,
    }
    return json.dumps(plan).encode()


def run_of(*reports: RootReport, conclusion: Any = "success", cause: str | None = None) -> RunReport:
    return RunReport(
        operation="plan",
        environment="testing",
        repository="acme/infra",
        commit_sha="0123456789abcdef0123456789abcdef01234567",
        conclusion=conclusion,
        cause=cause,
        roots=reports,
        blob_url=BLOB_URL,
        run_url=RUN_URL,
    )
