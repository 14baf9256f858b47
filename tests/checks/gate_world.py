"""The state of the gate's state machine: commits, pull requests, and Planward's records of them."""

from dataclasses import dataclass, field

from checks import settle

Tree = frozenset[str]


@dataclass
class Commit:
    """A commit of the branch; with `by_hand`, its config says `apply: manual`."""

    sha: str
    parent: str | None
    tree: Tree
    by_hand: bool


@dataclass
class Head:
    """A pull request: the tree of its head, the last conclusion of `planward/plan`, and the base of that plan."""

    number: int
    tree: Tree
    conclusion: str = "none"
    base: str = ""
    merge_sha: str | None = None
    head_sha: str = ""
    passed_when_merged: bool = False
    base_when_merged: str = ""
    delivered: bool = False

    def reviewed(self, commits: dict[str, Commit]) -> Tree:
        """The changes that its plan showed before the merge."""
        return self.tree - commits[self.base_when_merged].tree if self.passed_when_merged else frozenset()


@dataclass
class Attempt:
    """A check run of an apply, as the store records it."""

    sha: str
    state: settle.Attempt = "unfinished"
    digests: frozenset[str] = frozenset()
    approval: int = 0
    waits: bool = False


@dataclass
class Approval:
    """A person's decision about one commit, and the plans that they were shown."""

    number: int
    sha: str
    asked: settle.RequestedAction
    digests: frozenset[str]


@dataclass
class Applied:
    """One apply by Terraform: from one commit to another."""

    before: str
    after: str
    approval: Approval | None


@dataclass
class Store:
    """Planward's records."""

    last: str
    last_applied: bool = False
    pushes: set[str] = field(default_factory=set)
    attempts: list[Attempt] = field(default_factory=list)
    approvals: list[Approval] = field(default_factory=list)

    def of(self, sha: str) -> list[Attempt]:
        return [attempt for attempt in self.attempts if attempt.sha == sha]
