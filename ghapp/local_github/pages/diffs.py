"""Changed files as tables of lines, with annotations beside their lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ghapp.local_github.changed_files import ChangedFile
from ghapp.local_github.state import JSON, CheckRun

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@(.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """An annotation and the check run that it comes from."""

    run: CheckRun
    annotation: JSON


@dataclass(slots=True, kw_only=True)
class Line:
    kind: str
    old: int | None
    new: int | None
    text: str
    notes: list[Note] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDiff:
    file: ChangedFile
    lines: tuple[Line, ...]


def file_diffs(changed: Iterable[ChangedFile], runs: Sequence[CheckRun]) -> list[FileDiff]:
    notes = [Note(run=run, annotation=annotation) for run in runs for annotation in run.annotations]
    return [_file_diff(item, [note for note in notes if note.annotation["path"] == item.path]) for item in changed]


def _file_diff(item: ChangedFile, notes: Sequence[Note]) -> FileDiff:
    lines = _read_patch(item.patch or "")
    for note in notes:
        for line in lines:
            if line.new == note.annotation["end_line"] and line.kind in ("added", "context"):
                line.notes.append(note)
    return FileDiff(file=item, lines=tuple(lines))


def _read_patch(patch: str) -> list[Line]:
    lines: list[Line] = []
    old = new = 0
    for text in patch.split("\n") if patch else []:
        if match := _HUNK.match(text):
            old, new = int(match[1]), int(match[2])
            lines.append(Line(kind="range", old=None, new=None, text=text))
        elif text.startswith("+"):
            lines.append(Line(kind="added", old=None, new=new, text=text[1:]))
            new += 1
        elif text.startswith("-"):
            lines.append(Line(kind="removed", old=old, new=None, text=text[1:]))
            old += 1
        elif not text.startswith("\\"):
            lines.append(Line(kind="context", old=old, new=new, text=text[1:]))
            old, new = old + 1, new + 1
    return lines
