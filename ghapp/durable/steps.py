"""Durable steps. A step is one action of a flow, and its result is stored.

A flow executes one job. After an interruption, the flow resumes. It skips each step that has a stored result. It runs
an interrupted step again from the start. DBOS stores the results.
"""

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
    """The state of a running flow.

    `under_way` is the number of active steps. `parked` is the number of active steps that only wait for the process to
    end (see `park`).
    """

    def __init__(self, stopping: asyncio.Event, *, attempt: int = 0) -> None:
        """`stopping` is set when the process has to end. `attempt` is the number of earlier attempts at the job."""
        self.stopping = stopping
        self.attempt = attempt
        self.under_way = 0
        self.parked = 0

    @property
    def all_parked(self) -> bool:
        """Whether the flow has active steps, and all of them are parked."""
        return 0 < self.parked == self.under_way


flow_state: ContextVar[FlowState] = ContextVar("flow_state")
"""The state of the current flow. The worker sets it."""


class OwnFailure(PlanwardError):
    """An attempt at a job failed, and users have nothing to correct. The log has the details under the job's key."""


def attempts_before() -> int:
    """The number of earlier attempts at the current job."""
    return flow_state.get().attempt


class RecordedOtherwise(PlanwardError):
    """The recorded steps of a flow do not match the code, because another version of Planward began the flow.

    The job then starts again from the beginning. Its steps find what was already created on GitHub. Terraform plans
    again.
    """


async def park() -> NoReturn:
    """Wait until the process ends. Never returns.

    An unfinished step calls this, so that it runs again when its flow resumes. If the step returned instead, it would
    be recorded as done.
    """
    flow_state.get().parked += 1
    while True:
        await asyncio.Event().wait()


async def step(
    name: str, kind: type[T], function: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run one durable step: call the function and store its result as JSON.

    If the result is already stored, it is returned and the function is not called. An interrupted step has no stored
    result, so its function is called again. The function has to find what the interrupted call created. `kind` is the
    type of the result. Raises RecordedOtherwise if a step with another name is stored at this position of the flow,
    or if the stored result has another type.
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
            raised.append(failure)
            if not isinstance(failure, JobError):
                return {"raised": None}  # DBOS stores this value. The text of such an exception may contain secrets.
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

    A JobError keeps its class if that class does not define its own constructor. Otherwise it becomes a plain JobError.
    All other exceptions become an OwnFailure, because their text was not stored.
    """
    if recorded["raised"] is None:
        return OwnFailure(f"{name} failed before the interruption")
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

    `step` uses this function to repeat a whole step. A step can use it to repeat only a part of the step. If the
    process has to end, the function calls `park`. The library stamina is not used here, because it would not notice
    that the process has to end.
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
    """Run steps in parallel, at most `at_once` at a time. Returns their results in the order of `steps`.

    The limit saves memory: there may be a thousand steps. DBOS numbers steps in the order in which they start, so the
    order of `steps` must be deterministic. After a step has failed, no other step is started. The running steps finish
    first, and then the error is raised. So no step is still running when the flow continues.
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
