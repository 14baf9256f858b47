"""A log that hides secrets, even those that become known only during the run."""

from collections.abc import Callable

from checks.sensitive import Mask
from checks.sensitive.line_mask import LineMask

_MOST_WITHHELD = 4_000_000


class MaskedLog:
    """Masks lines and passes them on.

    Errors and the output of provisioners may quote secrets that are not known yet: `foreign` withholds such lines
    until `learn` gets a mask that hides these secrets.
    """

    def __init__(self, mask: Mask, write: Callable[[str], None]) -> None:
        self._mask = LineMask(mask)
        self._write = write
        self._withheld: list[str] = []
        self._withheld_characters = 0

    def __call__(self, line: str) -> None:
        """Add one line, unmasked."""
        self._write(self._mask.feed(line + "\n"))

    @property
    def has_withheld_lines(self) -> bool:
        """Whether lines are waiting for a mask."""
        return bool(self._withheld)

    def foreign(self, line: str) -> None:
        """Withhold one unmasked line. After 4 million characters, further lines are dropped."""
        if self._withheld_characters <= _MOST_WITHHELD:
            self._withheld_characters += len(line)
            self._withheld.append(line)

    def learn(self, mask: Mask) -> None:
        """Use this mask from now on, and add the lines that were withheld."""
        self._use(mask)
        withheld, self._withheld, self._withheld_characters = self._withheld, [], 0
        for line in withheld:
            self(line)

    def end(self) -> None:
        """Write the rest of the masked text. Lines that still wait for a mask are dropped."""
        if self._withheld:
            lines = f"{len(self._withheld)} lines of errors or provisioners"
            self(f"{lines} are left out because they may hold values that only the state marks as secret")
        self._flush()

    def _use(self, mask: Mask) -> None:
        self._write(self._mask.flush())
        self._mask = LineMask(mask)

    def _flush(self) -> None:
        self._write(self._mask.flush())
