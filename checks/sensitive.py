"""Masking, before anything else can see a text."""

import re
from collections.abc import Iterable

REPLACEMENT = "(sensitive)"


class Mask:
    """Hides values that must not be seen, wherever they stand in a text."""

    __slots__ = ("_pattern",)

    def __init__(self, pattern: re.Pattern[str] | None) -> None:
        self._pattern = pattern

    @classmethod
    def of(cls, values: Iterable[str]) -> "Mask":
        texts = sorted({value for value in values if value.strip()}, key=lambda text: (-len(text), text))
        return cls(re.compile("|".join(map(re.escape, texts))) if texts else None)

    @classmethod
    def none(cls) -> "Mask":
        return cls(None)

    def text(self, text: str) -> str:
        """The text with every value replaced by "(sensitive)"."""
        return text if self._pattern is None else self._pattern.sub(REPLACEMENT, text)

    def lines(self) -> "LineMask":
        """A masker for a text that comes in chunks."""
        return LineMask(self)

    def __repr__(self) -> str:
        return "Mask()"


class LineMask:
    """Masks a stream: what is fed comes out masked, once a line is complete."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._rest = ""

    def feed(self, chunk: str) -> str:
        complete, newline, self._rest = (self._rest + chunk).rpartition("\n")
        return self._mask.text(complete + newline)

    def flush(self) -> str:
        rest, self._rest = self._rest, ""
        return self._mask.text(rest)
