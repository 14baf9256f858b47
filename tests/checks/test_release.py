"""The people who can release a hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.authority.release import Approver, Change, Released, StillHeld, decide_release, may_help

ADA, BOB, CLEO = (Approver(id=number, login=login) for number, login in enumerate(("ada", "bob", "cleo"), start=1))


def by(*people: Approver, sha: str = "a", pushed_by: tuple[Approver, ...] = (), proposer: int | None = None) -> Change:
    return Change(
        sha=sha,
        writers=frozenset(each.id for each in people),
        pushers=frozenset(each.id for each in pushed_by),
        proposer=proposer,
    )


@pytest.mark.parametrize(
    ("case", "changes", "approvers", "released"),
    [
        ("somebody else", [by(ADA)], [BOB], True),
        ("who wrote it", [by(ADA)], [ADA], False),
        ("who pushed it", [by(ADA, pushed_by=(BOB,))], [BOB], False),
        ("who wrote part of it", [by(ADA), by(BOB, sha="b")], [ADA], False),
        ("a co-author", [by(ADA, BOB)], [BOB], False),
        ("two release each other's", [by(ADA), by(BOB, sha="b")], [ADA, BOB], True),
        ("two who wrote the same", [by(ADA, BOB)], [ADA, BOB], False),
        ("nobody's, but pushed", [by(pushed_by=(ADA,))], [ADA], False),
        ("nobody's, but pushed, by another", [by(pushed_by=(ADA,))], [BOB], True),
        ("nobody's, but proposed", [by(proposer=ADA.id)], [ADA], False),
        ("nobody's, but proposed by another", [by(proposer=ADA.id)], [BOB], True),
        ("nobody's at all", [by()], [ADA], False),
        ("nobody's at all, with one person more", [by()], [ADA, BOB], True),
        ("nothing that concerns it", [], [ADA], True),
        ("nobody at all", [], [], False),
        ("twice the same", [by()], [ADA, ADA], False),
    ],
)
def test_a_change_is_released_by_enough_others(
    case: str, changes: list[Change], approvers: list[Approver], released: bool
) -> None:
    decided = decide_release(changes, approvers, needed=1, four_eyes=True)
    assert isinstance(decided, Released) == released, case


def test_missing_approvals_are_named() -> None:
    mine, theirs = by(ADA), by(BOB, sha="b")
    assert decide_release([mine, theirs], [ADA], needed=1, four_eyes=True) == StillHeld(changes=(mine,), more=1)
    assert decide_release([theirs], [ADA], needed=2, four_eyes=True) == StillHeld(changes=(), more=1)


def test_a_team_of_one_releases_its_own_changes_if_the_config_says_so() -> None:
    assert decide_release([by(ADA), by()], [ADA], needed=1, four_eyes=False) == Released()


def test_a_login_counts_if_only_the_login_was_stored() -> None:
    change = Change(sha="a", logins=frozenset({"Ada"}))
    assert change.is_by(ADA)
    assert not change.is_nobodys


def test_an_approval_that_cannot_count_is_refused_at_once() -> None:
    assert not may_help([by(ADA)], ADA, four_eyes=True)
    assert may_help([by(ADA), by(BOB)], ADA, four_eyes=True)
    assert may_help([], ADA, four_eyes=True)
    assert may_help([by(ADA)], ADA, four_eyes=False)


PEOPLE = st.frozensets(st.integers(min_value=1, max_value=4))
CHANGES = st.lists(
    st.builds(
        Change,
        sha=st.sampled_from("abc"),
        writers=PEOPLE,
        pushers=PEOPLE,
        proposer=st.none() | st.integers(min_value=1, max_value=4),
    ),
    max_size=4,
)
APPROVERS = st.lists(st.integers(min_value=1, max_value=4).map(lambda id: Approver(id=id, login=str(id))), max_size=4)


@given(CHANGES, APPROVERS, APPROVERS, st.integers(min_value=1, max_value=3))
def test_those_who_made_a_change_cannot_release_it_alone(
    changes: list[Change], approvers: list[Approver], more: list[Approver], needed: int
) -> None:
    decided = decide_release(changes, approvers, needed=needed, four_eyes=True)
    ids = {each.id for each in approvers}
    if isinstance(decided, Released):
        assert len(ids) >= needed
        assert all(ids - change.people for change in changes)
        assert all(len(ids) > needed for change in changes if change.is_nobodys)
        assert decide_release(changes, [*more, *approvers], needed=needed, four_eyes=True) == Released()
    else:
        assert decided.more > 0
        assert all(not ids - change.people for change in decided.changes)
    assert decide_release(changes, approvers[::-1], needed=needed, four_eyes=True) == decided
