"""Steps: the actions of a flow that happen once, and their stored results."""

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

_RETRY_S = 2.0


class FlowState:
    """The state of a running flow: how many steps are active, and how many of these only wait until Planward ends."""

    def __init__(self, stopping: asyncio.Event, *, attempt: int = 0) -> None:
        """`stopping` is set when the process has to end. `attempt` is the number of earlier attempts at the job."""
        self.stopping = stopping
        self.attempt = attempt
        self.under_way = 0
        self.parked = 0

    @property
    def all_parked(self) -> bool:
        """Whether all active steps of the flow wait for the process to end."""
        return 0 < self.parked == self.under_way


flow_state: ContextVar[FlowState] = ContextVar("flow_state")
"""Bound for each flow by the worker."""


class OwnFailure(PlanwardError):
    """A flow failed, and no user can correct that. The log has the details under the job's key."""


def attempts_before() -> int:
    """The number of earlier attempts at the current job."""
    return flow_state.get().attempt


class RecordedOtherwise(PlanwardError):
    """The recorded steps of a flow differ from its current ones, because another version of Planward began the flow.

    The job then starts again: every step finds what was already created on GitHub, and Terraform plans again.
    """


async def park() -> NoReturn:
    """Wait until the process ends, and never return.

    A step that returns is recorded as done, and would not run again when its flow resumes.
    """
    flow_state.get().parked += 1
    while True:
        await asyncio.Event().wait()


async def step(
    name: str, kind: type[T], function: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
) -> T:
    """Do one durable step: call the function and store its result as JSON.

    If the flow resumes after an interruption, it uses the stored result and does not call the function again. `kind`
    is the result's type. A step that was interrupted runs again from its start, so it has to find what it already
    created. Raises RecordedOtherwise if another step, or a result of another shape, is recorded in its place.
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

    async def run_and_encode() -> Any:
        try:
            return {"value": msgspec.to_builtins(await patiently(name, work))}
        except Unavailable as failure:
            raised.append(failure)
            return {"raised": str(failure), "retry_after_s": failure.retry_after_s}
        except Exception as failure:
            # DBOS stores what is returned here. The text of another library's exception may contain secrets.
            raised.append(failure)
            if not isinstance(failure, JobError):
                return {"raised": None}
            return {"raised": str(failure), "kind": type(failure).__name__}

    try:
        result = await DBOS.run_step_async({"name": name}, run_and_encode)
    except error.DBOSUnexpectedStepError as unexpected:
        raise RecordedOtherwise(name) from unexpected
    if raised:
        raise raised[0]
    if "retry_after_s" in result:
        unavailable = Unavailable(result["raised"])
        unavailable.retry_after_s = result["retry_after_s"]
        raise unavailable
    if "raised" in result:
        raise _recorded_exception(name, result)
    try:
        return msgspec.convert(result["value"], type=kind)
    except msgspec.ValidationError as invalid:
        raise RecordedOtherwise(name) from invalid


def _recorded_exception(name: str, recorded: Mapping[str, Any]) -> PlanwardError:
    """Recreate the exception that a step raised before an interruption.

    A JobError keeps its own type, unless that has a constructor of its own: then it becomes a plain JobError. Any other
    exception becomes an OwnFailure, since its text was not stored.
    """
    if recorded["raised"] is None:
        return OwnFailure(f"{name} failed before")
    for kind in _subclasses(JobError):
        if kind.__name__ == recorded.get("kind") and kind.__init__ is JobError.__init__:
            return kind(recorded["raised"])
    return JobError(recorded["raised"])


def _subclasses(kind: type[JobError]) -> Iterator[type[JobError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _subclasses(below)


async def patiently(name: str, work: Callable[[], Awaitable[T]]) -> T:
    """Do the work, and repeat it as long as the database is unavailable.

    `step` calls this for the whole step, which then runs again from its start. Inside a step, call it for a part, so
    that only that part runs again. If the process has to end, this waits for the end (`park`). The library
    stamina is not used here, since it would not notice that the process has to end.
    """
    stopping = flow_state.get().stopping
    while True:
        try:
            return await work()
        except StoreUnavailable as unavailable:
            log.warning("step_waits_for_database", step=name, reason=str(unavailable))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _RETRY_S)
            await park()


async def side_by_side(steps: Sequence[Callable[[], Awaitable[T]]], *, at_once: int) -> tuple[T, ...]:
    """Run steps in parallel, at most `at_once` at a time, so that a thousand of them do not fill the memory.

    DBOS numbers them in the order of their start, so the order must be deterministic. If one fails, no other is
    started. The error is raised only when the running ones have finished, so that none of them runs beside what the
    flow does next.
    """
    begun: list[asyncio.Future[T]] = []
    running: set[asyncio.Future[T]] = set()
    try:
        for each in steps:
            if len(running) == at_once:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                if any(task.exception() is not None for task in done):
                    break
            begun.append(asyncio.ensure_future(each()))
            running.add(begun[-1])
        results = await asyncio.gather(*begun, return_exceptions=True)
    except asyncio.CancelledError:
        for task in begun:
            task.cancel()
        raise
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return cast("tuple[T, ...]", tuple(results))
