"""Patterns with stars, matched in one pass over the text.

In a regular expression, each further star would multiply the time that it takes to match a hostile text.
"""

from collections.abc import Iterator, Sequence


class Wildcards:
    """A pattern in which `*` stands for any part of a name without "/", `**` for anything.

    If the `known` wildcards include them, `?` stands for one character except "/", and `**/` for any number of
    directories.
    """

    def __init__(self, pattern: str, known: Sequence[str] = ("**", "*")) -> None:
        self._parts = tuple(_parts(pattern, known))
        self._known = frozenset(known)

    def matches(self, text: str) -> bool:
        """Whether the pattern matches the whole text."""
        places = self._with_skipped({(0, True)})
        for character in text:
            places = self._with_skipped(set(self._after(places, character)))
        return (len(self._parts), True) in places

    def _with_skipped(self, places: set[tuple[int, bool]]) -> set[tuple[int, bool]]:
        """The given positions, and also the positions after wildcards that may match nothing.

        A position consists of an index into the pattern's parts and a flag. The flag is false while `**/` has matched
        only a part of a directory's name.
        """
        found = set(places)
        for at, is_between in places:
            while is_between and at < len(self._parts) and self._parts[at] in ("**/", "**", "*") and self._is_wild(at):
                at += 1
                found.add((at, True))
        return found

    def _after(self, places: set[tuple[int, bool]], character: str) -> Iterator[tuple[int, bool]]:
        for at, is_between in places:
            if at == len(self._parts):
                continue
            part = self._parts[at]
            if not self._is_wild(at):
                if part == character:
                    yield at + 1, True
            elif part == "**/":
                if character != "/" or not is_between:
                    yield at, character == "/"
            elif part == "**" or (part == "*" and character != "/"):
                yield at, True
            elif part == "?" and character != "/":
                yield at + 1, True

    def _is_wild(self, at: int) -> bool:
        return self._parts[at] in self._known


def _parts(pattern: str, known: Sequence[str]) -> Iterator[str]:
    at = 0
    while at < len(pattern):
        part = next((each for each in known if pattern.startswith(each, at)), pattern[at])
        yield part
        at += len(part)
