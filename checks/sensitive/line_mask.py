"""Mask a text that arrives line by line, in linear time."""

from collections import deque
from collections.abc import Iterator, Sequence

from checks.sensitive import Mask, encodable, hide
from checks.sensitive.credential_forms import PRIVATE_KEY, PRIVATE_KEY_BEGIN, PRIVATE_KEY_END

_LONGEST_LINE = 1 << 20
_LONGEST_KEY = 1 << 16
_FEW = 1 << 10


class LineMask:
    """Masks a text that arrives in chunks: each `feed` returns the lines that are decided, `flush` the rest at the end.

    A line is decided if no later line can change how it is masked. A complete line is decided unless a multi-line
    secret or a private key may begin in it or before it: then it waits for later lines. A very long line is returned in
    parts. Before lines are returned, the waiting text after them has to be searched, too. So while much text waits,
    decided lines are kept back until they are at least as long as the waiting text.
    """

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._chunks: list[str] = []
        self._start = self._end = 0  # the positions of the kept chunks in the whole text
        self._limit = max(_LONGEST_LINE, 4 * mask.longest)
        self._line: list[str] = []  # the last line, as long as it is incomplete
        self._lines_end = 0
        self._keys = _OpenKeys()
        self._secrets = tuple(_PartialSecret(lines) for lines in mask.of_lines)

    def feed(self, chunk: str) -> str:
        """Add a chunk; returns the masked text of decided lines, possibly nothing."""
        chunk = encodable(chunk)
        self._chunks.append(chunk)
        self._end += len(chunk)
        *ended, rest = chunk.split("\n")
        for line in ended:
            self._line.append(line)
            self._take("".join(self._line))
            self._line.clear()
        self._line.append(rest)
        if self._end - self._lines_end >= self._limit:
            return self._release(self._end - self._mask.longest)
        certain = min((self._lines_end, *self._undecided_from()))
        ready, waiting = certain - self._start, self._lines_end - certain
        if not ended or ready <= 0 or (waiting > _FEW and ready < waiting):
            return ""
        return self._release(certain)

    def flush(self) -> str:
        """Return the masked rest."""
        return self._release(self._end)

    def _take(self, line: str) -> None:
        begins, self._lines_end = self._lines_end, self._lines_end + len(line) + 1
        self._keys.take(line, begins)
        for secret in self._secrets:
            secret.take(line.removesuffix("\r"), begins)

    def _undecided_from(self) -> Iterator[int]:
        """The positions from which lines wait for later ones."""
        begins = self._keys.begins(self._lines_end)
        if begins is not None:
            yield begins
        for secret in self._secrets:
            if secret.begins is not None:
                yield secret.begins

    def _release(self, certain: int) -> str:
        text, end = "".join(self._chunks), certain - self._start
        spans = self._mask.spans(text)
        for start, after in spans:
            if start < end < after:  # do not cut a hidden part unless there is no other way
                end = after if len(text) > self._limit and start == 0 else start
        self._chunks, self._start = [text[end:]], self._start + end
        if self._lines_end < self._start:  # part of a long line was returned
            self._lines_end, self._line = self._start, [text[end:]]
        released = hide(text[:end], [span for span in spans if span[1] <= end])
        return "".join(map(self._mask.hide_whole, released.splitlines(keepends=True)))


class _OpenKeys:
    """Private keys whose beginning was seen, but not their end."""

    def __init__(self) -> None:
        self._begins: deque[int] = deque()

    def begins(self, lines_end: int) -> int | None:
        """The position of the first one that may still end."""
        while self._begins and lines_end - self._begins[0] >= _LONGEST_KEY:
            self._begins.popleft()
        return self._begins[0] if self._begins else None

    def take(self, line: str, line_begins: int) -> None:
        ends = line.rfind(PRIVATE_KEY_END)
        if ends >= 0:
            self._begins.clear()
        if PRIVATE_KEY_BEGIN in line:
            found = PRIVATE_KEY.finditer(line, max(ends, 0))
            self._begins.extend(line_begins + each.start() for each in found)


class _PartialSecret:
    """A multi-line secret that may begin in the last lines of the text.

    The secret may begin in the middle of a line of the text, and end in the middle of another. All lines between are
    equal to lines of the secret. It is found by the algorithm of Knuth, Morris and Pratt, with lines in place of
    letters.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines[:-1]  # with the last line the secret is complete
        self._shorter = [0] * (len(self._lines) + 1)
        self._known = 0
        self._begins: list[int] = []
        length = 0
        for position in range(1, len(self._lines)):
            length = self._matching_lines(self._lines[position], length)
            self._shorter[position + 1] = length

    @property
    def begins(self) -> int | None:
        """The position in the text where it begins, if it does."""
        return self._begins[-self._known] if self._known else None

    def take(self, line: str, line_begins: int) -> None:
        self._known = self._matching_lines(line, self._known)
        if not self._known:
            self._begins.clear()
            return
        # The position where the secret would begin if this line were its first.
        self._begins.append(line_begins + max(0, len(line) - len(self._lines[0])))
        if len(self._begins) > 2 * len(self._lines):
            del self._begins[: -len(self._lines)]

    def _matching_lines(self, line: str, known: int) -> int:
        """How many of the secret's first lines the text now ends with, given the number before this line."""
        while known and (known == len(self._lines) or line != self._lines[known]):
            known = self._shorter[known]
        if known:
            return known + 1
        return int(bool(self._lines) and line.endswith(self._lines[0]))
