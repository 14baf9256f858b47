"""The Markdown that a reviewer sees for each real plan. PLANWARD_REWRITE_GOLDEN=1 writes the golden files again."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from checks.configuration import discover, read_file
from checks.diagnostic import Diagnostic
from checks.plan import read_plan
from checks.plan.apply_stream import ResourceResult
from checks.rendering.comment import render_comment
from checks.rendering.markdown import render_check_run
from checks.report import Annotation, CheckRunOutput, RootReport, RunReport
from checks.report.root_reports import report_failure, report_plan, report_skipped
from checks.sensitive import Mask

HERE = Path(__file__).parent
PLANS = HERE / "plans"
GOLDEN = HERE / "golden"
CASES = sorted(path.parent.name for path in PLANS.glob("*/plan.json"))


def root_of(case: str, *, root_module: str | None = None, environment: str = "testing") -> RootReport:
    directory = root_module or "infra"
    sources = {source.relative_to(PLANS / case).as_posix(): source for source in sorted((PLANS / case).rglob("*.tf"))}
    files = {
        f"{directory}/{path}": read_file(path, source.read_bytes())
        for path, source in sources.items()
        if not path.startswith("before")
    }
    declarations = next((root.declarations for root in discover(files).root_modules if root.dir == directory), {})
    return report_plan(
        read_plan((PLANS / case / "plan.json").read_bytes()),
        root_module=directory,
        environment=environment,
        workspace=environment,
        mask=Mask.none(),
        declarations=declarations,
    )


def run_of(*roots: RootReport, previews: tuple[RootReport, ...] = (), **changed: object) -> RunReport:
    values = {
        "operation": "plan",
        "environment": "testing",
        "repository": "acme/infrastructure",
        "commit_sha": "0123456789abcdef0123456789abcdef01234567",
        "conclusion": "success",
        "roots": roots,
        "previews": previews,
        "blob_url": "https://github.com/acme/infrastructure/blob/0123456789abcdef0123456789abcdef01234567",
        "run_url": "https://planward.acme.example/runs/42",
        **changed,
    }
    return RunReport(**values)  # type: ignore[arg-type]


def as_markdown(output: CheckRunOutput) -> str:
    """A whole check run as one file, in the order in which GitHub shows its parts."""
    text = f"\n---\n\n{output.text}\n" if output.text else ""
    annotations = "".join(f"\n{line}" for line in _annotation_lines(output.annotations))
    return f"# {output.title}\n\n{output.summary}\n{text}{annotations}"


def _annotation_lines(annotations: tuple[Annotation, ...]) -> Iterator[str]:
    if annotations:
        yield "---\n"
    for annotation in annotations:
        message = annotation.message.replace("\n", " / ")
        yield f"{annotation.path}:{annotation.start_line}-{annotation.end_line} {annotation.level}: {annotation.title}"
        yield f"    {message}\n"


def assert_golden(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.md"
    if os.environ.get("PLANWARD_REWRITE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES)
def test_a_real_plan_reads_as_its_golden_file_says(case: str) -> None:
    assert_golden(case, as_markdown(render_check_run(run_of(root_of(case)))))


def test_every_golden_file_of_a_plan_has_its_plan() -> None:
    assert {path.stem for path in GOLDEN.glob("*.md")} <= set(CASES)


def test_many_root_modules_stand_in_a_table_the_worst_first() -> None:
    roots = [
        root_of("no_changes", root_module="dns"),
        root_of("create", root_module="network"),
        root_of("replace_delete_first", root_module="database"),
        root_of("only_outputs", root_module="outputs"),
    ]
    assert_golden("runs/many_root_modules", as_markdown(render_check_run(run_of(*roots))))


def test_a_promotion_shows_the_preview_of_its_target() -> None:
    previews = (root_of("replace_delete_first", root_module="app", environment="production"),)
    run = run_of(root_of("update", root_module="app"), previews=previews)
    assert_golden("runs/preview", as_markdown(render_check_run(run)))


def test_a_failed_plan_begins_with_its_cause_and_shows_terraforms_words() -> None:
    failed = report_failure(
        root_module="network",
        environment="testing",
        workspace="testing",
        cause="terraform plan failed in `network`: Invalid reference. Correct network/main.tf line 7.",
        mask=Mask.of(["hunter2-hunter2"]),
        diagnostics=[
            Diagnostic(
                severity="error",
                summary="Invalid reference",
                detail="A reference to a resource type must be followed by at least one attribute.\n```\n@acme #1",
                path="network/main.tf",
                start_line=7,
                end_line=7,
                start_column=11,
                end_column=18,
                snippet='  value = aws_vpc # password "hunter2-hunter2"',
            ),
            Diagnostic(severity="warning", summary="Deprecated attribute", path="network/main.tf", start_line=3),
        ],
    )
    skipped = report_skipped(
        root_module="app", environment="testing", workspace="testing", cause="`network`, on which it depends, failed"
    )
    run = run_of(failed, skipped, root_of("update", root_module="dns"), conclusion="failure", cause=failed.cause)
    assert_golden("runs/failed", as_markdown(render_check_run(run)))


def test_a_run_that_waits_for_a_person_says_how_to_continue() -> None:
    run = run_of(
        root_of("replace_delete_first", root_module="database"),
        conclusion="action_required",
        cause="This plan replaces `terraform_data.server`, which the config wants confirmed by a second person.",
        notes=('Press the button "Confirm destroy" in the Checks tab.',),
        paste="planward confirm 0123456789abcdef",
    )
    assert_golden("runs/action_required", as_markdown(render_check_run(run)))


def test_an_apply_is_reported_in_one_comment() -> None:
    applied = [root_of("update", root_module="app").applied(), root_of("create", root_module="network").applied()]
    run = run_of(*applied, operation="apply", environment="testing")
    assert_golden("runs/applied_comment", render_comment(run) + "\n")


def test_an_apply_that_failed_says_what_it_did() -> None:
    results = (
        ResourceResult(address="aws_vpc.main", action="create", outcome="applied", took_s=65),
        ResourceResult(address="aws_db.orders", action="delete-create", outcome="failed", took_s=15, done=("delete",)),
        ResourceResult(address="aws_lb.web", action="update", outcome="interrupted"),
        *(ResourceResult(address=f"aws_sg.web[{n}]", action="create", outcome="not_reached") for n in range(3)),
    )
    cause = (
        "network in staging: apply failed after 1 of 6 changes: creating RDS DB Instance: quota (network/main.tf:12)"
    )
    error = Diagnostic(
        severity="error",
        summary="creating RDS DB Instance: quota",
        detail="InstanceQuotaExceeded: DB Instance quota exceeded",
        path="network/main.tf",
        start_line=12,
        address="aws_db.orders",
    )
    failed = report_failure(
        root_module="network",
        environment="staging",
        workspace="staging",
        cause=cause,
        mask=Mask.none(),
        diagnostics=[error],
        results=results,
    )
    run = run_of(
        failed,
        operation="apply",
        environment="staging",
        conclusion="failure",
        cause=cause,
        notes=("What was applied stays. Merge a correction, or press Re-run to plan again and apply the rest.",),
    )
    text = f"{as_markdown(render_check_run(run))}\n---- the comment\n\n{render_comment(run)}\n"
    assert_golden("runs/apply_failed", f"{text}\n---- the deployment\n\n{run.short_result}\n")


def test_a_pull_request_that_touches_no_root_module_says_so_in_its_title() -> None:
    assert render_check_run(run_of()).title == "no root module touched"


@pytest.mark.parametrize("limit_bytes", [60_000, 9_000, 6_000, 4_000, 2_500, 1_600, 1_000])
def test_a_text_that_is_too_long_shrinks_in_stages(limit_bytes: int) -> None:
    roots = [root_of(case, root_module=case) for case in CASES_OF_STAGES]
    output = render_check_run(run_of(*roots), limit_bytes=limit_bytes)
    assert len(output.summary.encode()) <= limit_bytes
    assert len((output.text or "").encode()) <= limit_bytes
    assert_golden(f"stages/{limit_bytes}_bytes", as_markdown(output))


CASES_OF_STAGES = [
    case
    for case in ("create", "update", "replace_delete_first", "delete", "destroy", "texts", "moved", "import", "modules")
    if case in CASES
]
