"""`planward` like a later version: every step has another name. `run` is called in a process of its own."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from dbos import DBOS

from tests.forked import run_changed


def run(arguments: Sequence[str], environ: Mapping[str, str], log: str) -> None:
    """Run `planward` with these arguments; to be called in a process that was forked after all imports."""
    run_changed(arguments, environ, log, _rename_steps)


def _rename_steps() -> None:
    undisturbed: Any = DBOS.run_step_async

    async def run_step_async(options: Any, work: Callable[[], Awaitable[Any]]) -> Any:
        return await undisturbed({**options, "name": f"{options['name']} of the next version"}, work)

    setattr(DBOS, "run_step_async", run_step_async)  # noqa: B010 - a class method of the engine is replaced
