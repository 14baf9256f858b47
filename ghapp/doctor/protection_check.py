"""A gate, its state, and the facts for judging it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ghapp.github import RuleSource

CHECK = "planward/plan"


class State(StrEnum):
    """The state of a gate. Only `missing` makes `doctor` fail."""

    MET = "met"
    MISSING = "missing"
    ADVICE = "advice"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionCheck:
    """One gate: its current state and, if that is not right, what to set."""

    name: str
    state: State
    said: str
    setting: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """One environment's branch, and everything that its gates depend on.

    `sees_classic` is False if the App may not read classic protection: then a gate that no ruleset has is uncertain.
    `promotes_from` is the environment before, None if nothing is promoted into this one.
    """

    environment: str
    branch: str
    sources: tuple[RuleSource, ...]
    sees_classic: bool
    app_id: int
    four_eyes: bool
    has_code_owners: bool
    promotes_from: str | None
    allows_merge_commits: bool


def judged(
    guarded: Guarded,
    name: str,
    met: bool,
    so: str,
    not_so: str,
    setting: str,
    *,
    otherwise: State = State.MISSING,
) -> ProtectionCheck:
    """A gate that is met, or a description of its fault and what to set."""
    if met:
        return ProtectionCheck(name=name, state=State.MET, said=so)
    unseen = "" if guarded.sees_classic else " as far as rulesets go; classic protection cannot be seen"
    return ProtectionCheck(name=name, state=otherwise, said=f"{not_so}{unseen}", setting=setting)


def that_ask_for_pull_requests(guarded: Guarded) -> list[RuleSource]:
    """The sources that require a pull request."""
    return [source for source in guarded.sources if source.pull_request is not None]


def named(sources: Sequence[RuleSource]) -> str:
    """Sources by their names, once each."""
    return listed(dict.fromkeys(source.name for source in sources))


def listed(words: Iterable[str]) -> str:
    """Words as a sentence lists them."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
