"""What all kinds of markers have in common: a key and a value with stored forms, and the owner."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, TypeVar

from ghapp.values import RepositoryId, RunId

V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestKey:
    """A pull request; its markers are removed with it."""

    repository_id: RepositoryId
    number: int


MarkerOwner = RunId | PullRequestKey


class MarkerKey(ABC, Generic[V]):
    """The subject of a marker; `V` is the type of its value."""

    __slots__ = ()

    @property
    @abstractmethod
    def text(self) -> str:
        """The key in its stored form."""

    @abstractmethod
    def write(self, value: V) -> str:
        """The value in its stored form."""

    @abstractmethod
    def read(self, stored: str) -> V:
        """Read a stored value. Raises ValueError if this version does not know it."""

    @property
    def owner(self) -> MarkerOwner | None:
        """The run or pull request with which the marker is removed, or None."""
        return None
