"""`planward` like a later version: every step has another name. `python -m tests.stories.next_version serve …`"""

from collections.abc import Awaitable, Callable
from typing import Any

from dbos import DBOS

from ghapp.cli import main


def _rename_steps() -> None:
    undisturbed: Any = DBOS.run_step_async

    async def run_step_async(options: Any, work: Callable[[], Awaitable[Any]]) -> Any:
        return await undisturbed({**options, "name": f"{options['name']} of the next version"}, work)

    setattr(DBOS, "run_step_async", run_step_async)  # noqa: B010 - a class method of the engine is replaced


if __name__ == "__main__":
    _rename_steps()
    main()
