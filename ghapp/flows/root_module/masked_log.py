"""A log that hides what is secret, also what becomes known to be secret only while it is written."""

from collections.abc import Callable

from checks.sensitive import Mask
from checks.sensitive.line_mask import LineMask

_MOST_KEPT_BACK = 4_000_000


class MaskedLog:
    """Takes lines, and hands them on masked.

    Errors and the output of provisioners may quote what is not known to be secret yet: `foreign` keeps such lines back
    until `learn` brings a mask that knows.
    """

    def __init__(self, mask: Mask, write: Callable[[str], None]) -> None:
        self._mask = LineMask(mask)
        self._write = write
        self._kept_back: list[str] = []
        self._kept_back_characters = 0

    def __call__(self, line: str) -> None:
        """Add one line, unmasked."""
        self._write(self._mask.feed(line + "\n"))

    @property
    def keeps_back(self) -> bool:
        """Whether lines wait for a mask that knows what is secret in them."""
        return bool(self._kept_back)

    def foreign(self, line: str) -> None:
        """Keep one line back, unmasked; past 4 million characters they are left out."""
        if self._kept_back_characters <= _MOST_KEPT_BACK:
            self._kept_back_characters += len(line)
            self._kept_back.append(line)

    def learn(self, mask: Mask) -> None:
        """Mask with this from now on; what was kept back is added."""
        self._use(mask)
        kept_back, self._kept_back, self._kept_back_characters = self._kept_back, [], 0
        for line in kept_back:
            self(line)

    def end(self) -> None:
        """Give up what the mask held back in case a secret went on. What still waits for a mask is left out."""
        if self._kept_back:
            lines = f"{len(self._kept_back)} lines of errors or provisioners"
            self(f"{lines} are left out: they may quote what only the state says is secret")
        self._flush()

    def _use(self, mask: Mask) -> None:
        self._write(self._mask.flush())
        self._mask = LineMask(mask)

    def _flush(self) -> None:
        self._write(self._mask.flush())
