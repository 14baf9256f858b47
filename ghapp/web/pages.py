"""The pages: current activity, and each run with its report and log."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from checks.rendering.html import render_html
from checks.rendering.titles import words_of_root
from checks.report import RootReport, RunReport
from ghapp.store import KnownRepository, Run
from ghapp.web import views
from ghapp.web.front import Front, find_run, visitor_of
from ghapp.web.pictures import roots_with_pictures
from ghapp.web.rendering import render
from ghapp.web.shown_log import read_shown_log
from ghapp.web.visitors import Visitor

_RECENT = 50
_OF_REPOSITORY = 200


async def show_dashboard(request: Request) -> Response:
    """`GET /`: runs that wait for a person, the environments of each repository, the newest runs."""
    front: Front = request.state.front
    visitor = await visitor_of(request)
    repositories = await visitor.readable(await front.store.repositories.all_active())
    return await _overview(request, visitor, repositories, "dashboard.html", limit=_RECENT)


async def show_repository(request: Request) -> Response:
    """`GET /OWNER/REPO`: the same for one repository. 404 if it is unknown or the visitor may not see it."""
    front: Front = request.state.front
    visitor = await visitor_of(request)
    name = f"{request.path_params['owner']}/{request.path_params['repo']}"
    found = await front.store.repositories.find_by_name(name)
    repositories = await visitor.readable([found] if found is not None else [])
    if not repositories:
        raise HTTPException(404)
    return await _overview(request, visitor, repositories, "repository.html", limit=_OF_REPOSITORY)


async def _overview(
    request: Request, visitor: Visitor, repositories: Sequence[KnownRepository], template: str, *, limit: int
) -> Response:
    front: Front = request.state.front
    by_id = {repository.id: repository for repository in repositories}
    overview = front.store.overview
    environments = await overview.environments(by_id.keys())
    waiting = await overview.waiting(by_id.keys())
    return await _page(
        request,
        visitor,
        template,
        repositories=views.repository_rows(repositories, environments),
        waiting=views.run_rows(waiting, by_id, waiting),
        runs=views.run_rows(await overview.recent(by_id.keys(), limit=limit), by_id, waiting),
    )


async def show_run(request: Request) -> Response:
    """`GET /runs/ID`: a run's report, or its results so far, and its masked log."""
    front: Front = request.state.front
    visitor = await visitor_of(request)
    run, repository = await find_run(request, visitor)
    log = await read_shown_log(front.store, run.id)
    waiting = await front.store.overview.waiting([repository.id]) if run.conclusion == "action_required" else ()
    raw = await front.store.runs.report(run.id)
    # In a thread, as on every page: a pull request can make its report so large that rendering it would delay other
    # requests.
    reports, pictures = ([], []) if raw is None else await asyncio.to_thread(_shown_reports, raw)
    done = [] if reports else await _done_so_far(front, run)
    return await _page(
        request,
        visitor,
        "run.html",
        run=views.run_row(run, repository, waits=run.id in {each.id for each in waiting}),
        going_on=run.status != "completed",
        cancel_reason=run.cancel_reason,
        log_removed_at=run.log_removed_at,
        reports=reports,
        pictures=pictures,
        done=done,
        log=log,
    )


def _shown_reports(raw: bytes) -> tuple[list[Markup], list[tuple[int, RootReport]]]:
    reports = msgspec.json.decode(raw, type=list[RunReport])
    shown = [Markup(render_html(report)) for report in reports]  # noqa: S704 - it escapes all data
    return shown, list(roots_with_pictures(reports))


async def _done_so_far(front: Front, run: Run) -> list[tuple[RootReport, str]]:
    found = await front.store.runs.root_reports(run.id)
    return await asyncio.to_thread(_words_of_roots, list(found.values()))


def _words_of_roots(raws: Sequence[bytes]) -> list[tuple[RootReport, str]]:
    reports = [msgspec.json.decode(raw, type=RootReport) for raw in raws]
    return [(report, words_of_root(report)) for report in reports]


async def _page(request: Request, visitor: Visitor, template: str, **values: Any) -> Response:
    front: Front = request.state.front
    content = await asyncio.to_thread(render, template, login=visitor.login, now=front.store.clock(), **values)
    return HTMLResponse(content, headers={"Cache-Control": "no-store"})
