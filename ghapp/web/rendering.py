"""Render templates, in which everything is escaped unless it is marked as HTML."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from ghapp.web.time_format import ago, format_time, iso, lasted

_environment = Environment(
    loader=PackageLoader("ghapp.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters |= {"ago": ago, "iso": iso, "lasted": lasted, "format_time": format_time}


def render(template: str, **values: Any) -> str:
    """Render a page."""
    return _environment.get_template(template).render(**values)


def message_page(status: int, heading: str, text: str, *, link: tuple[str, str] | None = None) -> HTMLResponse:
    """A page with one message. `link` is the address and text of a link to the next page."""
    content = render("message.html", login=None, heading=heading, text=text, link=link)
    return HTMLResponse(content, status_code=status, headers={"Cache-Control": "no-store"})
