"""Print a report in the requested format on standard output."""

import os
import sys
from typing import Literal

import click

from checks.rendering.html import STYLE, render_html
from checks.rendering.json_report import render_json
from checks.rendering.markdown import render_markdown
from checks.rendering.text import render_text
from checks.report import RunReport

Form = Literal["text", "markdown", "html", "json"]

form_option = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "html", "json"]),
    default="text",
    show_default=True,
    help="The format of the report. Text has colours on a terminal, unless NO_COLOR is set.",
)


detailed_exitcode_option = click.option(
    "--detailed-exitcode", is_flag=True, help="Exit with 2 if there are changes, as terraform plan does."
)


def print_report(report: RunReport, form: Form, *, detailed_exitcode: bool = False) -> None:
    """Print a report. The exit status is 1 if its conclusion is a failure; with `detailed_exitcode`, 2 for changes."""
    click.echo(_render(report, form), nl=False)
    if report.conclusion in ("failure", "timed_out"):
        raise SystemExit(1)
    if detailed_exitcode and any(root.changes_anything for root in report.roots):
        raise SystemExit(2)


def _render(report: RunReport, form: Form) -> str:
    match form:
        case "text":
            return render_text(report, colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
        case "markdown":
            return render_markdown(report).rstrip("\n") + "\n"
        case "html":
            head = f'<meta charset="utf-8">\n<title>Plan</title>\n<style>\n{STYLE}</style>'
            return f"<!doctype html>\n{head}\n{render_html(report)}"
        case "json":
            return render_json(report)
