"""When a hold is released: each change of it has an approver who had no part in it. Compared by GitHub's user ids.

Two people may release each other's changes; nobody releases their own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One commit that a hold is about, and everybody who had a part in it.

    `writers` are its author, its committer and its co-authors, as far as GitHub names somebody for them. `pushers`
    pushed it, to this branch or to the branch that it came from. `proposer` is the author of its pull request, or None.
    `logins` are people of whom only the name was kept.
    """

    sha: str
    writers: frozenset[int] = frozenset()
    pushers: frozenset[int] = frozenset()
    proposer: int | None = None
    logins: frozenset[str] = frozenset()

    @property
    def people(self) -> frozenset[int]:
        """Who had a part in it: of a commit that GitHub names nobody for its pushers, else who proposed it."""
        if self.writers or self.pushers:
            return self.writers | self.pushers
        return frozenset() if self.proposer is None else frozenset({self.proposer})

    @property
    def is_nobodys(self) -> bool:
        """Whether nothing is known of who made it."""
        return not self.people and not self.logins

    def is_by(self, person: "Approver") -> bool:
        """Whether a person had a part in it."""
        return person.id in self.people or person.login.casefold() in {login.casefold() for login in self.logins}


@dataclass(frozen=True, slots=True, kw_only=True)
class Approver:
    """A person who may approve, as GitHub said at that moment."""

    id: int
    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """Enough people approved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StillHeld:
    """Whose approval is missing: of the changes that nobody else has approved, and how many people more."""

    changes: tuple[Change, ...]
    more: int


def decide_release(
    changes: Sequence[Change], approvers: Iterable[Approver], *, needed: int, four_eyes: bool
) -> Released | StillHeld:
    """Decide whether these people together release a hold; `needed` is how many there have to be in any case.

    With `four_eyes` each change needs one of them who had no part in it, and a change of which nothing is known needs
    one person more.
    """
    people = {approver.id: approver for approver in approvers}
    nobodys = four_eyes and any(change.is_nobodys for change in changes)
    more = max(needed + (1 if nobodys else 0) - len(people), 0)
    left = tuple(change for change in changes if four_eyes and all(change.is_by(person) for person in people.values()))
    return StillHeld(changes=left, more=max(more, 1 if left else 0)) if left or more else Released()


def may_help(changes: Sequence[Change], person: Approver, *, four_eyes: bool) -> bool:
    """Whether a person's approval counts for anything: with `four_eyes`, for a change that they had no part in."""
    return not four_eyes or not changes or any(not change.is_by(person) for change in changes)
