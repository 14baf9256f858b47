"""Where a block stands in the repository."""

import msgspec


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of a block: `path` relative to the repository's top (POSIX), lines counted from 1, both inclusive."""

    path: str
    start_line: int
    end_line: int
