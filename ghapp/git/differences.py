"""Read the new line numbers from git's unified diff."""

import re

_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ESCAPED = re.compile(rb'\\([abfnrtv"\\]|[0-7]{3})')
_ESCAPES = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def read_line_ranges(diff: bytes) -> dict[str, list[range]]:
    """Return the ranges of new lines for each path on the new side of a diff without context. Lines count from 1.

    https://git-scm.com/docs/diff-format
    """
    ranges: dict[str, list[range]] = {}
    path: str | None = None
    skipped = 0
    for line in diff.split(b"\n"):
        if skipped and line[:1] in (b"-", b"+"):
            # Content may look like a header ("+++ b/x"), so its lines are counted and not interpreted.
            skipped -= 1
        elif line.startswith(b"diff --git "):
            path = None
        elif line.startswith(b"+++ "):
            path = _new_path(line[4:])
            if path is not None:
                ranges.setdefault(path, [])
        elif hunk := _HUNK.match(line):
            removed, added = (int(count) if count is not None else 1 for count in (hunk[1], hunk[3]))
            skipped = removed + added
            if path is not None and added:
                ranges[path].append(range(int(hunk[2]), int(hunk[2]) + added))
    return ranges


def _new_path(name: bytes) -> str | None:
    name = name.rstrip(b"\t")
    if name == b"/dev/null":
        return None
    if name.startswith(b'"') and name.endswith(b'"'):
        name = _ESCAPED.sub(_unescape, name[1:-1])
    return name.removeprefix(b"b/").decode(errors="backslashreplace")


def _unescape(escaped: re.Match[bytes]) -> bytes:
    code = escaped[1]
    return bytes([int(code, 8)]) if len(code) == 3 else _ESCAPES.get(code, code)
