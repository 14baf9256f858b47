"""What is marked: one declaration for each kind of marker, with its typed key and its typed value.

Here alone markers are written as text and read back. The texts are those of the first version, so that versions run
beside each other.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

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

V = TypeVar("V")

_CREATING = "being made"
_SENDING = "saying "
_ADOPTED = "all"
_RECONCILED = "looked for missed deliveries"
_PROBED = "probed deliveries"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestKey:
    """A pull request that a marker is removed with."""

    repository_id: RepositoryId
    number: int


MarkerOwner = RunId | PullRequestKey


class MarkerKey(ABC, Generic[V]):
    """What a marker is about; `V` is the type of its value."""

    __slots__ = ()

    @property
    @abstractmethod
    def text(self) -> str:
        """The key as it is stored."""

    @abstractmethod
    def write(self, value: V) -> str:
        """The value as it is stored."""

    @abstractmethod
    def read(self, stored: str) -> V:
        """The value that is stored so. Raises ValueError on what this version does not know."""

    @property
    def owner(self) -> MarkerOwner | None:
        """The run or the pull request that the marker is removed with; None: it stays."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Creating:
    """It is being created on GitHub: whoever finds this looks there first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """It was created on GitHub under this id."""

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
    """The id of the comment on a pull request that was answered because it only looks like a command.

    `about` stands for what was meant: that is answered once.
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
    """A deployment status that GitHub was sent; not `confirmed`: whoever finds this looks there first."""

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
    """What was last said in chat about a promotion."""

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
    """A message to the `target`th address of the config's `notify`."""

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
    """The apply run that has an environment."""

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
    """That what was there when the repository was first seen is adopted: what comes later is judged."""

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
    """The reviewed pull request that brought the entry of an environment to a config, by the commit of its merge."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeliveryRequest:
    """How often GitHub was asked for a redelivery, last after which attempt, and when (seconds since 1970)."""

    times: int = 0
    after: int = 0
    at: int = 0


@dataclass(frozen=True, slots=True)
class RedeliveryMarker(MarkerKey[RedeliveryRequest]):
    """That GitHub was asked to deliver this delivery again."""

    guid: str

    @property
    def text(self) -> str:
        return f"{REDELIVERIES}{self.guid}"

    def write(self, value: RedeliveryRequest) -> str:
        return f"{value.times}:{value.after}:{value.at}"

    def read(self, stored: str) -> RedeliveryRequest:
        # The first version knew no time.
        times, after, at, *_ = [*stored.split(":"), "0"]
        return RedeliveryRequest(times=int(times), after=int(after), at=int(at))


REDELIVERIES = "redelivered:"
"""Begins the stored keys of all redelivery markers."""


@dataclass(frozen=True, slots=True)
class DeliveriesReconciled(MarkerKey[int]):
    """Up to when (seconds since 1970) GitHub's list of deliveries was reconciled."""

    @property
    def text(self) -> str:
        return _RECONCILED

    def write(self, value: int) -> str:
        return str(value)

    def read(self, stored: str) -> int:
        return int(stored)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """When one delivery was asked for to find out whether any arrives, and when the first did since (0: none did)."""

    at: int
    arrived_at: int = 0


@dataclass(frozen=True, slots=True)
class DeliveriesProbed(MarkerKey[Probe]):
    """That nothing arrived, and what came of asking for one delivery."""

    @property
    def text(self) -> str:
        return _PROBED

    def write(self, value: Probe) -> str:
        return f"{value.at}:{value.arrived_at}"

    def read(self, stored: str) -> Probe:
        at, arrived_at = stored.split(":")
        return Probe(at=int(at), arrived_at=int(arrived_at))


def read_key(text: str) -> MarkerKey[Any] | None:
    """Read a key as it is stored; None for one that this version does not know."""
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
        case [word] if word == _RECONCILED:
            return DeliveriesReconciled()
        case [word] if word == _PROBED:
            return DeliveriesProbed()
        case _:
            return None
