"""Pictures of the changes in a run's root modules, each with its own address beside the run's page."""

import asyncio
from collections.abc import Iterator, Sequence

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from checks.rendering.picture import render_picture
from checks.report import RootReport, RunReport
from ghapp.values import RunId
from ghapp.web.front import Front, find_run, visitor_of

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
"""A picture contains its own style and loads nothing."""


def roots_with_pictures(reports: Sequence[RunReport]) -> Iterator[tuple[int, RootReport]]:
    """The root modules that have a picture, each with the number by which `show_picture` finds it."""
    roots = [root for report in reports for root in report.all_roots]
    yield from ((number, root) for number, root in enumerate(roots) if render_picture(root) is not None)


async def show_picture(request: Request) -> Response:
    """`GET /runs/ID/picture/NUMBER`: the changes in one root module and what depends on them, as SVG."""
    front: Front = request.state.front
    run, _ = await find_run(request, await visitor_of(request))
    return await _picture(front, run.id, request.path_params["number"])


async def show_public_picture(request: Request) -> Response:
    """`GET /pictures/ID/NUMBER/TAG.svg`: the same for GitHub, which does not sign in. The address is in the check
    run."""
    front: Front = request.state.front
    run_id, number = request.path_params["id"], request.path_params["number"]
    if not front.sealer.has_tag(f"picture {run_id} {number}", request.path_params["tag"]):
        raise HTTPException(404)
    return await _picture(front, RunId(run_id), number)


async def _picture(front: Front, run_id: RunId, number: int) -> Response:
    raw = await front.store.runs.report(run_id)
    picture = None if raw is None else await asyncio.to_thread(_render, raw, number)
    if picture is None:
        raise HTTPException(404)
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": _POLICY}
    return Response(picture, media_type="image/svg+xml", headers=headers)


def _render(raw: bytes, number: int) -> str | None:
    reports = msgspec.json.decode(raw, type=list[RunReport])
    roots = [root for report in reports for root in report.all_roots]
    return render_picture(roots[number]) if number < len(roots) else None
