"""One diagnostic of Terraform, with its place."""

from typing import Literal

import msgspec


class Diagnostic(msgspec.Struct, frozen=True, kw_only=True):
    """A diagnostic of `terraform validate`, `init`, `plan` or `apply`, with its place in the repository.

    `path` is relative to the repository's root (POSIX), None if Terraform names no file or one outside of it. Lines
    and columns count from 1. `summary` is Terraform's one line, `detail` the paragraph under it.

    https://developer.hashicorp.com/terraform/internals/machine-readable-ui
    """

    severity: Literal["error", "warning"]
    summary: str
    detail: str = ""
    path: str | None = None
    start_line: int | None = None
    end_line: int | None = None
    start_column: int | None = None
    end_column: int | None = None
    address: str | None = None
    snippet: str | None = None
