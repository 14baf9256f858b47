"""The files of a working copy with one root module, and the output of a command."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

NETWORK = """\
terraform {
  backend "local" {}
}

variable "size" {
  type = number
}

resource "terraform_data" "net" {
  input = { size = var.size }
}
"""


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """The exit status and the output of a command."""

    status: int
    out: str
    err: str


Run = Callable[..., CommandResult]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def git(top: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", top, *words], check=True, capture_output=True, text=True).stdout
