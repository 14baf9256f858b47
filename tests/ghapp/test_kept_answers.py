"""Only git's answers about fixed objects are cached, and within bounds."""

import asyncio
from collections.abc import Collection
from pathlib import Path

import pytest

from ghapp.git.kept_answers import KeptAnswers
from ghapp.processes import Exited

SHA = "1" * 40


class Git:
    """Answers with this many bytes, and counts its calls."""

    def __init__(self, *, size: int = 1, exit_code: int = 0) -> None:
        self.size, self.exit_code, self.asked = size, exit_code, 0

    async def answer(self) -> Exited:
        self.asked += 1
        return Exited(exit_code=self.exit_code, stdout=b"x" * self.size)


def ask(
    answers: KeptAnswers,
    git: Git,
    word: str = "word",
    objects: Collection[str] = (SHA,),
    lasting: Collection[int] = (0,),
) -> Exited:
    return asyncio.run(answers.get((Path("1.git"), (word,)), objects, git.answer, lasting))


def test_git_is_asked_once_about_objects_that_never_change() -> None:
    answers, git = KeptAnswers(), Git()
    assert ask(answers, git) == ask(answers, git)
    assert git.asked == 1


@pytest.mark.parametrize("named", ["main", SHA[:12], "refs/heads/main", f"{SHA}~1"])
def test_git_is_asked_each_time_about_what_may_move(named: str) -> None:
    answers, git = KeptAnswers(), Git()
    ask(answers, git, objects=(SHA, named))
    ask(answers, git, objects=(SHA, named))
    assert git.asked == 2


def test_an_object_that_is_missing_may_arrive() -> None:
    answers, git = KeptAnswers(), Git(exit_code=128)
    ask(answers, git, lasting=(0, 1))
    ask(answers, git, lasting=(0, 1))
    assert git.asked == 2


def test_an_answer_of_one_mirror_is_not_given_for_another() -> None:
    answers, own, other = KeptAnswers(), Git(size=1), Git(size=2)
    ask(answers, own)
    given = asyncio.run(answers.get((Path("2.git"), ("word",)), (SHA,), other.answer, (0,)))
    assert (len(given.stdout), other.asked) == (2, 1)


def test_the_least_recently_used_answers_make_room() -> None:
    answers = KeptAnswers(most_bytes=25_000)
    first, second, third = Git(size=10_000), Git(size=10_000), Git(size=10_000)
    ask(answers, first, "first")
    ask(answers, second, "second")
    ask(answers, first, "first")
    ask(answers, third, "third")
    ask(answers, first, "first")
    ask(answers, second, "second")
    assert (first.asked, second.asked) == (1, 2)


def test_a_large_answer_is_not_kept() -> None:
    answers, git = KeptAnswers(), Git(size=2_000_000)
    ask(answers, git)
    ask(answers, git)
    assert git.asked == 2
