"""Slots: they limit the concurrent root runs of this worker, and decide which run is next.

Repositories take turns, however many runs each has waiting, so that a repository with a thousand root modules does not
block the others. Within a repository, applies and plans also take turns. So an apply waits for one plan and not for all
of them, and a plan does not wait until all root modules of a merge are applied. Applies among themselves, and plans
among themselves, are first come, first served.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Collection
from typing import Generic, Literal, TypeVar

from ghapp.values import RepositoryId

T = TypeVar("T")

Operation = Literal["plan", "apply"]


class Turns(Generic[T]):
    """The waiting runs. Between two turns of a repository, every other waiting repository gets one."""

    def __init__(self) -> None:
        self._lines: dict[RepositoryId, dict[Operation, deque[T]]] = {}
        """Both levels are rings: the first entry is the next to have its turn, and then moves to the end."""

    def __len__(self) -> int:
        return sum(len(line) for lines in self._lines.values() for line in lines.values())

    def join(self, repository: RepositoryId, operation: Operation, waiting: T, *, first: bool = False) -> None:
        """Add a run to the end of its repository's line, or with `first` to its front."""
        line = self._lines.setdefault(repository, {}).setdefault(operation, deque())
        if first:
            line.appendleft(waiting)
        else:
            line.append(waiting)

    def leave(self, repository: RepositoryId, operation: Operation, waiting: T) -> None:
        """Remove a run from its line."""
        lines = self._lines[repository]
        lines[operation].remove(waiting)
        if not lines[operation]:
            del lines[operation]
        if not lines:
            del self._lines[repository]

    def next(self, *, but: Collection[RepositoryId] = ()) -> T | None:
        """Remove and return the next run, skipping the repositories in `but`; None if there is none."""
        repository = next((each for each in self._lines if each not in but), None)
        if repository is None:
            return None
        lines = self._lines.pop(repository)
        operation = next(iter(lines))
        line = lines.pop(operation)
        waiting = line.popleft()
        if line:
            lines[operation] = line
        if lines:
            self._lines[repository] = lines
        return waiting


class Slots:
    """The slots of one worker."""

    def __init__(
        self,
        number: int,
        *,
        one_each: bool = False,
        on_change: Callable[[int, int], None] = lambda taken, waiting: None,
    ) -> None:
        """With `one_each`, a repository has at most one slot, even if no other repository waits.

        `on_change` receives the number of taken slots and the number of waiting root runs.
        """
        self._number = number
        self._one_each = one_each
        self._taken: Counter[RepositoryId] = Counter()
        self._turns: Turns[tuple[RepositoryId, asyncio.Future[None]]] = Turns()
        self._on_change = on_change

    def claim(self, repository: RepositoryId, operation: Operation) -> "Slot":
        """A slot for a root run, not taken yet."""
        return Slot(self, repository, operation)

    async def take(self, repository: RepositoryId, operation: Operation, *, first: bool) -> None:
        """Wait for a slot and take it."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns.join(repository, operation, (repository, turn), first=first)
        self._hand_out()
        try:
            # Awaiting the future directly would cancel it together with the run. Then `turn.done()` would be true,
            # although the run has no slot.
            await asyncio.wait({turn})
        except asyncio.CancelledError:
            if turn.done():
                self.give_back(repository)
            else:
                self._turns.leave(repository, operation, (repository, turn))
                self._hand_out()
            raise

    def give_back(self, repository: RepositoryId) -> None:
        """Give the slot to the next run."""
        self._taken[repository] -= 1
        self._taken += Counter()  # keep only repositories with a taken slot
        self._hand_out()

    def _hand_out(self) -> None:
        while self._taken.total() < self._number:
            found = self._turns.next(but=self._taken if self._one_each else ())
            if found is None:
                break
            repository, turn = found
            self._taken[repository] += 1
            turn.set_result(None)
        self._on_change(self._taken.total(), len(self._turns))


class Slot:
    """One root run's slot. It can be taken, lent, taken again, and released."""

    def __init__(self, slots: Slots, repository: RepositoryId, operation: Operation) -> None:
        self._slots = slots
        self._repository = repository
        self._operation = operation
        self._is_taken = False

    async def take(self, *, first: bool = False) -> None:
        """Wait for the slot. `first` is for a run that lent its slot: it goes to the front of its line."""
        await self._slots.take(self._repository, self._operation, first=first)
        self._is_taken = True

    def give_back(self) -> None:
        """Release the slot to others. Does nothing if it is not taken."""
        if self._is_taken:
            self._is_taken = False
            self._slots.give_back(self._repository)
