"""The action of a plan on an object, and counts of actions."""

import enum

import msgspec


class Action(enum.Enum):
    """The change of one resource or output. A replacement is one action; its name gives the order of the two steps."""

    NO_OP = "no-op"
    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"
    DELETE_CREATE = "delete-create"
    CREATE_DELETE = "create-delete"
    FORGET = "forget"
    CREATE_FORGET = "create-forget"  # Terraform's replacement under `lifecycle { destroy = false }`
    FORGET_CREATE = "forget-create"  # OpenTofu's
    OPEN = "open"  # an ephemeral resource, in OpenTofu

    __hash__ = object.__hash__  # members are singletons, and enum's own hash is a slow call into Python code

    @property
    def replaces(self) -> bool:
        """Whether a new object replaces the old one, which is destroyed or forgotten."""
        return self in _REPLACING

    @property
    def destroys(self) -> bool:
        """Whether an existing object is destroyed."""
        return self in _DESTROYING


_DESTROYING = frozenset({Action.DELETE, Action.DELETE_CREATE, Action.CREATE_DELETE})
_REPLACING = frozenset({Action.DELETE_CREATE, Action.CREATE_DELETE, Action.CREATE_FORGET, Action.FORGET_CREATE})

ACTIONS: dict[tuple[str, ...], Action] = {
    ("no-op",): Action.NO_OP,
    ("create",): Action.CREATE,
    ("read",): Action.READ,
    ("update",): Action.UPDATE,
    ("delete",): Action.DELETE,
    ("delete", "create"): Action.DELETE_CREATE,
    ("create", "delete"): Action.CREATE_DELETE,
    ("forget",): Action.FORGET,
    ("create", "forget"): Action.CREATE_FORGET,
    ("forget", "create"): Action.FORGET_CREATE,
    ("open",): Action.OPEN,
}
"""Every combination that the plan JSON may have in `actions`."""

COUNTED: dict[Action, str] = {
    Action.CREATE: "add",
    Action.UPDATE: "change",
    Action.DELETE: "destroy",
    Action.DELETE_CREATE: "replace",
    Action.CREATE_DELETE: "replace",
    Action.CREATE_FORGET: "replace",
    Action.FORGET_CREATE: "replace",
    Action.FORGET: "forget",
}
"""The field of `Counts` for each action; other actions do not count."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """The number of objects that a plan changes. A replacement is one `replace`, neither an `add` nor a `destroy`.

    An object that is moved or imported and also changed counts twice. `invoke` counts the providers' actions that the
    apply runs, `defer` the changes and actions deferred to a later plan.
    """

    add: int = 0
    change: int = 0
    replace: int = 0
    destroy: int = 0
    import_: int = 0
    move: int = 0
    forget: int = 0
    invoke: int = 0
    defer: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})

    def done_words(self) -> str:
        """For people, after the apply: "3 added, 1 replaced, 1 deferred", or "no changes"."""
        counted = ((getattr(self, name), done) for name, done in _DONE.items())
        return ", ".join(f"{number} {done}" for number, done in counted if number) or "no changes"

    def words(self) -> str:
        """For people: "3 to add, 1 to replace, 1 deferred", or "no changes"."""
        counted = ((getattr(self, name), name.rstrip("_")) for name in self.__struct_fields__)
        parts = [f"{number} to {name}" for number, name in counted if number and name != "defer"]
        return ", ".join([*parts, *([f"{self.defer} deferred"] if self.defer else [])]) or "no changes"


_DONE = {
    "add": "added",
    "change": "changed",
    "replace": "replaced",
    "destroy": "destroyed",
    "import_": "imported",
    "move": "moved",
    "forget": "forgotten",
    "invoke": "invoked",
    "defer": "deferred",
}
