"""What a message in chat is about: a typed value, and the text that stands for it in stored markers and jobs."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from ghapp.values import CommitSha, RepositoryId, RunId

PromotionNotice = Literal["decided", "green"]
"""What was said about a promotion: that its gate was decided, and that it may be merged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutRun:
    """A message about an apply."""

    run_id: RunId
    occasion: str

    @property
    def text(self) -> str:
        """The subject as it is stored, in keys of jobs too."""
        return f"{self.run_id}:{self.occasion}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutPlan:
    """A message about a plan that waits for a person: once for a head and for what is asked (`cause`, a digest)."""

    repository_id: RepositoryId
    number: int
    head_sha: CommitSha
    cause: str
    occasion: str

    @property
    def text(self) -> str:
        """The subject as it is stored, in keys of jobs too."""
        return f"{self.repository_id}:{self.number}:{self.head_sha}:{self.cause}:{self.occasion}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutPromotion:
    """A message about a promotion."""

    repository_id: RepositoryId
    number: int
    notice: PromotionNotice

    @property
    def text(self) -> str:
        """The subject as it is stored, in keys of jobs too."""
        return f"promotion:{self.repository_id}:{self.number}:{self.notice}:promotion"


MessageSubject = AboutRun | AboutPlan | AboutPromotion


def read_subject(text: str) -> MessageSubject:
    """Read the subject of a message as it is stored. Raises ValueError on what this version does not know."""
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
            raise ValueError(f"no subject of a message: {text}")


def one_of(kind: Any, stored: str) -> Any:
    """The value of this literal type that is stored so. Raises ValueError."""
    if stored not in get_args(kind):
        raise ValueError(f"none of {', '.join(get_args(kind))}: {stored}")
    return stored
