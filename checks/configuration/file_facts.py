"""The facts of one configuration file that are needed to find root modules, impact and order.

Facts do not include the file's location, so that they can be cached by git blob id.
"""

from typing import Any

import msgspec

Values = dict[str, Any]
"""Literal values by name, nested as written; computed values are left out."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a file could not be read, as text for people, and the line (from 1) of the error."""

    line: int
    message: str


class Backend(msgspec.Struct, frozen=True, kw_only=True):
    """A `backend` block, or a `cloud` block as the type "cloud"; `values` has its literals, including inner blocks.

    `path` is the file that contains it. It is empty in `FileFacts`; `Module` fills it in.
    """

    type: str
    values: Values
    line: int
    path: str = ""


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of `required_providers`; `source` and `version` are None if they are not written."""

    name: str
    source: str | None
    version: str | None
    line: int


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """A declared variable. If its `sensitive` is not a literal, it counts as sensitive.

    `path` is the file that contains it. It is empty in `FileFacts`; `Module` fills it in.
    """

    name: str
    sensitive: bool
    has_default: bool
    line: int
    path: str = ""
    ephemeral: bool = False
    """Whether plan files leave out its value, so that an apply needs it again. Also true if `ephemeral` is computed."""


class ModuleCall(msgspec.Struct, frozen=True, kw_only=True):
    """A `module` block; `source` is None if it is missing or not a literal."""

    name: str
    source: str | None
    start_line: int
    end_line: int

    @property
    def is_local(self) -> bool:
        """Whether the source is a directory of this repository: in Terraform, it begins with `./` or `../`."""
        return self.source is not None and self.source.startswith(("./", "../", ".\\", "..\\"))


class RemoteState(msgspec.Struct, frozen=True, kw_only=True):
    """A `terraform_remote_state` data source; `backend` is None if it is not a literal."""

    name: str
    backend: str | None
    values: Values
    line: int


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A block that has an address ("aws_vpc.main", "data.aws_ami.x", "module.net", "output.id") and its lines."""

    address: str
    start_line: int
    end_line: int


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A path that a configuration file names: a file, a directory, or (`prefix`) only the literal beginning of a path.

    `from_root`: whether the path is relative to the root module's directory, and not to the file's. An empty path with
    `prefix` means that Terraform computes the whole path: it can lead to any file in or below that directory, and with
    `anywhere` also to one outside the root module's directory.
    """

    path: str
    from_root: bool
    prefix: bool
    anywhere: bool = False


class FileFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The facts of one file. If there is a `problem`, they are those of the part that could be read.

    `references` are found in the text even if it cannot be parsed. `read`: whether the file was read at all; if not,
    it may name any path.
    """

    required_version: tuple[str, ...] = ()
    required_providers: tuple[Provider, ...] = ()
    backend: Backend | None = None
    variables: tuple[Variable, ...] = ()
    calls: tuple[ModuleCall, ...] = ()
    remote_states: tuple[RemoteState, ...] = ()
    sections: tuple[Section, ...] = ()
    references: tuple[Reference, ...] = ()
    problem: Problem | None = None
    read: bool = True
