"""Read Terraform's files in subprocesses."""

from checks.configuration import read_file
from checks.configuration.file_facts import FileFacts, Problem
from ghapp.reading.processes import LONGEST_S, Reader

LARGEST_BYTES = 4 * 1024 * 1024
"""Larger configuration files are not read. The largest public ones are a tenth of this size."""

TOO_LARGE = FileFacts(
    read=False, problem=Problem(line=1, message=f"larger than {LARGEST_BYTES // 1024 // 1024} MiB, and so not read")
)

File = tuple[str, bytes]
"""A name, of which only the suffix matters, and the content."""


class Parser(Reader[File, FileFacts]):
    """Reads Terraform's files."""

    def __init__(self, *, file_limit_s: float = LONGEST_S, processes: int | None = None) -> None:
        super().__init__(_read_file, file_limit_s=file_limit_s, processes=processes)


def _read_file(file: File) -> FileFacts:
    name, content = file
    return TOO_LARGE if len(content) > LARGEST_BYTES else read_file(name, content)
