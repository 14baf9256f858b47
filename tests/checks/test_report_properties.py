"""Whatever Terraform prints: limits hold, and the Markdown keeps its structure."""

import json
import re
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from checks.plan import Counts, read_plan
from checks.rendering.html import render_html
from checks.rendering.json_report import json_schema, render_json
from checks.rendering.markdown import LIMIT_BYTES, render_check_run, render_markdown
from checks.rendering.text import render_text
from checks.report import RootReport, RunReport
from checks.report.change_report import ChangeReport
from checks.report.root_reports import report_failure, report_plan
from checks.sensitive import Mask
from tests.checks.any_report import many, plan_of, run_of, runs, some, texts
from tests.checks.meant_markdown import assert_meant


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
    # All on the same report, since generating one takes longer than rendering it.
    for holds in OF_ANY_REPORT:
        holds(run)


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
    if json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True):  # in Python, False == 0 == 0.0
        assert not any(change.attributes for change in report.changes)


@cache
def validator() -> Any:
    """The validator of reports against the schema. It is made once, since making it takes longer than a validation."""
    jsonschema = pytest.importorskip("jsonschema")
    schema = json_schema()
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


@example("a `b` c")
@given(texts)
@some
def test_the_json_follows_its_schema(text: str) -> None:
    failed = report_failure(
        root_module="a", environment="testing", workspace="default", cause=text, mask=Mask.none(), warnings=[text]
    )
    run = run_of(failed, conclusion="failure", cause=text.encode("utf-8", "replace").decode())
    validator().validate(json.loads(render_json(run)))


def size(text: str) -> int:
    return len(text.encode("utf-8"))


def allowed_urls(run: RunReport) -> set[str]:
    return {url for url in (run.blob_url, run.run_url) if url}
