"""Steps: what a flow does once, and what it finds instead of doing it again."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any, NoReturn, ParamSpec, TypeVar, cast

import msgspec
from dbos import DBOS, error

from ghapp.errors import JobError, PlanwardError, Unavailable
from ghapp.log import log
from ghapp.store import StoreUnavailable

T = TypeVar("T")
P = ParamSpec("P")

_AGAIN_S = 2.0


class FlowState:
    """A flow that runs: how many of its steps are under way, and how many of these wait for the process to end."""

    def __init__(self, stopping: asyncio.Event, *, attempt: int = 0) -> None:
        """`stopping` is set when the process is to end; `attempt` tells how often the job was tried before."""
        self.stopping = stopping
        self.attempt = attempt
        self.under_way = 0
        self.parked = 0

    @property
    def all_parked(self) -> bool:
        """Whether nothing of it runs any more, until another process takes it up."""
        return 0 < self.parked == self.under_way


flow_state: ContextVar[FlowState] = ContextVar("flow_state")
"""Bound for each flow by the worker."""


class OwnFailure(PlanwardError):
    """A flow failed by a fault of Planward's own; the log has the rest under the job's key."""


def attempts_before() -> int:
    """How often the job that is under way was tried before."""
    return flow_state.get().attempt


class RecordedOtherwise(PlanwardError):
    """What was recorded of a flow is not what its steps are now: another version of Planward began it.

    Its job runs again from its start: every step finds what was created on GitHub, and Terraform plans again.
    """


async def park() -> NoReturn:
    """Wait for the end of the process: a step that returned would be taken for done, and is made again instead."""
    flow_state.get().parked += 1
    while True:
        await asyncio.Event().wait()


async def step(
    name: str, kind: type[T], function: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
) -> T:
    """Do one durable step: the function is called once and its result, as JSON, is what a recovery finds.

    `kind` is the result's type. After an interruption the step is made again from its start and finds what it left.
    Raises RecordedOtherwise where another step was recorded in its place, or a result of another shape.
    """
    flow = flow_state.get()
    flow.under_way += 1
    try:
        if flow.stopping.is_set():
            await park()
        return await _step(name, kind, partial(function, *args, **kwargs))
    finally:
        flow.under_way -= 1


async def _step(name: str, kind: type[T], work: Callable[[], Awaitable[T]]) -> T:
    raised: list[Exception] = []

    async def as_json() -> Any:
        try:
            return {"value": msgspec.to_builtins(await patiently(name, work))}
        except Unavailable as failure:
            raised.append(failure)
            return {"raised": str(failure), "retry_after_s": failure.retry_after_s}
        except Exception as failure:
            # What a step raises is kept in the database as it is: a foreign exception's text never goes there.
            raised.append(failure)
            if not isinstance(failure, JobError):
                return {"raised": None}
            return {"raised": str(failure), "kind": type(failure).__name__}

    try:
        result = await DBOS.run_step_async({"name": name}, as_json)
    except error.DBOSUnexpectedStepError as unexpected:
        raise RecordedOtherwise(name) from unexpected
    if raised:
        raise raised[0]
    if "retry_after_s" in result:
        unavailable = Unavailable(result["raised"])
        unavailable.retry_after_s = result["retry_after_s"]
        raise unavailable
    if "raised" in result:
        raise _raised_before(name, result)
    try:
        return msgspec.convert(result["value"], type=kind)
    except msgspec.ValidationError as invalid:
        raise RecordedOtherwise(name) from invalid


def _raised_before(name: str, recorded: Mapping[str, Any]) -> PlanwardError:
    """What a step raised before an interruption, of the same kind where the kind holds nothing but its words."""
    if recorded["raised"] is None:
        return OwnFailure(f"{name} failed before")
    for kind in _kinds(JobError):
        if kind.__name__ == recorded.get("kind") and kind.__init__ is JobError.__init__:
            return kind(recorded["raised"])
    return JobError(recorded["raised"])


def _kinds(kind: type[JobError]) -> Iterator[type[JobError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)


async def patiently(name: str, work: Callable[[], Awaitable[T]]) -> T:
    """Do the work, and again from its start as often as the database was not there to remember it.

    A step does that by itself; inside of one it is for what must not be followed by all of the step again. It ends only
    with the process, which stamina's retries do not watch for.
    """
    stopping = flow_state.get().stopping
    while True:
        try:
            return await work()
        except StoreUnavailable as unavailable:
            log.warning("step_waits_for_database", step=name, reason=str(unavailable))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _AGAIN_S)
            await park()


async def side_by_side(steps: Sequence[Callable[[], Awaitable[T]]], *, at_once: int) -> tuple[T, ...]:
    """Do steps side by side, `at_once` of them begun and not finished, so that a thousand do not lie in memory.

    They are begun, and numbered, in this order, which must not depend on chance. Where one of them fails no other is
    begun, and those that are come to their end first: nothing runs on beside what follows.
    """
    begun: list[asyncio.Future[T]] = []
    going: set[asyncio.Future[T]] = set()
    try:
        for each in steps:
            if len(going) == at_once:
                done, going = await asyncio.wait(going, return_when=asyncio.FIRST_COMPLETED)
                if any(task.exception() is not None for task in done):
                    break
            begun.append(asyncio.ensure_future(each()))
            going.add(begun[-1])
        results = await asyncio.gather(*begun, return_exceptions=True)
    except asyncio.CancelledError:
        for task in begun:
            task.cancel()
        raise
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return cast("tuple[T, ...]", tuple(results))
