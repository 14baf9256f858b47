"""The type checker sees the arguments of a step's function.

Strict mypy reports each `type: ignore` that is not needed. So the type check fails if it accepts a wrong call below.
"""

import tomllib
from pathlib import Path

from ghapp.durable import step


async def _count(words: str, *, times: int) -> int:
    return len(words) * times


async def _wrong_calls() -> None:
    await step("a number for words", int, _count, 1, times=2)  # type: ignore[arg-type]
    await step("words for a number", int, _count, "a", times="b")  # type: ignore[arg-type]
    await step("an argument is missing", int, _count, "a")  # type: ignore[call-arg]


def test_the_calls_above_are_checked_strictly() -> None:
    settings = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    assert settings["strict"] is True
    assert "warn_unused_ignores" not in settings
