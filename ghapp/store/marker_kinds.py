"""The kinds of markers. A marker is a small stored note, for example that a comment already exists on GitHub.

Each kind is one class, with a typed key and a typed value. The markers of deliveries are in `delivery_markers`. Only
these two modules write and read markers as text. The texts are still those of the first version, so that different
versions can run side by side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ghapp.store.delivery_markers import DeliveriesProbed, DeliveriesReconciled, RedeliveryMarker
from ghapp.store.marker_key import MarkerKey, MarkerOwner, PullRequestKey
from ghapp.store.message_subjects import (
    AboutPlan,
    AboutPromotion,
    AboutRun,
    MessageSubject,
    PromotionNotice,
    one_of,
    read_subject,
)
from ghapp.values import CommitSha, EnvironmentName, RepositoryId, RunId

_CREATING = "being made"
_SENDING = "saying "
_ADOPTED = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Creating:
    """The object is being created on GitHub. After an interruption, look for it there before creating it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """The object was created on GitHub with this id."""

    id: int


@dataclass(frozen=True, slots=True)
class CommentMarker(MarkerKey[Creating | Created]):
    """The comment on a merged pull request."""

    repository_id: RepositoryId
    number: int

    @property
    def text(self) -> str:
        return f"comment:{self.repository_id}:{self.number}"

    def write(self, value: Creating | Created) -> str:
        return _CREATING if isinstance(value, Creating) else str(value.id)

    def read(self, stored: str) -> Creating | Created:
        return Creating() if stored == _CREATING else Created(id=int(stored))

    @property
    def owner(self) -> PullRequestKey:
        return PullRequestKey(repository_id=self.repository_id, number=self.number)


@dataclass(frozen=True, slots=True)
class UnknownCommandMarker(MarkerKey[int]):
    """Planward has answered a comment in which a line only looks like a command. The value is the comment's id.

    `about` identifies the command that was probably meant. If several comments on a pull request misspell it, only the
    first gets an answer.
    """

    repository_id: RepositoryId
    number: int
    about: str

    @property
    def text(self) -> str:
        return f"unknown command:{self.repository_id}:{self.number}:{self.about}"

    def write(self, value: int) -> str:
        return str(value)

    def read(self, stored: str) -> int:
        return int(stored)

    @property
    def owner(self) -> PullRequestKey:
        return PullRequestKey(repository_id=self.repository_id, number=self.number)


@dataclass(frozen=True, slots=True)
class DeploymentMarker(MarkerKey[Created]):
    """The deployment of a run."""

    run_id: RunId

    @property
    def text(self) -> str:
        return f"deployment:{self.run_id}"

    def write(self, value: Created) -> str:
        return str(value.id)

    def read(self, stored: str) -> Created:
        return Created(id=int(stored))

    @property
    def owner(self) -> RunId:
        return self.run_id


DeploymentState = Literal["in_progress", "success", "failure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentStatus:
    """A deployment status sent to GitHub.

    If it is not `confirmed`, look for it on GitHub before sending it again after an interruption.
    """

    state: DeploymentState
    confirmed: bool


@dataclass(frozen=True, slots=True)
class DeploymentStatusMarker(MarkerKey[DeploymentStatus]):
    """The newest status of a run's deployment."""

    run_id: RunId

    @property
    def text(self) -> str:
        return f"deployment:{self.run_id}:state"

    def write(self, value: DeploymentStatus) -> str:
        return value.state if value.confirmed else f"{_SENDING}{value.state}"

    def read(self, stored: str) -> DeploymentStatus:
        state = one_of(DeploymentState, stored.removeprefix(_SENDING))
        return DeploymentStatus(state=state, confirmed=not stored.startswith(_SENDING))

    @property
    def owner(self) -> RunId:
        return self.run_id


@dataclass(frozen=True, slots=True)
class PromotionMarker(MarkerKey[PromotionNotice]):
    """The latest chat message about a promotion."""

    repository_id: RepositoryId
    number: int

    @property
    def text(self) -> str:
        return f"promotion:{self.repository_id}:{self.number}"

    def write(self, value: PromotionNotice) -> str:
        return value

    def read(self, stored: str) -> PromotionNotice:
        notice: PromotionNotice = one_of(PromotionNotice, stored)
        return notice

    @property
    def owner(self) -> PullRequestKey:
        return PullRequestKey(repository_id=self.repository_id, number=self.number)


MessageState = Literal["sending", "sent", "not sent"]


@dataclass(frozen=True, slots=True)
class MessageMarker(MarkerKey[MessageState]):
    """A message to one address. `target` is the number of the address in the config's `notify`, not an environment."""

    subject: MessageSubject
    target: int

    @property
    def text(self) -> str:
        return f"said:{self.subject.text}:{self.target}"

    def write(self, value: MessageState) -> str:
        return value

    def read(self, stored: str) -> MessageState:
        state: MessageState = one_of(MessageState, stored)
        return state

    @property
    def owner(self) -> MarkerOwner:
        match self.subject:
            case AboutRun(run_id=run_id):
                return run_id
            case (
                AboutPlan(repository_id=repository, number=number)
                | AboutPromotion(repository_id=repository, number=number)
            ):
                return PullRequestKey(repository_id=repository, number=number)


@dataclass(frozen=True, slots=True)
class EnvironmentHolder(MarkerKey[RunId]):
    """The apply run that is using an environment."""

    repository_id: RepositoryId
    environment: EnvironmentName

    @property
    def text(self) -> str:
        return f"applying:{self.repository_id}:{self.environment}"

    def write(self, value: RunId) -> str:
        return value

    def read(self, stored: str) -> RunId:
        return RunId(stored)


@dataclass(frozen=True, slots=True)
class Adopted(MarkerKey[Literal[True]]):
    """The branches that existed when the repository was first seen are adopted: only later commits are checked."""

    repository_id: RepositoryId

    @property
    def text(self) -> str:
        return f"adopted:{self.repository_id}"

    def write(self, value: Literal[True]) -> str:
        return _ADOPTED

    def read(self, stored: str) -> Literal[True]:
        return True


@dataclass(frozen=True, slots=True)
class EntryReviewed(MarkerKey[int]):
    """A reviewed pull request, merged as `commit`, added an environment to the config.

    The value is the pull request's number.
    """

    repository_id: RepositoryId
    environment: EnvironmentName
    commit: CommitSha

    @property
    def text(self) -> str:
        return f"reviewed:{self.repository_id}:{self.environment}:{self.commit}"

    def write(self, value: int) -> str:
        return str(value)

    def read(self, stored: str) -> int:
        return int(stored)


def read_key(text: str) -> MarkerKey[Any] | None:
    """Read a stored key; None if this version does not know it."""
    try:
        key = _read_key(text.split(":"))
    except ValueError:
        return None
    return key if key is not None and key.text == text else None


def _read_key(words: Sequence[str]) -> MarkerKey[Any] | None:
    match words:
        case ["comment", repository, number]:
            return CommentMarker(RepositoryId(int(repository)), int(number))
        case ["unknown command", repository, number, about]:
            return UnknownCommandMarker(RepositoryId(int(repository)), int(number), about)
        case ["deployment", run_id]:
            return DeploymentMarker(RunId(run_id))
        case ["deployment", run_id, "state"]:
            return DeploymentStatusMarker(RunId(run_id))
        case ["promotion", repository, number]:
            return PromotionMarker(RepositoryId(int(repository)), int(number))
        case ["said", *subject, target]:
            return MessageMarker(read_subject(":".join(subject)), int(target))
        case ["applying", repository, *environment]:
            return EnvironmentHolder(RepositoryId(int(repository)), EnvironmentName(":".join(environment)))
        case ["adopted", repository]:
            return Adopted(RepositoryId(int(repository)))
        case ["reviewed", repository, environment, commit]:
            return EntryReviewed(RepositoryId(int(repository)), EnvironmentName(environment), CommitSha(commit))
        case ["redelivered", *guid]:
            return RedeliveryMarker(":".join(guid))
        case [word] if word == DeliveriesReconciled().text:
            return DeliveriesReconciled()
        case [word] if word == DeliveriesProbed().text:
            return DeliveriesProbed()
        case _:
            return None
