"""init, plan and show share one time limit, and an exceeded limit is reported. The engine is a small program."""

import asyncio
import json
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from checks.diagnostic import Diagnostic
from checks.plan.apply_stream import ResourceResult
from ghapp.errors import JobError
from ghapp.flows.root_module import plan_reading
from ghapp.flows.root_module.failures import Command, cause_of, cause_of_limit
from ghapp.flows.root_module.terraform_plan import FailedCommand, Planned, make_plan
from ghapp.processes import NO_LIMITS, Exceeded, Limits, Stop
from ghapp.terraform import Failure, Finished, Terraform, prepare_workdir
from ghapp.terraform.failures import read_failure

MB = 1_000_000


def plan(directory: Path, script: str, *, timeout_s: float = 30, limits: Limits = NO_LIMITS) -> Planned | FailedCommand:
    """Plan with an engine that runs this script for its command `command`, and does nothing for other commands."""
    checkout = directory / "checkout"
    (checkout / "network").mkdir(parents=True)
    engine = directory / "engine.py"
    head = "import json, os, sys, time\nfrom pathlib import Path\ncommand = sys.argv[1]\n"
    engine.write_text(head + textwrap.dedent(script))
    terraform = Terraform(argv=(sys.executable, "-I", "-S", str(engine)), name="terraform", version="1.11.4")

    async def planned() -> Planned | FailedCommand:
        async with prepare_workdir(
            directory / "runs", checkout=checkout, root_module="network", limits=limits
        ) as workdir:
            return await make_plan(
                terraform,
                workdir,
                environment="testing",
                lock=False,
                log=lambda line: None,
                foreign=lambda line: None,
                stop=Stop(deadline_s=5),
                timeout_s=timeout_s,
                wait_for_writer=waited,
            )

    async def waited() -> None:
        await asyncio.sleep(3)

    return asyncio.run(planned())


@pytest.mark.parametrize(
    ("slow", "timeout_s", "command"),
    [({"init": 60.0}, 0.5, "init"), ({"init": 1.0, "plan": 1.0, "show": 60.0}, 6, "show")],
)
def test_the_commands_have_their_time_together(
    tmp_path: Path, slow: dict[str, float], timeout_s: float, command: str
) -> None:
    not_done = plan(tmp_path, f"time.sleep({slow!r}.get(command, 0))", timeout_s=timeout_s)
    assert isinstance(not_done, FailedCommand)
    assert (not_done.command, not_done.finished.timed_out) == (command, True)
    assert not_done.cause("network", "testing") == (
        f"network in testing: terraform {command} hit its time limit. Split the root module into smaller ones, or ask "
        "the operator to raise PLANWARD_PLAN_TIMEOUT_S, then press Re-run"
    )
    spent_before_s = sum(slow.values()) - slow[command]
    assert not_done.finished.took_s < timeout_s - spent_before_s + 1


def test_waiting_for_an_apply_does_not_count_toward_the_time_limit(tmp_path: Path) -> None:
    diagnostic = {
        "type": "diagnostic",
        "@message": "Error",
        "diagnostic": {"severity": "error", "summary": "Error loading state: broken"},
    }
    script = f"""\
        seen = Path(os.environ["TF_DATA_DIR"], "seen")
        if command == "plan" and not seen.exists():
            seen.touch()
            print({json.dumps(diagnostic)!r})
            sys.exit(1)
        sys.exit(0 if command in ("init", "plan") else 3)
        """
    with pytest.raises(JobError, match="cannot be shown"):
        plan(tmp_path, script, timeout_s=3)


def test_a_plan_file_that_is_too_large_is_not_shown(tmp_path: Path) -> None:
    script = """\
        if command == "plan":
            [out] = [word for word in sys.argv if word.startswith("-out=")]
            Path(out.removeprefix("-out=")).write_bytes(bytes(3_000_000))
        elif command == "show":
            sys.exit("shown")
        """
    not_done = plan(tmp_path, script, limits=Limits(output_bytes=2 * MB))
    assert isinstance(not_done, FailedCommand)
    assert not_done.cause("network", "testing") == (
        "network in testing: terraform plan wrote a plan of 3 MB, more than the 2 MB of PLANWARD_OUTPUT_LIMIT_MB. "
        "Split the root module into smaller ones, or ask the operator to raise PLANWARD_OUTPUT_LIMIT_MB, then "
        "press Re-run"
    )


def test_a_plan_json_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    script = 'if command == "show": print("x" * 3_000_000)'
    not_done = plan(tmp_path, script, limits=Limits(output_bytes=10 * MB, read_whole_bytes=2 * MB))
    assert isinstance(not_done, FailedCommand)
    assert not_done.cause("network", "testing") == (
        "network in testing: terraform show wrote a plan of 3 MB, more than the 2 MB of PLANWARD_PLAN_LIMIT_MB. "
        "Split the root module into smaller ones, or ask the operator to raise PLANWARD_PLAN_LIMIT_MB, then press "
        "Re-run"
    )


def test_a_plan_that_takes_too_long_to_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_reading, "LONGEST_S", 1.0)
    ended = threading.Event()

    async def read() -> None:
        try:
            await plan_reading.read_in_time("network in testing", ended.wait, 60)
        finally:
            ended.set()

    with pytest.raises(JobError) as given_up:
        asyncio.run(read())
    assert str(given_up.value) == (
        "network in testing: reading the plan and hiding its secrets took longer than 1 s, so Planward gave up: "
        "split the root module into smaller ones"
    )


def test_only_some_of_countless_diagnostics_are_kept_and_warnings_hide_no_error(tmp_path: Path) -> None:
    warning = {"severity": "warning", "summary": "deprecated", "detail": "x" * 10_000}
    error = {"severity": "error", "summary": "it failed", "detail": ""}
    messages = [{"type": "diagnostic", "@message": "m", "diagnostic": each} for each in (warning, error)]
    script = f"""\
        if command == "plan":
            for _ in range(2_000): print({json.dumps(messages[0])!r})
            print({json.dumps(messages[1])!r})
            sys.exit(1)
        print('{{"diagnostics": []}}')
        """
    not_done = plan(tmp_path, script)
    assert isinstance(not_done, FailedCommand)
    assert (not_done.finished.failure, not_done.diagnostics[-1].summary) == (Failure.OTHER, "it failed")
    assert len(not_done.finished.diagnostics) < 1_700
    assert not_done.cause("network", "testing") == "network in testing: plan failed: it failed"


MEMORY = Exceeded(limit="memory", size_bytes=1_234 * MB, allowed_bytes=1_000 * MB)
KERNEL = Exceeded(limit="memory", size_bytes=1_000 * MB, allowed_bytes=1_000 * MB)
TASKS = Exceeded(limit="tasks", size_bytes=10_000, allowed_bytes=1_000)
OUTPUT = Exceeded(limit="output", size_bytes=257 * MB, allowed_bytes=256 * MB)


@pytest.mark.parametrize(
    ("command", "finished", "held_lock", "said"),
    [
        (
            "plan",
            Finished(exit_code=-9, exceeded=MEMORY),
            False,
            "terraform plan took 1,234 MB of memory, more than the 1,000 MB of PLANWARD_MEMORY_LIMIT_MB. "
            "Split the root module into smaller ones, or ask the operator to raise PLANWARD_MEMORY_LIMIT_MB, then "
            "press Re-run",
        ),
        (
            "plan",
            Finished(exit_code=-9, exceeded=KERNEL),
            False,
            "terraform plan needed more memory than the 1,000 MB of PLANWARD_MEMORY_LIMIT_MB. "
            "Split the root module into smaller ones, or ask the operator to raise PLANWARD_MEMORY_LIMIT_MB, then "
            "press Re-run",
        ),
        (
            "plan",
            Finished(exit_code=-9, exceeded=TASKS),
            False,
            "terraform plan had 10,000 processes and threads, ten times PLANWARD_PROCESS_LIMIT (1,000). "
            "Split the root module into smaller ones, or ask the operator to raise PLANWARD_PROCESS_LIMIT, then "
            "press Re-run",
        ),
        (
            "plan",
            Finished(exit_code=-9, exceeded=OUTPUT),
            True,
            "terraform plan printed more than the 256 MB of PLANWARD_OUTPUT_LIMIT_MB. It was killed: the state may be "
            "locked (then comment `planward unlock -d network -e staging` on a pull request). Split the root module "
            "into smaller ones, or ask the operator to raise PLANWARD_OUTPUT_LIMIT_MB, then press Re-run",
        ),
        (
            "apply",
            Finished(exit_code=1, exceeded=MEMORY),
            True,
            "terraform apply took 1,234 MB of memory, more than the 1,000 MB of PLANWARD_MEMORY_LIMIT_MB. "
            "It was interrupted: what was applied until then is in the state, the rest was not applied. "
            "Split the root module into smaller ones, or ask the operator to raise PLANWARD_MEMORY_LIMIT_MB, then "
            "press Re-run",
        ),
        (
            "apply",
            Finished(exit_code=-9, timed_out=True),
            True,
            "terraform apply hit its time limit. It was killed: the state may lack the resources that were being "
            "created (before Re-run, import or delete those that exist), and may be "
            "locked (then comment `planward unlock -d network -e staging` on a pull request). Split the root module "
            "into smaller ones, or ask the operator to raise PLANWARD_APPLY_TIMEOUT_S, then press Re-run",
        ),
        (
            "apply",
            Finished(exit_code=1, timed_out=True),
            True,
            "terraform apply hit its time limit. It was interrupted: what was applied until then is in the state, the "
            "rest was not applied. Split the root module into smaller ones, or ask the operator to raise "
            "PLANWARD_APPLY_TIMEOUT_S, then press Re-run",
        ),
    ],
)
def test_the_exceeded_limit_and_its_effect_on_the_state_are_reported(
    command: Command, finished: Finished, held_lock: bool, said: str
) -> None:
    cause = cause_of_limit(finished, command, "network", "staging", held_lock=held_lock)
    assert cause == f"network in staging: {said}"


def test_a_failure_without_an_exceeded_limit_mentions_no_limits() -> None:
    assert cause_of_limit(Finished(exit_code=1), "apply", "network", "staging", held_lock=True) is None


def test_a_workspace_with_remote_execution_is_reported_with_a_remedy() -> None:
    detail = 'The "remote" backend does not support saving the generated execution plan locally at this time.'
    diagnostic = Diagnostic(
        severity="error", summary="Saving a generated plan is currently not supported", detail=detail
    )
    failure, _ = read_failure([diagnostic])
    assert failure is Failure.RUNS_ELSEWHERE
    finished = Finished(exit_code=1, failure=failure, diagnostics=(diagnostic,))
    assert cause_of(finished, "plan", "network", "staging") == (
        "network in staging: HCP Terraform runs this workspace on its own machines, and gives Planward no plan to show "
        "and apply. Set the workspace's execution mode to Local in HCP Terraform and press Re-run, or use another "
        "backend and push"
    )


def test_of_several_errors_the_first_by_file_and_line_is_the_cause() -> None:
    errors = [
        Diagnostic(severity="error", summary=f"error {line}", path=path, start_line=line)
        for path, line in ((None, None), ("network/main.tf", 32), ("network/main.tf", 5), ("network/z.tf", 1))
    ]
    warning = Diagnostic(severity="warning", summary="a warning", path="network/a.tf", start_line=1)
    finished = Finished(exit_code=1, failure=Failure.OTHER, diagnostics=(warning, *errors))
    assert cause_of(finished, "plan", "network", "staging") == (
        "network in staging: plan failed: error 5 (network/main.tf:5)"
    )


ONE_OF_TWO = (
    ResourceResult(address="aws_vpc.main", action="create", outcome="applied"),
    ResourceResult(address="aws_lb.web", action="create", outcome="interrupted"),
)


@pytest.mark.parametrize(
    ("finished", "said"),
    [
        (
            Finished(exit_code=1, timed_out=True),
            "terraform apply hit its time limit, after 1 of 2 changes. It was interrupted: what was applied until then "
            "is in the state, the rest was not applied. Split the root module into smaller ones, or ask the operator "
            "to raise PLANWARD_APPLY_TIMEOUT_S, then press Re-run",
        ),
        (
            Finished(exit_code=-9),
            "terraform apply was killed from outside after 1 of 2 changes (signal 9, probably because the "
            "machine ran out of memory): the state may lack the resources that were being created (before Re-run, "
            "import or delete those that exist), and may be locked (then comment `planward unlock -d network -e "
            "staging` on a pull request). Ask the operator to lower PLANWARD_CONCURRENCY or to give the "
            "machine more memory, then press Re-run",
        ),
        (
            Finished(exit_code=-15),
            "terraform apply was stopped from outside after 1 of 2 changes (signal 15): the state may lack the "
            "resources that were being created (before Re-run, import or delete those that exist), and may be "
            "locked (then comment `planward unlock -d network -e staging` on a pull request). "
            "Press Re-run; if it happens again, ask the operator what stops it",
        ),
        (
            Finished(exit_code=1, diagnostics=(Diagnostic(severity="error", summary="quota exceeded"),)),
            "apply failed after 1 of 2 changes: quota exceeded",
        ),
    ],
)
def test_an_apply_over_a_limit_names_the_limit_and_its_progress(finished: Finished, said: str) -> None:
    not_done = FailedCommand(command="apply", finished=finished, held_lock=True, results=ONE_OF_TWO)
    assert not_done.cause("network", "staging") == f"network in staging: {said}"


@pytest.mark.parametrize("host", ["", ", HostID: pd7Bm1lYQ0c/Uo+3x="])
def test_the_text_that_aws_writes_before_the_cause_is_left_out_of_the_first_line(host: str) -> None:
    response = f", https response error StatusCode: 409, RequestID: 6b1d5c9e-0a41-4d3f-9c57-7f5d1e2a9b10{host}"
    summary = f"creating S3 Bucket (logs): operation error S3: CreateBucket{response}, BucketAlreadyExists: taken."
    finished = Finished(exit_code=1, diagnostics=(Diagnostic(severity="error", summary=summary),))
    assert cause_of(finished, "apply", "network", "staging") == (
        "network in staging: apply failed: creating S3 Bucket (logs): operation error S3: CreateBucket: "
        "BucketAlreadyExists: taken"
    )
