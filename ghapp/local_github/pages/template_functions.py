"""Functions for the templates: icons, times, Markdown, states."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from ghapp.local_github.pages.markdown import code_line, render
from ghapp.local_github.pages.merge_box import check_rows, rollup, run_state, run_text
from ghapp.local_github.protection import sources


def icon(name: str, size: int = 16) -> Markup:
    """Return an icon of `static/icons.svg`."""
    use = f'<use href="/-/static/icons.svg#{name}"/>'
    svg = f'<svg class="icon icon-{name}" width="{size}" height="{size}" aria-hidden="true">{use}</svg>'
    return Markup(svg)  # noqa: S704  ours


def ago(moment: datetime | str) -> Markup:
    """Return how long ago a moment was, with the exact time as a tooltip."""
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    seconds = max(int((datetime.now(UTC) - at).total_seconds()), 0)
    text = "now"
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            number = seconds // size
            text = f"{number} {unit}{'s' if number > 1 else ''} ago"
            break
    exact = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return Markup('<time title="{}">{}</time>').format(exact, text)


def plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def duration(run: Any) -> str:
    if run.started_at is None or run.completed_at is None:
        return ""
    seconds = int((run.completed_at - run.started_at).total_seconds())
    return f"{seconds}s" if seconds < 60 else f"{seconds // 60}m {seconds % 60}s"


GLOBALS: Mapping[str, Callable[..., Any]] = {
    "icon": icon,
    "ago": ago,
    "markdown": render,
    "code_line": code_line,
    "plural": plural,
    "duration": duration,
    "rollup": rollup,
    "check_rows": check_rows,
    "run_state": run_state,
    "run_text": run_text,
    "sources": sources,
}
