"""The report of one planned change: already compared, already masked."""

from typing import Literal

import msgspec

from checks.declaration import Declaration

Section = Literal["destroy", "replace", "change", "add", "read", "tags", "state"]
SECTIONS: tuple[Section, ...] = ("destroy", "replace", "change", "add", "read", "tags", "state")
"""The sections, the most dangerous first: they are shown in this order, and the last ones are left out first."""

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
"""Terraform's own symbol for each action."""

_EMPTY = frozenset({None, "null", '""', "[]", "{}"})


class AttributeChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The change of one attribute: `path = old → new`, or for a document `path` with a line diff.

    Always complete, except for an output that is too large for a report: its `note` then says so.

    `old` and `new` are texts for display; None if there is no value on that side, or if `lines` or `note` is shown in
    place of the values. Both are equal if a list item only moved, or if the difference cannot be shown. `lines` is the
    diff inside a string (JSON, YAML, heredoc); each line begins with "+", "-" or " ". `note` adds facts that the values
    do not show: their encoding, an item's earlier position, or that only the order differs.

    `empty` marks an empty value inside an object that is added or removed as a whole, an attribute of a created,
    destroyed or replaced resource that is empty on both sides, and a list or map that becomes empty.
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
        """Whether this is an unchanged list item at another position."""
        return self.old == self.new and (self.note or "").startswith("moved ")

    @property
    def size(self) -> int:
        """The approximate number of characters for showing it."""
        lines = sum(map(len, self.lines)) if self.lines else 0
        return len(self.path) + len(self.old or "") + len(self.new or "") + lines + 64


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A scanner's finding about a resource, or about one of its attributes (`ingress[0].cidr_blocks`)."""

    scanner: str
    rule: str
    message: str
    severity: str = ""
    attribute: str = ""


class ChangeReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change, or several equal changes of a block's instances folded into one.

    `address` names the changed object. If instances are folded, `instances` has every address and `address` is their
    common name (`aws_subnet.private[0..5]`), or with `several_blocks` the number of resources, since they belong to
    more than one block. `identity` tells people which resource this is: name, place, size. `marks` are the reasons why
    the change deserves care, as text; `findings` come from scanners. `unchanged` counts the unchanged attributes.
    `recomputed` names attributes that the configuration does not set and nobody knows before the apply, such as ids
    and ARNs; `recomputed_from` has their old values. `left_out` counts attributes that were left out for their size.
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
        """Terraform's symbol of the action; a pure move or import has its own symbol."""
        if self.action == "no-op":
            return "→" if self.previous_address else "="
        return SYMBOLS.get(self.action, "?")

    @property
    def size(self) -> int:
        """The number of resource instances that this represents."""
        return len(self.instances) or 1

    @property
    def says_little(self) -> bool:
        """Whether the only change is from one kind of empty value to another, such as null and `[]`."""
        return bool(self.attributes) and all(
            a.old in _EMPTY and a.new in _EMPTY and not (a.lines or a.note) for a in self.attributes
        )

    @property
    def changed_names(self) -> tuple[str, ...]:
        """The names of the changed top-level attributes, each once, in the order of the diff."""
        return tuple(dict.fromkeys(attribute.path.split(".")[0].split("[")[0] for attribute in self.attributes))


class InvocationReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A provider's action that the apply runs at an `event` (such as "after create") of the resource `triggered_by`.

    `by_request`: whether a person requested it by name. `attributes` are its arguments. `reason` says why it is
    deferred.
    """

    address: str
    type: str = ""
    event: str = ""
    triggered_by: str | None = None
    by_request: bool = False
    attributes: tuple[AttributeChange, ...] = ()
    reason: str | None = None


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """A failed `check` block, pre- or postcondition, or variable validation."""

    address: str
    status: str
    messages: tuple[str, ...] = ()
