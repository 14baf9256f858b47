"""A run's report as JSON, for other programs.

The schema is `json_schema()`. `format_version` follows Terraform's promise: a new minor version adds properties, which
readers skip if they do not know them; a new major version may change what is there.
"""

from typing import Any

import msgspec

from checks.diagnostic import Diagnostic
from checks.report import Conclusion, Operation, RootReport, RunReport

FORMAT_VERSION = "1.0"


class JsonReport(msgspec.Struct, frozen=True, kw_only=True):
    """A report of one run over its root modules.

    `title` is the line of the merge box, `cause` why the conclusion is not success, `diagnostics`
    what is wrong with the repository as a whole. `root_modules` are those of the
    environment, `previews` those of the target of a pull request. Every text is masked.
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
    """Render a run as a JSON document, indented, properties with their default values left out in root modules."""
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
    """The JSON Schema (2020-12) of what `render_json` writes."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(JsonReport)}
