"""Texts about who may end a hold and who may not. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from checks.authority.release import Approver, Change, Released, StillHeld, decide_release

_MOST = 5
"""The maximum length of a list of people or commits. If there are more, the last entry is the number of the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciders:
    """The rules for ending a hold, and the people concerned."""

    approvers: tuple[str, ...]
    """As in the config: `LOGIN` or `ORGANIZATION/TEAM`. If empty, the repository's maintainers decide."""
    four_eyes: bool
    needed: int
    """How many people have to approve."""
    changes: tuple[Change, ...] = ()
    """The commits that the hold is about."""
    names: Mapping[int, str] = field(default_factory=dict)
    """The known logins, by GitHub's user id."""
    approved: tuple[Approver, ...] = ()
    """The people who have approved so far."""


def lines_of_deciders(deciders: Deciders) -> tuple[str, ...]:
    """Say who can end the hold, why others cannot, and which approvals are missing.

    Each text is one line; names in it are in backticks.
    """
    lines = [_who(deciders)]
    if deciders.four_eyes:
        lines += _why_others_cannot(deciders)
    if deciders.approved:
        lines.append(_so_far(deciders))
    lines.append(
        "An administrator of the repository can decide alone: put `--override` at the end of the comment to paste. "
        "That is recorded and shown."
    )
    return tuple(lines)


def who_decides(approvers: Sequence[str]) -> str:
    """The people and teams that may decide, as in the config; if it names none, the roles that may decide."""
    teams = [each for each in approvers if "/" in each]
    logins = [each for each in approvers if "/" not in each]
    people = [*map(_code, logins), *(f"members of {_code(team)}" for team in teams)]
    return _join(people, "or") if people else "anyone who has the role maintain or admin here"


def _who(deciders: Deciders) -> str:
    number = f" {deciders.needed} of them have to press Apply." if deciders.needed > 1 else ""
    return f"Who can decide: {who_decides(deciders.approvers)}.{number}"


def _why_others_cannot(deciders: Deciders) -> Iterator[str]:
    changes = deciders.changes
    if not changes:
        return
    parts = [_people(change, deciders) for change in changes]
    of_all = frozenset.intersection(*parts)
    of_some = frozenset.union(*parts) - of_all
    if of_all:
        yield f"Not {_join_logins(of_all, 'or')}: whoever wrote or pushed a commit cannot approve it (`four_eyes`)."
    if len(of_some) == 1:
        [login] = of_some
        mine = [change for change, people in zip(changes, parts, strict=True) if login in people]
        yield f"{_code(login)} wrote or pushed {_join_shas(mine)}: somebody else has to approve that (`four_eyes`)."
    elif of_some:
        parts_of = _join_logins(of_some, "and")
        yield (
            f"{parts_of} each wrote or pushed some of the commits. Each of them can approve the commits of the "
            "others, but not their own (`four_eyes`)."
        )
    if nobodys := [change for change in changes if change.is_nobodys]:
        yield f"GitHub does not say who made {_join_shas(nobodys)}, so one approval more than usual is needed."


def _so_far(deciders: Deciders) -> str:
    said = f"Approved so far by {_join_logins({each.login for each in deciders.approved}, 'and')}"
    match decide_release(deciders.changes, deciders.approved, needed=deciders.needed, four_eyes=deciders.four_eyes):
        case Released():
            return f"{said}."
        case StillHeld(changes=changes, more=more):
            by = "by" if more == 1 else "one of them by"
            left = f", {by} somebody who neither wrote nor pushed {_join_shas(changes)}" if changes else ""
            return f"{said}. Still needed: {more} more approval{'' if more == 1 else 's'}{left}."


def _people(change: Change, deciders: Deciders) -> frozenset[str]:
    return frozenset(deciders.names.get(id) or f"account {id}" for id in change.people) | change.logins


def _join_logins(logins: Iterable[str], word: str) -> str:
    return _join([_code(login) for login in sorted(logins, key=str.casefold)], word)


def _join_shas(changes: Sequence[Change]) -> str:
    return _join([_code(change.sha[:7]) for change in changes], "and")


def _join(words: Sequence[str], word: str) -> str:
    if len(words) > _MOST:
        words = [*words[: _MOST - 1], f"{len(words) - _MOST + 1} more"]
        word = "and"
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {word} {words[-1]}"


def _code(text: str) -> str:
    return f"`{text.replace('`', '')}`"
