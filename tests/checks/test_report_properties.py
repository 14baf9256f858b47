"""Whatever Terraform prints: limits hold, the Markdown keeps its structure, and it contains no secret."""

import base64
import json
import re
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from checks.declaration import Declaration
from checks.diagnostic import Diagnostic
from checks.plan import Counts, read_plan
from checks.rendering.html import render_html
from checks.rendering.json_report import json_schema, render_json
from checks.rendering.markdown import LIMIT_BYTES, render_check_run, render_markdown
from checks.rendering.text import render_text
from checks.report import RootReport, RunReport, report_failure, report_plan
from checks.report.change_report import SECTIONS, AttributeChange, ChangeReport, CheckReport, Finding, InvocationReport
from checks.sensitive import Mask

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
some = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
many = settings(some, max_examples=150)

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


def the_limits_hold_for_any_report(run: RunReport) -> None:
    for limit_bytes in (LIMIT_BYTES, 3_000):
        output = render_check_run(run, limit_bytes=limit_bytes)
        assert 0 < len(output.title) <= 255
        assert size(output.summary) <= limit_bytes
        assert size(output.text or "") <= limit_bytes
    for annotation in output.annotations:
        assert size(annotation.message) <= 64 * 1024
        assert len(annotation.title) <= 255
        assert 1 <= annotation.start_line <= annotation.end_line
    assert size(render_markdown(run)) <= LIMIT_BYTES


def test_the_limits_hold_for_a_plan_of_ten_thousand_destroyed_resources() -> None:
    names = [f"aws_db_instance.très_long_{'x' * 80}_{number}" for number in range(10_000)]
    destroyed = tuple(
        ChangeReport(address=a, type="aws_db_instance", action="delete", section="destroy") for a in names
    )
    counts = Counts(destroy=10_000)
    root = RootReport(
        root_module=".", environment="testing", workspace="default", outcome="planned", counts=counts, changes=destroyed
    )
    output = render_check_run(run_of(root))
    assert output.title == "10000 to destroy in testing"
    assert "- `-` **10,000 `aws_db_instance`**" in output.summary
    assert output.text is not None
    assert 64_000 < size(output.text) <= LIMIT_BYTES
    shown = output.text.count("\n- `-`")
    assert f"**Left out here**, since GitHub takes no more: {10_000 - shown:,} to destroy." in output.text


def test_the_limits_hold_for_a_thousand_root_modules() -> None:
    many = [
        RootReport(
            root_module=f"stacks/{n}",
            environment="testing",
            workspace="x",
            outcome="failed",
            cause=f"{n} {'é' * 9_000}",
        )
        for n in range(1_000)
    ]
    output = render_check_run(run_of(*many, conclusion="failure"))
    assert size(output.summary) <= LIMIT_BYTES
    assert "root modules. " in output.summary.splitlines()[-1]


def the_markdown_parses_into_the_structure_that_was_meant(run: RunReport) -> None:
    output = render_check_run(run)
    for markdown in (output.summary, output.text or "", render_markdown(run)):
        assert_meant(markdown, allowed_urls(run))


def the_markdown_still_parses_when_it_was_shortened(run: RunReport) -> None:
    output = render_check_run(run, limit_bytes=2_500)
    for markdown in (output.summary, output.text or ""):
        assert_meant(markdown, allowed_urls(run))


def the_html_holds_no_tag_that_planward_did_not_write(run: RunReport) -> None:
    html = render_html(run)
    tags = set(re.findall(r"<\s*/?\s*([a-zA-Z!?][^\s>/]*)", html))
    assert tags <= {
        "section", "h2", "h3", "h4", "p", "pre", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "code",
        "strong", "span", "details", "summary", "a", "div",
    }  # fmt: skip
    for attributes_text in re.findall(r"<[a-z0-9]+ ([^>]*)>", html):
        assert re.fullmatch(r'(?:(?:class|href)="[^"<>]*" ?|open ?)*', attributes_text)
    for tag in ("details", "table", "ul", "pre", "section", "div"):
        assert html.count(f"<{tag}") == html.count(f"</{tag}>")


def the_terminal_gets_no_control_characters(run: RunReport) -> None:
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", render_text(run))
    without_colours = re.sub(r"\x1b\[\d+m", "", render_text(run, colour=True))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", without_colours)


def a_report_is_rendered_the_same_each_time(run: RunReport) -> None:
    assert render_check_run(run) == render_check_run(run)


OF_ANY_REPORT = (
    the_limits_hold_for_any_report,
    the_markdown_parses_into_the_structure_that_was_meant,
    the_markdown_still_parses_when_it_was_shortened,
    the_html_holds_no_tag_that_planward_did_not_write,
    the_terminal_gets_no_control_characters,
    a_report_is_rendered_the_same_each_time,
)


@some
@given(runs)
def test_properties_of_every_report(run: RunReport) -> None:
    # One after the other on the same report: to make one up takes longer than to render it.
    for holds in OF_ANY_REPORT:
        holds(run)


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


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
).filter(lambda value: "\\ud800" not in json.dumps(value))
objects = st.dictionaries(st.sampled_from(["name", "tags", "rules", "policy", "size"]), json_values, max_size=5)


@many
@given(objects, objects, st.sampled_from([["update"], ["delete", "create"]]))
def test_any_two_values_are_compared_and_shown(before: Any, after: Any, actions: list[str]) -> None:
    plan = read_plan(plan_of(before, after, actions=actions, output=after))
    report = report_plan(plan, root_module=".", environment="testing", workspace="default", mask=Mask.none())
    run = run_of(report)
    assert msgspec.json.decode(msgspec.json.encode(run), type=RunReport) == run
    assert_meant(render_check_run(run).text or "", set())
    if before == after and not any(isinstance(value, bool | float) for value in before.values()):
        assert not any(change.attributes for change in report.changes)


@example("a `b` c")
@given(texts)
@some
def test_the_json_follows_its_schema(text: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    failed = report_failure(
        root_module="a", environment="testing", workspace="default", cause=text, mask=Mask.none(), warnings=[text]
    )
    run = run_of(failed, conclusion="failure", cause=text.encode("utf-8", "replace").decode())
    jsonschema.validate(json.loads(render_json(run)), json_schema())


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


def size(text: str) -> int:
    return len(text.encode("utf-8"))


def allowed_urls(run: RunReport) -> set[str]:
    return {url for url in (run.blob_url, run.run_url) if url}


PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
FOLD = re.compile(r"<details(?: open)?><summary>(?P<line>[^\n]*)</summary>\n?|</details>\n?")
IN_FOLD = re.compile(r'(?:<code>[^<>]*</code>|<b>[^<>]*</b>|<a href="[^"<>\s]*"><code>[^<>]*</code></a>|[^<>])*')


def assert_meant(markdown: str, urls: set[str]) -> None:
    """Nothing that Terraform printed became markup: no tag, link, picture, heading, mention or reference."""
    tokens = PARSER.parse(markdown)
    folds = 0
    for token in tokens:
        assert token.type in {
            "paragraph_open", "paragraph_close", "inline", "heading_open", "heading_close", "bullet_list_open",
            "bullet_list_close", "list_item_open", "list_item_close", "fence", "html_block", "table_open",
            "table_close", "thead_open", "thead_close", "tbody_open", "tbody_close", "tr_open", "tr_close", "th_open",
            "th_close", "td_open", "td_close",
        }, token.type  # fmt: skip
        if token.type == "html_block":
            match = FOLD.fullmatch(token.content)
            assert match, token.content
            folds += 1 if match["line"] is not None else -1
            assert folds in (0, 1)
            assert match["line"] is None or IN_FOLD.fullmatch(match["line"]), token.content
        if token.type == "inline":
            assert_inline_meant(token, urls)
    assert folds == 0
    assert_tables_are_even(tokens)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", markdown)


def assert_inline_meant(inline: Token, urls: set[str]) -> None:
    said = ""
    in_code = False
    for token in inline.children or ():
        assert token.type in {
            "text", "code_inline", "strong_open", "strong_close", "link_open", "link_close", "html_inline", "softbreak",
        }, (token.type, inline.content)  # fmt: skip
        if token.type == "html_inline":
            assert token.content in ("<code>", "</code>"), inline.content
            in_code = token.content == "<code>"
        if token.type == "link_open":
            assert any(str(token.attrs["href"]).startswith(url) for url in urls), inline.content
        said += "\0" if token.type != "text" or in_code else token.content
    assert not re.search(r"@\w|#\d|\bGH-\d", said), said


def assert_tables_are_even(tokens: list[Token]) -> None:
    widths = [0]
    for token in tokens:
        if token.type == "tr_open":
            widths.append(0)
        elif token.type in ("th_open", "td_open"):
            widths[-1] += 1
        elif token.type == "table_close":
            assert len(set(widths[1:])) == 1
            widths = [0]
