"""The text on a check run about who may end its hold."""

from checks.authority.deciders import Deciders, lines_of_deciders
from checks.authority.release import Approver, Change

ADA, BOB, CAROL = 1, 2, 3
NAMES = {ADA: "ada", BOB: "bob", CAROL: "carol"}
BY_ADA = Change(sha="a" * 40, writers=frozenset({ADA}))
BY_BOB = Change(sha="b" * 40, writers=frozenset({BOB}), pushers=frozenset({ADA}))


def lines(*, approvers: tuple[str, ...] = (), four_eyes: bool = True, needed: int = 1, **known: object) -> list[str]:
    deciders = Deciders(approvers=approvers, four_eyes=four_eyes, needed=needed, names=NAMES, **known)  # type: ignore[arg-type]
    *lines, override = lines_of_deciders(deciders)
    assert override == (
        "An administrator of the repository can decide alone: put `--override` at the end of the comment to paste. "
        "That is recorded and shown."
    )
    return lines


def test_without_named_approvers_the_roles_decide() -> None:
    assert lines() == ["Who can decide: anyone who has the role maintain or admin here."]


def test_approvers_are_named_as_people_and_teams_with_how_many_it_takes() -> None:
    assert lines(approvers=("bob", "acme/platform"), needed=2) == [
        "Who can decide: `bob` or members of `acme/platform`. 2 of them have to press Apply."
    ]


def test_the_author_of_everything_cannot_approve_and_sees_why() -> None:
    assert lines(changes=(BY_ADA,))[1:] == [
        "Not `ada`: whoever wrote or pushed a commit cannot approve it (`four_eyes`)."
    ]


def test_a_person_who_made_some_of_the_commits_can_approve_the_rest() -> None:
    assert lines(changes=(BY_ADA, BY_BOB))[1:] == [
        "Not `ada`: whoever wrote or pushed a commit cannot approve it (`four_eyes`).",
        "`bob` wrote or pushed `bbbbbbb`: somebody else has to approve that (`four_eyes`).",
    ]
    own = Change(sha="c" * 40, writers=frozenset({BOB}))
    assert lines(changes=(BY_ADA, own))[1:] == [
        "`ada` and `bob` each wrote or pushed some of the commits. Each of them can approve the commits of the "
        "others, but not their own (`four_eyes`)."
    ]


def test_without_four_eyes_everybody_with_the_role_can_decide() -> None:
    assert lines(changes=(BY_ADA,), four_eyes=False) == [
        "Who can decide: anyone who has the role maintain or admin here."
    ]


def test_a_commit_without_a_known_author_takes_one_more_approval() -> None:
    assert lines(changes=(Change(sha="d" * 40),))[1:] == [
        "GitHub does not say who made `ddddddd`, so one approval more than usual is needed."
    ]


def test_approvals_so_far_and_missing_ones_are_named() -> None:
    bob = (Approver(id=BOB, login="bob"),)
    assert lines(needed=2, approved=bob)[-1] == "Approved so far by `bob`. Still needed: 1 more approval."
    own = Change(sha="c" * 40, writers=frozenset({BOB}))
    assert lines(changes=(BY_ADA, own), approved=bob)[-1] == (
        "Approved so far by `bob`. Still needed: 1 more approval, by somebody who neither wrote nor pushed `ccccccc`."
    )


def test_many_people_are_counted() -> None:
    changes = tuple(Change(sha=str(number) * 40, logins=frozenset({f"user{number}"})) for number in range(8))
    assert lines(changes=changes)[1] == (
        "`user0`, `user1`, `user2`, `user3` and 4 more each wrote or pushed some of the commits. Each of them "
        "can approve the commits of the others, but not their own (`four_eyes`)."
    )


def test_a_login_with_a_backtick_stays_in_its_code() -> None:
    change = Change(sha="e" * 40, logins=frozenset({"e`v`e"}))
    assert lines(changes=(change,))[1].startswith("Not `eve`:")
