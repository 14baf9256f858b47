"""Check runs, which Apps create and update within GitHub's limits."""

from __future__ import annotations

from ghapp.local_github import events, queue
from ghapp.local_github.fields import Fields
from ghapp.local_github.pushes import new_suite
from ghapp.local_github.state import JSON, Account, App, CheckRun, CheckSuite, Repository
from ghapp.local_github.world import World

STATUSES = ("queued", "in_progress", "completed")
CONCLUSIONS = ("action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale", "timed_out")
_SETTABLE = tuple(name for name in CONCLUSIONS if name != "stale")
_LEVELS = ("notice", "warning", "failure")
_LONGEST = 65_535
_MOST_RUNS = 1_000


def create(world: World, repository: Repository, app: App, sha: str, fields: Fields, sender: Account) -> CheckRun:
    """Create a check run. If a field is invalid, raises 422 and creates nothing."""
    name = fields.text("name", required=True) or ""
    run = CheckRun(
        id=world.new_id(),
        suite=_suite_of(world, repository, app, sha),
        name=name,
        head_sha=sha,
        status="queued",
        conclusion=None,
        started_at=None,
        completed_at=None,
        details_url=None,
        external_id="",
    )
    _fill(world, run, fields)
    run.started_at = run.started_at or world.now()
    if run.suite not in repository.suites:
        repository.suites.append(run.suite)
    run.suite.runs.append(run)
    _forget_oldest(run)
    _emit(world, repository, run, "created", sender)
    if run.status == "completed":
        _emit(world, repository, run, "completed", sender)
    return run


def update(world: World, repository: Repository, run: CheckRun, fields: Fields, sender: Account) -> None:
    before = run.status
    name = fields.text("name")
    _fill(world, run, fields)
    run.name = name or run.name
    run.suite.updated_at = world.now()
    if run.status == "completed" and before != "completed":
        _emit(world, repository, run, "completed", sender)


def _emit(world: World, repository: Repository, run: CheckRun, action: str, sender: Account) -> None:
    events.check_run(world, repository, run, action, sender)
    if action == "completed" and all(other.status == "completed" for other in run.suite.latest_runs):
        events.check_suite(world, repository, run.suite, "completed", sender)
    if action == "completed":
        queue.advance(world, repository)


def _suite_of(world: World, repository: Repository, app: App, sha: str) -> CheckSuite:
    for suite in reversed(repository.suites):
        if suite.app is app and suite.head_sha == sha:
            return suite
    branch = next((name for name, tip in repository.git.branches().items() if tip == sha), None)
    suite = new_suite(world, repository, app.id, sha, branch=branch)
    repository.suites.remove(suite)  # it is added again once the run is known to be valid
    return suite


def _forget_oldest(run: CheckRun) -> None:
    same = [other for other in run.suite.runs if other.name == run.name]
    for old in same[:-_MOST_RUNS]:
        run.suite.runs.remove(old)


def _fill(world: World, run: CheckRun, fields: Fields) -> None:
    """Validate every field, then set them."""
    status = fields.choice("status", STATUSES)
    conclusion = fields.choice("conclusion", _SETTABLE)
    started, completed = fields.date_time("started_at"), fields.date_time("completed_at")
    details_url, external_id = fields.text("details_url"), fields.text("external_id")
    if details_url is not None and not details_url.startswith(("http://", "https://")):
        fields.add_error("details_url", "invalid", "details_url must use http or https scheme")
    if conclusion is None and (status == "completed" or completed is not None):
        fields.add_error("conclusion", "missing_field")
    actions = _actions(fields)
    output = fields.mapping("output")
    written = None if output is None else _output(run, Fields(output, "CheckRun"))
    fields.raise_errors()
    if status is not None and status != "completed":
        run.conclusion, run.completed_at = None, None
    run.status = "completed" if conclusion is not None else status or run.status
    if conclusion is not None:
        run.conclusion, run.completed_at = conclusion, completed or world.now()
    run.started_at = started or run.started_at
    run.details_url = details_url if details_url is not None else run.details_url
    run.external_id = external_id if external_id is not None else run.external_id
    run.actions = actions if actions is not None else run.actions
    if written is not None:
        run.title, run.summary = written["title"], written["summary"]
        run.text = written["text"] if written["text"] is not None else run.text
        run.annotations += written["annotations"]
        run.images += written["images"]


def _actions(fields: Fields) -> list[JSON] | None:
    items = fields.items("actions", most=3)
    if items is None:
        return None
    for item in items:
        entry = Fields(item if isinstance(item, dict) else {}, "CheckRun")
        entry.text("label", required=True, longest=20)
        entry.text("description", required=True, longest=40)
        entry.text("identifier", required=True, longest=20)
        entry.raise_errors()
    return items


def _output(run: CheckRun, output: Fields) -> JSON:
    title = output.text("title", required=run.title is None, longest=255) or run.title
    summary = output.text("summary", longest=_LONGEST)
    if summary is None:
        output.add_error("summary", "missing_field")
    text = output.text("text", longest=_LONGEST)
    annotations = output.items("annotations", most=50) or []
    images = output.items("images") or []
    output.raise_errors()
    for item in annotations:
        _check_annotation(Fields(item if isinstance(item, dict) else {}, "CheckRun"))
    for item in images:
        image = Fields(item if isinstance(item, dict) else {}, "CheckRun")
        image.text("alt", required=True)
        image.text("image_url", required=True)
        image.raise_errors()
    return {"title": title, "summary": summary, "text": text, "annotations": annotations, "images": images}


def _check_annotation(item: Fields) -> None:
    item.text("path", required=True)
    first, last = item.number("start_line", required=True), item.number("end_line", required=True)
    start, end = item.number("start_column"), item.number("end_column")
    item.choice("annotation_level", _LEVELS, required=True)
    item.text("message", required=True, longest=65_536)
    item.text("title", longest=255)
    item.text("raw_details", longest=65_536)
    if first is not None and last is not None and first > last:
        item.add_error("end_line", "invalid", "end_line must not be before start_line")
    if (start is not None or end is not None) and first != last:
        item.add_error(
            "start_column", "invalid", "start_column and end_column need start_line and end_line to be the same"
        )
    item.raise_errors()


def rerequest(world: World, repository: Repository, run: CheckRun, sender: Account) -> None:
    """Press "Re-run" of one check run. The check run itself does not change."""
    events.check_run(world, repository, run, "rerequested", sender)


def rerequest_suite(world: World, repository: Repository, suite: CheckSuite, sender: Account) -> None:
    """Press "Re-run all". It sends one event, about the suite."""
    events.check_suite(world, repository, suite, "rerequested", sender)


def press(world: World, repository: Repository, run: CheckRun, identifier: str, sender: Account) -> None:
    """Press a check run's button in the Checks tab. Raises KeyError if there is no such button."""
    if identifier not in [action["identifier"] for action in run.actions]:
        raise KeyError(f"no button {identifier!r} on check run {run.id}")
    if run.status != "completed":
        raise KeyError(f"check run {run.id} is not completed: its buttons are not shown")
    requested = {"identifier": identifier}
    events.check_run(world, repository, run, "requested_action", sender, requested_action=requested)
