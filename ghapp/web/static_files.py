"""Serve the few files that pages load, all of them from this package."""

from collections.abc import Mapping
from importlib.resources import files

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from checks.rendering.html_style import STYLE

_MEDIA_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def _read() -> Mapping[str, str]:
    own = {each.name: each.read_text(encoding="utf-8") for each in files("ghapp.web").joinpath("static").iterdir()}
    return {**own, "report.css": STYLE}


_FILES = _read()


async def show_static(request: Request) -> Response:
    """`GET /static/NAME`."""
    name = request.path_params["name"]
    content = _FILES.get(name)
    if content is None:
        raise HTTPException(404)
    media_type = _MEDIA_TYPES[name.rpartition(".")[2]]
    return Response(content, media_type=media_type, headers={"Cache-Control": "public, max-age=300"})
