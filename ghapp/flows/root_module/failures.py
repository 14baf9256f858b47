"""Make the first line that people read if Terraform did not succeed: what failed, where, what to do."""

import re
import signal
from collections.abc import Sequence
from typing import Literal, assert_never

from checks.diagnostic import Diagnostic
from checks.plan.apply_stream import ResourceResult
from checks.rendering.order import place_of
from ghapp.processes import Exceeded
from ghapp.terraform import Failure, Finished

Command = Literal["init", "plan", "show", "apply"]

_AWS_RESPONSE = re.compile(
    r", https response error StatusCode: \d{3}, RequestID: [\w-]{0,100}(?:, HostID: [^\s,]{0,200})?(?:,|$)"
)
"""The AWS SDK's text before the cause. It would push the cause out of a title; the whole error is shown below."""

_PROVIDER = re.compile(r"\bprovider ([\w-]+(?:[.][\w-]+)*(?:/[\w-]+)+)")
"""The provider in the detail of a failed installation: `HOST/NAMESPACE/TYPE`, or without the host."""


def how_far(results: Sequence[ResourceResult]) -> str:
    """The progress of an apply, as a suffix: " after 12 of 40 changes"; empty if it had not begun any."""
    if not results:
        return ""
    applied = sum(each.outcome == "applied" for each in results)
    return f" after {applied:,} of {len(results):,} change{'' if len(results) == 1 else 's'}"


def cause_of_limit(
    finished: Finished, command: Command, root_module: str, environment: str, *, held_lock: bool, how_far: str = ""
) -> str | None:
    """Say which limit `terraform COMMAND` exceeded, and how that left the state; None if it exceeded none."""
    if finished.exceeded is not None:
        took, limit = _describe_exceeded(finished.exceeded)
    elif finished.timed_out:
        took = "hit its time limit"
        limit = "PLANWARD_APPLY_TIMEOUT_S" if command == "apply" else "PLANWARD_PLAN_TIMEOUT_S"
    else:
        return None
    state = ""
    if held_lock and finished.exit_code < 0:
        state = f" It was killed: {_describe_state_after_kill(command, root_module, environment)}."
    elif command == "apply":
        state = " It was interrupted: what was applied until then is in the state, the rest was not applied."
    return (
        f"{root_module} in {environment}: terraform {command} {took}{f',{how_far}' if how_far else ''}.{state} "
        f"Split the root module into smaller ones, or ask the operator to raise {limit}, then press Re-run"
    )


def _describe_state_after_kill(command: str, root_module: str, environment: str) -> str:
    made = "may lack the resources that were being created (before Re-run, import or delete those that exist), and "
    lacks = made if command == "apply" else ""
    return f"the state {lacks}may be locked (then {_unlock(root_module, environment)})"


def _unlock(root_module: str, environment: str) -> str:
    return f"comment `planward unlock -d {root_module} -e {environment}` on a pull request"


def _describe_exceeded(exceeded: Exceeded) -> tuple[str, str]:
    """A phrase with the amount that was used, and the setting that limits it."""
    size, allowed = (f"{number / 1_000_000:,.0f} MB" for number in (exceeded.size_bytes, exceeded.allowed_bytes))
    match exceeded.limit:
        case "memory":
            limit = "PLANWARD_MEMORY_LIMIT_MB"
            if exceeded.size_bytes <= exceeded.allowed_bytes:  # the kernel gave it no more
                return f"needed more memory than the {allowed} of {limit}", limit
            return f"took {size} of memory, more than the {allowed} of {limit}", limit
        case "processes":
            limit = "PLANWARD_PROCESS_LIMIT"
            took = f"had {exceeded.size_bytes:,} processes, more than the {exceeded.allowed_bytes:,} of {limit}"
            return took, limit
        case "tasks":
            limit = "PLANWARD_PROCESS_LIMIT"
            took = f"had {exceeded.size_bytes:,} processes and threads, ten times {limit} ({exceeded.allowed_bytes:,})"
            return took, limit
        case "processor":
            limit = "PLANWARD_CPU_LIMIT_S"
            seconds, most = (f"{number:,} s" for number in (exceeded.size_bytes, exceeded.allowed_bytes))
            return f"took {seconds} of processor time, more than the {most} of {limit}", limit
        case "disk":
            limit = "PLANWARD_RUN_DISK_LIMIT_MB"
            return f"wrote {size} to the disk, more than the {allowed} of {limit}", limit
        case "output":
            limit = "PLANWARD_OUTPUT_LIMIT_MB"
            return f"printed more than the {allowed} of {limit}", limit
        case "file":
            limit = "PLANWARD_OUTPUT_LIMIT_MB"
            return f"wrote a plan of {size}, more than the {allowed} of {limit}", limit
        case "read whole":
            limit = "PLANWARD_PLAN_LIMIT_MB"
            return f"wrote a plan of {size}, more than the {allowed} of {limit}", limit
        case _ as never:
            assert_never(never)


def cause_of(finished: Finished, command: str, root_module: str, environment: str, *, how_far: str = "") -> str:
    """Say why `terraform COMMAND` failed; `finished` was neither interrupted nor timed out."""
    where = f"{root_module} in {environment}"
    if finished.exit_code < 0:
        left = f": {_describe_state_after_kill(command, root_module, environment)}" if command == "apply" else ""
        ended, reason, way_out = _describe_signal(-finished.exit_code)
        return f"{where}: terraform {command} {ended}{how_far} (signal {-finished.exit_code}{reason}){left}. {way_out}"
    errors = (each for each in finished.diagnostics if each.severity == "error")
    first = min(errors, key=place_of, default=None)  # Terraform's own order differs between runs
    said = (
        _error_text(first) if first is not None else f"terraform {command} ended with exit status {finished.exit_code}"
    )
    match finished.failure:
        case Failure.STATE_LOCKED:
            lock = finished.state_lock
            held = f" since {lock.created} by {lock.who} ({lock.operation})" if lock is not None and lock.who else ""
            name = "" if lock is None else f", lock id {lock.id}"
            return (
                f"{where}: the state is locked{held}{name}. Wait until that run has ended and press "
                f"Re-run. If it is not running any more, {_unlock(root_module, environment)} first"
            )
        case Failure.PROVIDER_UNAVAILABLE:
            provider = _provider(first)
            return (
                f"{where}: {provider} cannot be installed: {said}. Correct required_providers or the lock file and "
                "push; if the registry just did not answer, press Re-run"
            )
        case Failure.MODULE_UNAVAILABLE:
            return (
                f"{where}: a module cannot be installed: {said}. Correct its source and push. If the source is right, "
                "and it is a private repository of the same owner, ask the operator to list it in "
                "PLANWARD_MODULE_REPOSITORIES, then press Re-run. A fork's pull request gets no access to it: push its "
                "branch to this repository"
            )
        case Failure.STATE_UNREADABLE:
            return (
                f"{where}: the state cannot be read: {said}. Correct the backend's configuration and push; or correct "
                "its credentials or permissions where they are kept, then press Re-run"
            )
        case Failure.WORKSPACE_MISSING:
            return (
                f"{where}: its workspace does not exist: {said}. Create it (`terraform workspace new NAME`) and press "
                "Re-run, or name another in .github/planward.yml (workspace, under root_modules) and push"
            )
        case Failure.VERSION_UNSUPPORTED:
            return (
                f"{where}: {said}. Correct required_version and push, or ask the operator to install a version that "
                "fits, then press Re-run"
            )
        case Failure.PLAN_STALE:
            return f"{where}: the state changed between plan and apply. Press Re-run to plan and apply again"
        case Failure.RUNS_ELSEWHERE:
            return (
                f"{where}: HCP Terraform runs this workspace on its own machines, and gives Planward no plan to show "
                "and apply. Set the workspace's execution mode to Local in HCP Terraform and press Re-run, or use "
                "another backend and push"
            )
        case Failure.OTHER | None:
            return f"{where}: {command} failed{how_far}: {said}"
        case _ as never:
            assert_never(never)


def _describe_signal(number: int) -> tuple[str, str, str]:
    """How a signal ended the command, the probable reason, and what to do."""
    if number == signal.SIGKILL:
        return (
            "was killed from outside",
            ", probably because the machine ran out of memory",
            "Ask the operator to lower PLANWARD_CONCURRENCY or to give the machine more memory, then press Re-run",
        )
    ended = "was stopped from outside" if number in _STOPPING else "crashed"
    return ended, "", "Press Re-run; if it happens again, ask the operator what stops it"


_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


def _provider(diagnostic: Diagnostic | None) -> str:
    found = None if diagnostic is None else _PROVIDER.search(" ".join(diagnostic.detail.split()))
    return "a provider" if found is None else f"the provider {found[1]}"


def _error_text(diagnostic: Diagnostic) -> str:
    at = ""
    if diagnostic.path is not None:
        at = f" ({diagnostic.path}" + (f":{diagnostic.start_line}" if diagnostic.start_line else "") + ")"
    return _AWS_RESPONSE.sub(":", " ".join(diagnostic.summary.split())).rstrip(".") + at
