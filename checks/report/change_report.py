"""What a person is told about one planned change: already diffed, already masked."""

from typing import Literal

import msgspec

from checks.declaration import Declaration

Section = Literal["destroy", "replace", "change", "add", "read", "tags", "state"]
SECTIONS: tuple[Section, ...] = ("destroy", "replace", "change", "add", "read", "tags", "state")
"""The order of danger, in which everything is shown and in whose reverse it is left out."""

SYMBOLS: dict[str, str] = {
    "create": "+",
    "read": "<=",
    "update": "~",
    "delete": "-",
    "delete-create": "-/+",
    "create-delete": "+/-",
    "forget": ".",
    "create-forget": "+/.",
    "forget-create": "./+",
    "open": "<=",
    "no-op": " ",
}
"""Terraform's own sign of each action."""

_EMPTY = frozenset({None, "null", '""', "[]", "{}"})


class AttributeChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One attribute: `path = old → new`, or `path` and a diff of lines where a side is a document. Always whole.

    `old` and `new` are texts as they are shown; None means that there is nothing on that side, and equal ones that
    the item of a list only moved. `lines` holds a diff inside a string (JSON, YAML, heredoc), each line beginning
    with "+", "-" or " ". `note` says in words what the values do not: how they are encoded, where an item came from,
    that only the order differs. `empty` is an empty value inside something that comes or goes as a whole.
    """

    path: str
    old: str | None = None
    new: str | None = None
    lines: tuple[str, ...] = ()
    note: str | None = None
    empty: bool = False
    forces_replacement: bool = False

    @property
    def only_moved(self) -> bool:
        """Whether this is an item of a list that stays as it is, at another place."""
        return self.old == self.new and (self.note or "").startswith("moved ")

    @property
    def size(self) -> int:
        """About how many characters it takes to show this."""
        return len(self.path) + len(self.old or "") + len(self.new or "") + sum(map(len, self.lines)) + 64


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a scanner says about a resource, or about one of its attributes (`ingress[0].cidr_blocks`)."""

    scanner: str
    rule: str
    message: str
    severity: str = ""
    attribute: str = ""


class ChangeReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change, or several that are the same in each instance.

    `address` names what changes; where instances are folded, `instances` holds every address and `address` is
    their common name (`aws_subnet.private[0..5]`). `identity` tells which resource this is: name, place, size. `marks`
    says in words why this one deserves care, `findings` what scanners say about it. `unchanged` counts the attributes
    that stay; `recomputed` names those that nobody sets and nobody knows before the apply: ids, ARNs;
    `recomputed_from` has what they were. `left_out` counts
    attributes that were too many to keep. `several_blocks` is whether `instances` are of more than one block, so that
    `address` is a number of resources and no name.
    """

    address: str
    type: str
    action: str
    section: Section
    identity: tuple[str, ...] = ()
    attributes: tuple[AttributeChange, ...] = ()
    findings: tuple[Finding, ...] = ()
    unchanged: int = 0
    recomputed: tuple[str, ...] = ()
    recomputed_from: tuple[AttributeChange, ...] = ()
    marks: tuple[str, ...] = ()
    reason: str | None = None
    previous_address: str | None = None
    importing: str | None = None
    deposed: str | None = None
    instances: tuple[str, ...] = ()
    several_blocks: bool = False
    left_out: int = 0
    declaration: Declaration | None = None

    @property
    def symbol(self) -> str:
        """Terraform's sign of the action; a move or an import that changes nothing else has a sign of its own."""
        if self.action == "no-op":
            return "→" if self.previous_address else "="
        return SYMBOLS.get(self.action, "?")

    @property
    def size(self) -> int:
        """How many resource instances this stands for."""
        return len(self.instances) or 1

    @property
    def says_little(self) -> bool:
        """Whether nothing changes but that an empty value is empty in another way, as null and `[]` are."""
        return bool(self.attributes) and all(
            a.old in _EMPTY and a.new in _EMPTY and not (a.lines or a.note) for a in self.attributes
        )

    @property
    def changed_names(self) -> tuple[str, ...]:
        """The names of the top-level attributes that change, each once, in the order of the diff."""
        return tuple(dict.fromkeys(attribute.path.split(".")[0].split("[")[0] for attribute in self.attributes))


class InvocationReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A provider's action that applying runs: at `event` (such as "after create") of the resource `triggered_by`.

    `by_request` is whether it was asked for by name. `attributes` are its arguments. `reason` says why it is deferred.
    """

    address: str
    type: str = ""
    event: str = ""
    triggered_by: str | None = None
    by_request: bool = False
    attributes: tuple[AttributeChange, ...] = ()
    reason: str | None = None


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """A `check` block, pre- or postcondition, or variable validation that did not pass."""

    address: str
    status: str
    messages: tuple[str, ...] = ()
