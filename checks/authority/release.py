"""Decide whether a hold is released: with `four_eyes`, each change needs an approver who did not contribute to it.

Then two people may release each other's changes, but nobody may release their own. People are compared by GitHub's
user ids.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One commit that a hold is about, and its contributors.

    `writers` are its author, its committer and its co-authors, if GitHub knows their accounts. `pushers` pushed it to
    this branch or to the branch that it came from. `proposer` is the author of its pull request, or None. `logins` are
    the contributors whose login is recorded, but not their user id.
    """

    sha: str
    writers: frozenset[int] = frozenset()
    pushers: frozenset[int] = frozenset()
    proposer: int | None = None
    logins: frozenset[str] = frozenset()

    @property
    def people(self) -> frozenset[int]:
        """The user ids of its writers and pushers; if neither are known, the id of its proposer."""
        if self.writers or self.pushers:
            return self.writers | self.pushers
        return frozenset() if self.proposer is None else frozenset({self.proposer})

    @property
    def is_nobodys(self) -> bool:
        """Whether nothing is known about who made it."""
        return not self.people and not self.logins

    def is_by(self, person: "Approver") -> bool:
        """Whether a person contributed to it."""
        return person.id in self.people or person.login.casefold() in {login.casefold() for login in self.logins}


@dataclass(frozen=True, slots=True, kw_only=True)
class Approver:
    """A person who may approve, according to GitHub at that moment."""

    id: int
    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """Enough people approved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StillHeld:
    """At least `more` approvals are missing.

    Each of `changes` needs one by somebody who did not contribute to it; one approval can count for several of them.
    """

    changes: tuple[Change, ...]
    more: int


def decide_release(
    changes: Sequence[Change], approvers: Iterable[Approver], *, needed: int, four_eyes: bool
) -> Released | StillHeld:
    """Decide whether these people together release a hold; `needed` is the minimum number of people.

    With `four_eyes`, each change needs an approver who did not contribute to it, and if nothing is known about who
    made one of the changes, one more person than `needed` has to approve.
    """
    people = {approver.id: approver for approver in approvers}
    nobodys = four_eyes and any(change.is_nobodys for change in changes)
    more = max(needed + (1 if nobodys else 0) - len(people), 0)
    left = tuple(change for change in changes if four_eyes and all(change.is_by(person) for person in people.values()))
    return StillHeld(changes=left, more=max(more, 1 if left else 0)) if left or more else Released()


def may_help(changes: Sequence[Change], person: Approver, *, four_eyes: bool) -> bool:
    """Whether a person's approval helps. With `four_eyes`, it does not if they contributed to every change."""
    return not four_eyes or not changes or any(not change.is_by(person) for change in changes)
