"""Annotations at the lines of the pull request's files."""

from collections.abc import Iterator, Mapping, Sequence

from checks.diagnostic import Diagnostic
from checks.plain_text import clean, one_line, shorten
from checks.rendering.titles import in_environment
from checks.report import Annotation, RootReport, RunReport
from checks.report.change_report import ChangeReport
from checks.report.fold import fold_names

ANNOTATIONS_LIMIT = 1000
"""Nobody reads more than this; the summary says how many were left out."""
_MESSAGE_BYTES = 60_000
_TITLE_LIMIT = 255
_RANK = {"failure": 0, "warning": 1, "notice": 2}


def annotate(
    report: RunReport, *, changed_lines: Mapping[str, Sequence[range]] | None = None
) -> tuple[Annotation, ...]:
    """Annotate diagnostics, and destroyed or replaced objects, at the lines that cause them.

    Annotations on `changed_lines` (the diff's lines by path) come first. Within both groups, the order is by level
    (failures first), then path and line. At most `ANNOTATIONS_LIMIT` are returned; `all_annotations` has every one.
    """
    annotations = all_annotations(report)
    lines = changed_lines or {}
    return tuple(sorted(annotations, key=lambda annotation: _sort_key(annotation, lines))[:ANNOTATIONS_LIMIT])


def all_annotations(report: RunReport) -> tuple[Annotation, ...]:
    """Every annotation of a run, each once: the repository's, then those of `previews`, then those of `new_roots`."""
    whole = [annotation for each in report.diagnostics if (annotation := _annotate_diagnostic(each, None)) is not None]
    found = (annotation for root in report.previews for annotation in _annotate_root(root))
    annotations = tuple(dict.fromkeys((*whole, *found)))
    said = {_content_key(each) for each in annotations}
    new = (annotation for root in report.new_roots for annotation in _annotate_root(root))
    return tuple(dict.fromkeys((*annotations, *(each for each in new if _content_key(each) not in said))))


def _content_key(annotation: Annotation) -> tuple[object, ...]:
    """The content of an annotation without its environment: of several equal annotations, only one is shown."""
    return annotation.path, annotation.start_line, annotation.end_line, annotation.level, annotation.title


def _annotate_root(root: RootReport) -> Iterator[Annotation]:
    for diagnostic in root.diagnostics:
        if (annotation := _annotate_diagnostic(diagnostic, root)) is not None:
            yield annotation
    gone = [change for change in root.changes if change.section in ("destroy", "replace") and change.declaration]
    for change in fold_names(gone):
        yield _annotate_change(change, root)


def _annotate_diagnostic(diagnostic: Diagnostic, root: RootReport | None) -> Annotation | None:
    if diagnostic.path is None:
        return None
    start = diagnostic.start_line or 1
    end = max(start, diagnostic.end_line or start)
    columns = diagnostic.start_column is not None and diagnostic.end_column is not None and start == end
    return Annotation(
        path=diagnostic.path,
        start_line=start,
        end_line=end,
        start_column=diagnostic.start_column if columns else None,
        end_column=max(diagnostic.start_column or 1, diagnostic.end_column or 1) if columns else None,
        level="failure" if diagnostic.severity == "error" else "warning",
        title=shorten(one_line(diagnostic.summary) or "Terraform", _TITLE_LIMIT),
        message=_message(diagnostic.detail or diagnostic.summary, root),
    )


def _annotate_change(change: ChangeReport, root: RootReport) -> Annotation:
    assert change.declaration is not None
    done = "replaced" if change.section == "replace" else "destroyed"
    verb = f"{done} ({change.size} instances)" if change.instances else done
    marks = f" ({', '.join(change.marks)})" if change.marks else ""
    forced = [attribute.path for attribute in change.attributes if attribute.forces_replacement]
    reasons = [change.reason or "", f"forced by {', '.join(forced)}" if forced else ""]
    return Annotation(
        path=change.declaration.path,
        start_line=change.declaration.start_line,
        end_line=max(change.declaration.start_line, change.declaration.end_line),
        level="warning",
        title=shorten(f"{one_line(change.address)} is {verb}{marks}", _TITLE_LIMIT),
        message=_message("\n".join([f"{change.address} is {verb}{marks}.", *filter(None, reasons)]), root),
    )


def _message(text: str, root: RootReport | None) -> str:
    body = clean(text).strip() or "No details."
    cut = body.encode("utf-8", "replace")[:_MESSAGE_BYTES].decode("utf-8", "ignore")
    where = "" if root is None else f"\n\n{one_line(root.root_module)}{in_environment(root.environment)}"
    return f"{cut}{'…' if cut != body else ''}{where}"


def _sort_key(annotation: Annotation, changed_lines: Mapping[str, Sequence[range]]) -> tuple[object, ...]:
    in_diff = any(
        lines.start <= annotation.end_line and annotation.start_line < lines.stop
        for lines in changed_lines.get(annotation.path, ())
    )
    return (not in_diff, _RANK[annotation.level], annotation.path, annotation.start_line, annotation.title)
