"""Turns: between repositories, then between a repository's applies and plans, then first come first served."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghapp.processes.slots import Operation, Slot, Slots, Turns
from ghapp.values import RepositoryId

Waiting = tuple[int, Operation, int]
"""A repository, an operation, a number."""


def turns_of(*waiting: str) -> list[str]:
    """The order in which waiting runs have their turns; each is a repository's digit, `p` or `a`, and any name."""
    turns: Turns[str] = Turns()
    for each in waiting:
        turns.join(RepositoryId(int(each[0])), "apply" if each[1] == "a" else "plan", each)
    order = []
    while (had := turns.next()) is not None:
        order.append(had)
    assert len(turns) == 0
    return order


@pytest.mark.parametrize(
    ("waiting", "order"),
    [
        ([], []),
        (["1p1", "1p2", "1p3"], ["1p1", "1p2", "1p3"]),
        (["1p1", "1p2", "1p3", "1p4", "2p1"], ["1p1", "2p1", "1p2", "1p3", "1p4"]),
        (["1p1", "1p2", "2p1", "2p2", "3p1"], ["1p1", "2p1", "3p1", "1p2", "2p2"]),
        (["1p1", "1p2", "1p3", "1a1"], ["1p1", "1a1", "1p2", "1p3"]),
        (["1a1", "1a2", "1a3", "1p1"], ["1a1", "1p1", "1a2", "1a3"]),
        (["1p1", "1p2", "1a1", "2p1", "2p2"], ["1p1", "2p1", "1a1", "2p2", "1p2"]),
    ],
)
def test_repositories_take_turns_and_inside_one_its_applies_and_plans(waiting: list[str], order: list[str]) -> None:
    assert turns_of(*waiting) == order


def test_after_its_turn_a_run_waits_after_those_already_waiting() -> None:
    turns: Turns[str] = Turns()
    one, two = RepositoryId(1), RepositoryId(2)
    turns.join(one, "plan", "one")
    turns.join(two, "plan", "two")
    assert turns.next() == "one"
    turns.join(one, "plan", "one again")
    assert [turns.next(), turns.next()] == ["two", "one again"]


def test_a_run_that_lent_its_slot_is_first_in_its_own_line_but_not_before_others() -> None:
    turns: Turns[str] = Turns()
    turns.join(RepositoryId(2), "plan", "other")
    turns.join(RepositoryId(1), "plan", "waits")
    turns.join(RepositoryId(1), "plan", "lent", first=True)
    assert [turns.next(), turns.next(), turns.next()] == ["other", "lent", "waits"]


steps = st.lists(
    st.tuples(
        st.sampled_from(["join", "join", "first", "leave", "next"]),
        st.integers(0, 3),
        st.sampled_from(["plan", "apply"]),
    ),
    max_size=80,
)


@given(steps)
def test_every_other_repository_has_at_most_one_turn_between_two_turns_of_a_waiting_one(
    steps: list[tuple[str, int, Any]],
) -> None:
    turns: Turns[Waiting] = Turns()
    waiting: list[Waiting] = []
    since: dict[tuple[int, Operation | None], list[tuple[int, Operation]]] = {}
    """For each waiting repository and each of its waiting operations: the turns since it came or had its last one."""

    def forget() -> None:
        there = {(who, None) for who, _, _ in waiting} | {(who, operation) for who, operation, _ in waiting}
        for key in [key for key in since if key not in there]:
            del since[key]

    for number, (what, repository, operation) in enumerate(steps):
        key = (repository, operation)
        if what in ("join", "first"):
            turns.join(RepositoryId(repository), operation, (*key, number), first=what == "first")
            waiting.append((*key, number))
            since.setdefault((repository, None), [])
            since.setdefault(key, [])
        elif what == "leave" and any(each[:2] == key for each in waiting):
            gone = next(each for each in waiting if each[:2] == key)
            turns.leave(RepositoryId(repository), operation, gone)
            waiting.remove(gone)
        elif what == "next":
            had = turns.next()
            assert (had is None) == (not waiting)
            if had is None:
                continue
            waiting.remove(had)
            for who, others in since.items():
                others.append(had[:2])
                if who[1] is None:
                    repositories = [each[0] for each in others if each[0] != who[0]]
                    assert len(set(repositories)) == len(repositories), "no other has two turns meanwhile"
                else:
                    inside = [each[1] for each in others if each[0] == who[0] and each[1] != who[1]]
                    assert len(inside) <= 1, "nor has the other operation of the same repository"
            since[(had[0], None)] = []
            since[had[:2]] = []
        forget()
        assert len(turns) == len(waiting)


@given(steps)
def test_inside_a_line_it_is_first_come_first_served(steps: list[tuple[str, int, Any]]) -> None:
    turns: Turns[Waiting] = Turns()
    had: list[Waiting] = []
    for number, (what, repository, operation) in enumerate(steps):
        if what == "join":
            turns.join(RepositoryId(repository), operation, (repository, operation, number))
        elif what == "next" and (each := turns.next()) is not None:
            had.append(each)
    while (each := turns.next()) is not None:
        had.append(each)
    for line in {each[:2] for each in had}:
        numbers = [each[2] for each in had if each[:2] == line]
        assert all(before < after for before, after in pairwise(numbers))


class TestPlaces:
    """The slots themselves; `seen` has the values that the metrics get."""

    def test_no_more_runs_than_slots_proceed_at_once(self) -> None:
        asyncio.run(self._no_more_at_once_than_places())

    async def _no_more_at_once_than_places(self) -> None:
        seen: list[tuple[int, int]] = []
        slots = Slots(2, on_change=lambda taken, waiting: seen.append((taken, waiting)))
        claims = [slots.claim(RepositoryId(1), "plan") for _ in range(3)]
        tasks = [asyncio.create_task(claim.take()) for claim in claims]
        await asyncio.wait(tasks[:2])
        await asyncio.sleep(0)
        assert (seen[-1], tasks[2].done()) == ((2, 1), False)
        claims[0].give_back()
        await tasks[2]
        for claim in claims:
            claim.give_back()
            claim.give_back()
        assert seen[-1] == (0, 0)
        assert max(taken for taken, _ in seen) == 2

    def test_a_run_that_is_cancelled_while_it_waits_leaves_no_slot_taken(self) -> None:
        asyncio.run(self._cancelled_leaves_no_place_taken())

    async def _cancelled_leaves_no_place_taken(self) -> None:
        slots = Slots(1)
        holder, gone, other = (slots.claim(RepositoryId(number), "plan") for number in (1, 2, 3))
        await holder.take()
        waiting = [asyncio.create_task(each.take()) for each in (gone, other)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.wait({waiting[0]})
        holder.give_back()
        await waiting[1]

    def test_a_run_that_is_cancelled_at_the_moment_of_its_turn_passes_its_slot_on(self) -> None:
        asyncio.run(self._cancelled_at_the_turn_gives_the_place_on())

    async def _cancelled_at_the_turn_gives_the_place_on(self) -> None:
        slots = Slots(1)
        holder, gone, other = (slots.claim(RepositoryId(number), "plan") for number in (1, 2, 3))
        await holder.take()
        waiting = [asyncio.create_task(each.take()) for each in (gone, other)]
        await asyncio.sleep(0)
        holder.give_back()
        waiting[0].cancel()
        await asyncio.wait({waiting[0]})
        assert waiting[0].cancelled()
        await waiting[1]

    def test_a_lent_slot_comes_back_before_the_others_of_its_line(self) -> None:
        asyncio.run(self._lent_comes_back_first())

    async def _lent_comes_back_first(self) -> None:
        slots = Slots(1)
        lender, waits, apply = (slots.claim(RepositoryId(1), operation) for operation in ("plan", "plan", "apply"))
        await lender.take()
        order: list[str] = []

        async def take(name: str, slot: Slot, *, first: bool = False) -> None:
            await slot.take(first=first)
            order.append(name)
            slot.give_back()

        tasks = [asyncio.create_task(take("apply", apply)), asyncio.create_task(take("waits", waits))]
        await asyncio.sleep(0)
        lender.give_back()
        tasks.append(asyncio.create_task(take("lent", lender, first=True)))
        await asyncio.wait(tasks)
        assert order == ["apply", "lent", "waits"]


def test_if_runs_of_a_repository_take_turns_it_has_one_slot_and_others_have_the_rest() -> None:
    async def story() -> list[str]:
        slots, order = Slots(2, one_each=True), list[str]()

        async def carry_out(repository: int, name: str) -> None:
            slot = slots.claim(RepositoryId(repository), "plan")
            await slot.take()
            order.append(f"{name} begins")
            await asyncio.sleep(0.01)
            order.append(f"{name} ends")
            slot.give_back()

        await asyncio.gather(carry_out(1, "first"), carry_out(1, "second"), carry_out(2, "other"))
        return order

    order = asyncio.run(story())
    assert order.index("second begins") > order.index("first ends")
    assert order.index("other begins") < order.index("first ends")
