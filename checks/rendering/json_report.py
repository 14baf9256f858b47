"""A run's report as JSON, for other programs.

The schema is `json_schema()`. `format_version` works like Terraform's: a new minor version only adds properties, and
readers should ignore those that they do not know; a new major version may change existing ones.
"""

from typing import Any

import msgspec

from checks.diagnostic import Diagnostic
from checks.report import Conclusion, Operation, RootReport, RunReport

FORMAT_VERSION = "1.0"


class JsonReport(msgspec.Struct, frozen=True, kw_only=True):
    """A report of one run over its root modules.

    `title` is the line for the merge box, `cause` says why the conclusion is not success, `diagnostics` are about the
    whole repository. `root_modules` are those of `environment`, `previews` those of a pull request's target. Every
    text is masked.
    """

    format_version: str
    title: str
    operation: Operation
    environment: str
    repository: str
    commit_sha: str
    conclusion: Conclusion
    cause: str | None
    notes: tuple[str, ...]
    diagnostics: tuple[Diagnostic, ...]
    root_modules: tuple[RootReport, ...]
    previews: tuple[RootReport, ...]


def render_json(report: RunReport) -> str:
    """Render a run as an indented JSON document; in root modules, properties with default values are left out."""
    document = JsonReport(
        format_version=FORMAT_VERSION,
        title=report.title,
        operation=report.operation,
        environment=report.environment,
        repository=report.repository,
        commit_sha=report.commit_sha,
        conclusion=report.conclusion,
        cause=report.cause,
        notes=report.notes,
        diagnostics=report.diagnostics,
        root_modules=report.roots,
        previews=report.previews,
    )
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the output of `render_json`."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(JsonReport)}
