"""Check runs and check suites."""

from __future__ import annotations

from ghapp.local_github import checks
from ghapp.local_github.access import InstallationAccess
from ghapp.local_github.errors import ApiError, Unprocessable, field_error
from ghapp.local_github.fields import Fields
from ghapp.local_github.pushes import new_suite
from ghapp.local_github.routing import Call, Reply, Route
from ghapp.local_github.serializers import checks as serializers
from ghapp.local_github.state import App, CheckRun, CheckSuite
from ghapp.local_github.world import find_check_run, find_check_suite


def _own_app(call: Call) -> App:
    if not isinstance(call.actor, InstallationAccess):
        raise ApiError(403, "You must authenticate via a GitHub App.")
    return call.actor.token.installation.app


def _shown(call: Call, run: CheckRun, status: int = 200) -> Reply:
    return Reply(body=serializers.check_run(call.world, call.repository, run), status=status)


def create(call: Call) -> Reply:
    repository, app = call.repository, _own_app(call)
    fields = Fields(call.body, "CheckRun")
    sha = fields.text("head_sha", required=True)
    fields.text("name", required=True)
    fields.raise_errors()
    resolved = repository.git.resolve(sha or "") if sha and len(sha) == 40 else None
    if resolved is None:
        raise ApiError(422, f"No commit found for SHA: {sha}")
    run = checks.create(call.world, repository, app, resolved, fields, call.account)
    reply = _shown(call, run, 201)
    reply.headers = {"Location": reply.body["url"]}
    return reply


def update(call: Call) -> Reply:
    run = find_check_run(call.repository, call.params["check_run_id"])
    if run.app is not _own_app(call):
        raise ApiError(
            403,
            f"Invalid app_id `{_own_app(call).id}` - check run can only be modified by the GitHub App that created it.",
        )
    checks.update(call.world, call.repository, run, Fields(call.body, "CheckRun"), call.account)
    return _shown(call, run)


def read(call: Call) -> Reply:
    return _shown(call, find_check_run(call.repository, call.params["check_run_id"]))


def list_annotations(call: Call) -> Reply:
    run = find_check_run(call.repository, call.params["check_run_id"])
    return call.page(run.annotations, lambda item: serializers.annotation(call.world, call.repository, run, item))


def rerequest(call: Call) -> Reply:
    run = find_check_run(call.repository, call.params["check_run_id"])
    if run.status != "completed":
        raise ApiError(422, "This check run is not rerequestable")
    checks.rerequest(call.world, call.repository, run, call.account)
    return Reply(body={}, status=201)


def _listed(call: Call, runs: list[CheckRun]) -> Reply:
    for field, allowed in (("status", checks.STATUSES), ("filter", ("latest", "all"))):
        if field in call.query and call.query[field] not in allowed:
            raise Unprocessable(field_error("CheckRun", field, "invalid"))
    runs = sorted(runs, key=lambda run: run.id)
    if call.query.get("filter", "latest") == "latest":
        runs = sorted({(run.suite.id, run.name): run for run in runs}.values(), key=lambda run: run.id)
    if name := call.query.get("check_name"):
        runs = [run for run in runs if run.name == name]
    if status := call.query.get("status"):
        runs = [run for run in runs if run.status == status]
    if app_id := call.query.get("app_id"):
        runs = [run for run in runs if str(run.app.id) == app_id]
    return call.page(
        runs[::-1], lambda run: serializers.check_run(call.world, call.repository, run), wrapped="check_runs"
    )


def list_for_ref(call: Call) -> Reply:
    sha = call.commit(call.params["ref"])
    return _listed(call, [run for run in call.repository.check_runs if run.head_sha == sha])


def list_in_suite(call: Call) -> Reply:
    return _listed(call, find_check_suite(call.repository, call.params["suite_id"]).runs)


# -- suites --------------------------------------------------------------------------------------------------------


def _suite(call: Call, suite: CheckSuite, status: int = 200) -> Reply:
    return Reply(body=serializers.check_suite(call.world, call.repository, suite), status=status)


def create_suite(call: Call) -> Reply:
    app = _own_app(call)
    fields = Fields(call.body, "CheckSuite")
    sha = call.commit(fields.text("head_sha", required=True) or "")
    fields.raise_errors()
    for suite in call.repository.suites:
        if suite.app is app and suite.head_sha == sha:
            return _suite(call, suite)
    branch = next((name for name, tip in call.repository.git.branches().items() if tip == sha), None)
    return _suite(call, new_suite(call.world, call.repository, app.id, sha, branch=branch), 201)


def read_suite(call: Call) -> Reply:
    return _suite(call, find_check_suite(call.repository, call.params["suite_id"]))


def list_suites(call: Call) -> Reply:
    sha = call.commit(call.params["ref"])
    found = [suite for suite in call.repository.suites if suite.head_sha == sha]
    if app_id := call.query.get("app_id"):
        found = [suite for suite in found if str(suite.app.id) == app_id]
    if name := call.query.get("check_name"):
        found = [suite for suite in found if any(run.name == name for run in suite.runs)]
    return call.page(
        found, lambda item: serializers.check_suite(call.world, call.repository, item), wrapped="check_suites"
    )


def rerequest_suite(call: Call) -> Reply:
    suite = find_check_suite(call.repository, call.params["suite_id"])
    checks.rerequest_suite(call.world, call.repository, suite, call.account)
    return Reply(body={}, status=201)


_R = "/repos/{owner}/{repo}"

ROUTES = (
    Route("POST", f"{_R}/check-runs", create, "checks:write"),
    Route("GET", f"{_R}/check-runs/{{check_run_id}}", read, "checks:read"),
    Route("PATCH", f"{_R}/check-runs/{{check_run_id}}", update, "checks:write"),
    Route("GET", f"{_R}/check-runs/{{check_run_id}}/annotations", list_annotations, "checks:read"),
    Route("POST", f"{_R}/check-runs/{{check_run_id}}/rerequest", rerequest, "checks:write"),
    Route("GET", f"{_R}/commits/{{ref:path}}/check-runs", list_for_ref, "checks:read"),
    Route("POST", f"{_R}/check-suites", create_suite, "checks:write"),
    Route("GET", f"{_R}/check-suites/{{suite_id}}", read_suite, "checks:read"),
    Route("GET", f"{_R}/check-suites/{{suite_id}}/check-runs", list_in_suite, "checks:read"),
    Route("POST", f"{_R}/check-suites/{{suite_id}}/rerequest", rerequest_suite, "checks:write"),
    Route("GET", f"{_R}/commits/{{ref:path}}/check-suites", list_suites, "checks:read"),
)
