"""The content of a run's report, independent of its format: masked, ordered by danger, ready to be stored."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, Self

import msgspec

from checks.diagnostic import Diagnostic
from checks.plain_text import one_line, shorten
from checks.plan import Counts
from checks.plan.apply_stream import ResourceResult, words_of_results
from checks.plan.parity import PlanDifference
from checks.report.change_report import AttributeChange, ChangeReport, CheckReport, InvocationReport
from checks.report.graph import Dependency

Operation = Literal["plan", "apply", "drift"]
Conclusion = Literal["success", "failure", "action_required", "timed_out", "cancelled"]
Outcome = Literal["planned", "planned_at_apply", "failed", "timed_out", "skipped", "applied"]
NO_COUNTS = Counts()
_TITLE_LIMIT = 255


class Annotation(msgspec.Struct, frozen=True, kw_only=True):
    """A message about some lines of a file in the repository, in the form that GitHub's check runs use.

    Columns are set only if the annotation covers one line: GitHub refuses them otherwise.
    """

    path: str
    start_line: int
    end_line: int
    start_column: int | None = None
    end_column: int | None = None
    level: Literal["notice", "warning", "failure"]
    title: str
    message: str


class CheckRunOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The `output` of a check run. `annotations` has all of them: the caller sends 50 per request."""

    title: str
    summary: str
    text: str | None
    annotations: tuple[Annotation, ...]


class RootReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One root module in one environment ("" if unknown): its outcome and its plan's changes.

    Everything is masked, so that it can be stored and shown.

    `cause` says why it failed or was held; its first line is the most important one. `state_empty`: whether the state
    was empty before. `changes` and `drift` are ordered by danger. `deferred` has the changes that Terraform defers to a
    later plan. `invocations` has the `action` blocks that the apply runs and those that are deferred; in older reports
    each is one line of text. `dependents` are the blocks that depend on changed ones. `difference` compares the plan
    with the reviewed one. `errored`: whether Terraform could not finish the plan. `undeclared` has the keys from Vault
    for which no variable is declared.
    """

    root_module: str
    environment: str
    workspace: str
    outcome: Outcome
    cause: str | None = None
    counts: Counts = NO_COUNTS
    digest: str | None = None
    shape_digest: str | None = None
    state_empty: bool = False
    complete: bool = True
    errored: bool = False
    diagnostics: tuple[Diagnostic, ...] = ()
    warnings: tuple[str, ...] = ()
    changes: tuple[ChangeReport, ...] = ()
    drift: tuple[ChangeReport, ...] = ()
    deferred: tuple[ChangeReport, ...] = ()
    outputs: tuple[AttributeChange, ...] = ()
    checks: tuple[CheckReport, ...] = ()
    invocations: tuple[InvocationReport | str, ...] = ()
    dependents: tuple[Dependency, ...] = ()
    difference: PlanDifference | None = None
    terraform_version: str | None = None
    results: tuple[ResourceResult, ...] = ()
    undeclared: tuple[str, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether the root module was planned or applied."""
        return self.outcome in ("planned", "applied")

    @property
    def changes_anything(self) -> bool:
        """Whether the plan changes, runs or defers anything; changes only to outputs or to the state also count."""
        changes = any(change.section != "read" for change in self.changes)
        return self.counts != NO_COUNTS or changes or bool(self.outputs)

    def applied(self) -> Self:
        """The same report after its plan was applied."""
        return msgspec.structs.replace(self, outcome="applied")


class RemovedRoot(msgspec.Struct, frozen=True, kw_only=True):
    """A removed root module. `resources` is the number of resources in its state; None if the state cannot be read."""

    root_module: str
    environment: str
    resources: int | None = None


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A web address and the text of the link to it."""

    words: str
    url: str


class RunReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One run over its root modules, for the check run, the run's page, the comment and the terminal.

    If the run did not succeed, `cause` is the first line: the problem, its place, and what to do. If it succeeded and
    there are no root modules, `cause` is the title. `notes` are the lines below the first line, in plain text except
    for `code` in backticks. `previews` are the reports for a pull request's target, and `target` is the name of that
    environment, or "" if the pull request gets no preview of it. `roots` are all other reports: those for testing, of
    an apply, or of a drift run. `removed` are the removed root modules. `diagnostics` are about the whole repository,
    for example about an invalid new version of its config.

    A hold has `comparison` (a link to the held commits on GitHub), `deciders` (lines about who may end it), and `paste`
    (a command to paste into a comment). `blob_url` is the address of the repository's files at the planned commit
    (`https://HOST/OWNER/REPO/blob/SHA`). `pull_request` is set only if the check run has the reports of several pull
    requests with the same head.
    """

    operation: Operation
    environment: str
    repository: str
    commit_sha: str
    conclusion: Conclusion
    cause: str | None = None
    notes: tuple[str, ...] = ()
    roots: tuple[RootReport, ...] = ()
    previews: tuple[RootReport, ...] = ()
    comparison: Link | None = None
    deciders: tuple[str, ...] = ()
    paste: str | None = None
    blob_url: str | None = None
    run_url: str | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    pull_request: int | None = None
    target: str = ""
    removed: tuple[RemovedRoot, ...] = ()

    @property
    def all_roots(self) -> tuple[RootReport, ...]:
        """Every root module's report, the target's first."""
        return (*self.previews, *self.roots)

    @property
    def new_roots(self) -> tuple[RootReport, ...]:
        """Testing's reports that say more than the target's do; all of them if there is no preview."""
        targets = {root.root_module: root for root in self.previews}
        return tuple(root for root in self.roots if not says_nothing_new(root, targets.get(root.root_module)))

    @property
    def title(self) -> str:
        """One line, short enough for the merge box, at most 255 characters."""
        if self.pull_request is not None:
            alone = msgspec.structs.replace(self, pull_request=None)
            return shorten(f"#{self.pull_request}: {alone.title}", _TITLE_LIMIT)
        if self.conclusion != "success":
            cause = one_line(self.first_cause).replace("`", "").strip()
            return shorten(cause or _CONCLUSION_WORDS[self.conclusion], _TITLE_LIMIT)
        gone = removed_words(self.removed)
        if not self.all_roots:
            return shorten("; ".join(filter(None, (self.cause or "no root module touched", gone))), _TITLE_LIMIT)
        parts = []
        for environment in dict.fromkeys(root.environment for root in self.previews):
            roots = [root for root in self.previews if root.environment == environment]
            parts.append(_outcome_words("plan", environment, roots))
        if self.target and not self.previews:
            parts.append(f"no root module touched in {self.target}")
        if self.new_roots:
            parts.append(_outcome_words(self.operation, self.environment, self.roots))
        return shorten("; ".join(filter(None, (*parts, gone))), _TITLE_LIMIT)

    @property
    def where_to_paste(self) -> str:
        """The text before the command to paste. Only a held apply can be decided on any pull request."""
        return f"Comment on {'any' if self.operation == 'apply' else 'this'} pull request:"

    @property
    def first_cause(self) -> str:
        """Why this is not a success, in one line."""
        causes = [self.cause, *(root.cause for root in self.all_roots)]
        lines = (line.strip() for cause in causes if cause for line in cause.splitlines())
        return next((line for line in lines if line), _CONCLUSION_WORDS[self.conclusion])

    @property
    def short_result(self) -> str:
        """The result of an apply and its reason, in a few words: "3 applied, 1 failed, 2 not reached: quota
        exceeded"."""
        roots = [root for root in self.roots if root.results]
        if not roots:
            return self.first_cause
        words = words_of_results(result for root in roots for result in root.results)
        errors = (each for root in roots for each in root.diagnostics if each.severity == "error")
        error = next(errors, None)
        return words if error is None else f"{words}: {one_line(error.summary).rstrip('.')}"


def says_nothing_new(root: RootReport, target: RootReport | None) -> bool:
    """Whether everything in a root module's report for testing is also in its report for the target.

    Additions to an empty state do not count as news: there, everything is an addition.
    """
    if target is None or root.outcome != target.outcome or root.errored != target.errored:
        return False
    said = {_diagnostic_key(each) for each in target.diagnostics}
    if any(_diagnostic_key(each) not in said for each in root.diagnostics) or not set(root.checks) <= set(
        target.checks
    ):
        return False
    if not root.succeeded:
        # Without diagnostics there is only a cause. Causes are not compared, so the report counts as new.
        return bool(root.diagnostics)
    if not set(root.warnings) <= set(target.warnings):
        return False
    if root.state_empty and all(change.section in ("add", "read") for change in root.changes):
        return True
    return _actions(root) <= _actions(target)


def _diagnostic_key(diagnostic: Diagnostic) -> tuple[object, ...]:
    return diagnostic.severity, diagnostic.summary, diagnostic.path, diagnostic.start_line


def _actions(root: RootReport) -> set[tuple[object, ...]]:
    """Everything that a plan does, without the values, which differ between environments."""
    changes = [("change", each) for each in root.changes]
    changes += [("deferred", each) for each in root.deferred]
    changes += [("drift", each) for each in root.drift]
    does: set[tuple[object, ...]] = {(kind, c.address, c.action, c.deposed, c.marks) for kind, c in changes}
    does |= {("output", output.path) for output in root.outputs}
    return does | {("invocation", words) for words in map(_invocation_name, root.invocations)}


def _invocation_name(invocation: InvocationReport | str) -> str:
    return invocation if isinstance(invocation, str) else f"{invocation.address} {invocation.event}"


_CONCLUSION_WORDS: dict[Conclusion, str] = {
    "success": "",
    "failure": "the run failed",
    "action_required": "somebody has to decide",
    "timed_out": "the run exceeded its time limit",
    "cancelled": "the run was cancelled",
}


def total(roots: Iterable[RootReport]) -> Counts:
    """The counts of all root modules together."""
    return sum((root.counts for root in roots), NO_COUNTS)


def removed_words(removed: Sequence[RemovedRoot]) -> str:
    """The removed root modules for a title: "1 root module removed: its 12 resources stay"; empty if there are none."""
    if not removed:
        return ""
    number = len({each.root_module for each in removed})
    its = "its" if number == 1 else "their"
    known = [each.resources for each in removed if each.resources is not None]
    count = sum(known)
    words = f"{number} root module{'' if number == 1 else 's'} removed"
    if len(known) < len(removed):
        return f"{words}: {its} resources stay"
    if not count:
        return f"{words}, without resources"
    return f"{words}: {its} {count:,} resource{' stays' if count == 1 else 's stay'}"


def notes_on_removed(removed: Sequence[RemovedRoot]) -> Iterator[str]:
    """For each removed root module, what it leaves behind and what to do about it."""
    for each in removed:
        if each.resources == 0:
            yield f"`{each.root_module}` is removed; its state in {each.environment} is empty."
            continue
        one = each.resources == 1
        what = "resources" if each.resources is None else f"{each.resources:,} resource{'' if one else 's'}"
        stay, them = ("is not destroyed: it stays", "it") if one else ("are not destroyed: they stay", "them")
        yield (
            f"`{each.root_module}` is removed, but the {what} in its state in {each.environment} {stay}, and Terraform "
            f"no longer manages {them}. To destroy {them}, first merge a change that removes the "
            f"{'resource' if one else 'resources'} and keeps the backend, then remove the directory. A renamed "
            "directory keeps its state if its backend and workspace stay the same."
        )


def _outcome_words(operation: Operation, environment: str, roots: Sequence[RootReport]) -> str:
    failed = sum(len(root.checks) for root in roots)
    checks = f", {failed} check{'' if failed == 1 else 's'} failed" if failed else ""
    later = sum(root.outcome == "planned_at_apply" for root in roots)
    at_apply = f", {later} root module{'' if later == 1 else 's'} planned at apply" if later else ""
    counts = total(roots)
    words = counts.words()
    if counts == NO_COUNTS and any(root.outputs for root in roots):
        words = "only outputs change"
    elif operation == "apply" and counts != NO_COUNTS:
        words = counts.done_words()
    elif operation == "drift":
        words = _drift_words(counts, _drifted(roots))
    return f"{words}{f' in {environment}' if environment else ''}{at_apply}{checks}"


def _drifted(roots: Sequence[RootReport]) -> int:
    return sum(change.size for root in roots for change in root.drift if not change.says_little)


def _drift_words(counts: Counts, drifted: int) -> str:
    if counts != NO_COUNTS:
        return f"drift: {counts.words()}"
    return f"drift: {drifted} changed outside of Terraform" if drifted else "no drift"
