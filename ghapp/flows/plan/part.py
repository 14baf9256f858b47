"""One pull request's part of a plan run."""

from typing import Literal

import msgspec

from checks import gate
from checks.diagnostic import Diagnostic
from ghapp.flows.root_module.count_state import RemovedJob
from ghapp.flows.root_module.job import RootOutcome
from ghapp.store import Run
from ghapp.values import CommitSha, EnvironmentName, TreeId


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One pull request's part of a plan run. Open pull requests with the same head share a run."""

    pull_request: int
    environment: EnvironmentName
    """The environment of the pull request's base branch."""
    base_sha: CommitSha
    config_sha: CommitSha
    tree: TreeId = TreeId("")
    layers: tuple[tuple[str, ...], ...] = ()
    preview_layers: tuple[tuple[str, ...], ...] = ()
    kept: tuple[RootOutcome, ...] = ()
    """Testing's plans from the previous run, for root modules that are not planned again."""
    has_preview: bool = False
    """Whether the pull request gets a preview, now or after somebody has allowed the preview."""
    refused: str | None = None
    """Why the check run has to fail, even if all plans succeed; None if there is no such reason."""
    held: str | None = None
    """Why nothing happens until a person acts; None if nobody has to. If a button is enough, `button` names it. If a
    comment is enough, `paste` is its text."""
    button: Literal["approve_plan", "preview", "confirm_destroy", "apply"] | None = None
    paste: str | None = None
    notes: tuple[str, ...] = ()
    removed: tuple[RemovedJob, ...] = ()
    """The root modules that the pull request removes."""
    from_fork: bool = False
    four_eyes: bool = True
    """Whether people who wrote or pushed the pull request are excluded from confirming what it destroys."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Errors in the config that the pull request proposes."""


def hold_part(part: Part, run: Run, hold: gate.Hold) -> Part:
    """The part, which waits until a person decides about the hold."""
    verb = "approve" if hold.button == "approve_plan" else "preview"
    paste = f"planward {verb} {run.head_sha}"
    return msgspec.structs.replace(part, held=hold.cause, button=hold.button, paste=paste)
