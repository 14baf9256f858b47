"""The place of a block in the repository."""

import msgspec


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of a block: `path` relative to the repository's root (POSIX), lines from 1, both inclusive."""

    path: str
    start_line: int
    end_line: int
