"""The subject of a chat message: a typed value, and its text in stored markers and jobs."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from ghapp.values import CommitSha, RepositoryId, RunId

PromotionNotice = Literal["decided", "green"]
"""The messages about a promotion: its gate was decided, or it may be merged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutRun:
    """A message about an apply."""

    run_id: RunId
    occasion: str

    @property
    def text(self) -> str:
        """The subject in its stored form, which is also part of jobs' keys."""
        return f"{self.run_id}:{self.occasion}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutPlan:
    """A message about a plan that waits for a person. It is sent once for each head and cause.

    `cause` is a digest of the reason why the plan waits.
    """

    repository_id: RepositoryId
    number: int
    head_sha: CommitSha
    cause: str
    occasion: str

    @property
    def text(self) -> str:
        """The subject in its stored form, which is also part of jobs' keys."""
        return f"{self.repository_id}:{self.number}:{self.head_sha}:{self.cause}:{self.occasion}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutPromotion:
    """A message about a promotion."""

    repository_id: RepositoryId
    number: int
    notice: PromotionNotice

    @property
    def text(self) -> str:
        """The subject in its stored form, which is also part of jobs' keys."""
        return f"promotion:{self.repository_id}:{self.number}:{self.notice}:promotion"


MessageSubject = AboutRun | AboutPlan | AboutPromotion


def read_subject(text: str) -> MessageSubject:
    """Read a stored subject of a message. Raises ValueError if this version does not know it."""
    match text.split(":"):
        case [run_id, occasion]:
            return AboutRun(run_id=RunId(run_id), occasion=occasion)
        case ["promotion", repository, number, notice, "promotion"]:
            return AboutPromotion(
                repository_id=RepositoryId(int(repository)),
                number=int(number),
                notice=one_of(PromotionNotice, notice),
            )
        case [repository, number, head_sha, cause, occasion]:
            return AboutPlan(
                repository_id=RepositoryId(int(repository)),
                number=int(number),
                head_sha=CommitSha(head_sha),
                cause=cause,
                occasion=occasion,
            )
        case _:
            raise ValueError(f"not the subject of a message: {text}")


def one_of(kind: Any, stored: str) -> Any:
    """Read a stored value of this literal type. Raises ValueError."""
    if stored not in get_args(kind):
        raise ValueError(f"not one of {', '.join(get_args(kind))}: {stored}")
    return stored
