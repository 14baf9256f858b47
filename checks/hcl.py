"""Reading HCL: the fast grammar first, and the strict one where that finds an error."""

from checks.hcl_tolerant import read_hcl_tolerant
from checks.syntax import Document

_BOM = b"\xef\xbb\xbf"


def read_hcl(content: bytes) -> Document:
    """Read `.tf`. Never raises; a text that neither grammar accepts has a `problem` at its line."""
    return read_hcl_tolerant(content.removeprefix(_BOM))
