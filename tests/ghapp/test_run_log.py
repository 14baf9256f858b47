"""The log of a root run: masked in a thread, in order, complete up to its limit."""

import asyncio
import threading
from types import SimpleNamespace
from typing import cast

import pytest

from checks.sensitive import Mask
from ghapp.flows.root_module import run_log
from ghapp.flows.root_module.run_log import RunLog, open_log
from ghapp.store import Store
from ghapp.values import RunId


def caught_up(log: RunLog) -> list[str]:
    log.catch_up()
    return log.take()


def test_adding_lines_masks_nothing_until_the_log_catches_up() -> None:
    log = RunLog(Mask.of(["hunter2-hunter2"]))
    log("password: hunter2-hunter2")
    assert log.take() == []
    assert caught_up(log) == ["password: (sensitive)"]


def test_a_new_secret_is_hidden_in_later_lines_and_in_withheld_ones() -> None:
    log = RunLog(Mask.none())
    log("first: later-secret")
    log.foreign("error: later-secret")
    log.learn(Mask.of(["later-secret"]))
    log("last: later-secret")
    log.end()
    assert "".join(f"{line}\n" for line in caught_up(log)) == (
        "first: later-secret\nerror: (sensitive)\nlast: (sensitive)\n"
    )


def test_a_log_ends_after_four_million_characters_and_says_so() -> None:
    log = RunLog(Mask.none())
    for _ in range(500):
        log("x" * 9_999)
    log.end()
    lines = caught_up(log)
    assert len(lines) == 402
    assert lines[-1].startswith("… the rest of this log is left out")


def test_a_log_that_takes_too_long_to_mask_is_given_up_and_says_so() -> None:
    log = RunLog(Mask.none())
    log("before")
    log.give_up()
    log("after")
    log.end()
    assert caught_up(log) == ["… the rest of this log is left out: hiding the secrets in it took too long"]
    assert caught_up(log) == []


def test_masking_a_log_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    let_go, written = threading.Event(), list[str]()

    async def write_log(_: str, __: str, lines: list[str]) -> None:
        written.extend(lines)

    def mask_slowly(_: RunLog) -> None:
        let_go.wait(30)

    async def log_one_line() -> None:
        store = cast(Store, SimpleNamespace(runs=SimpleNamespace(write_log=write_log)))
        async with open_log(store, RunId("r"), "part", Mask.none()) as log:
            log("one line")
        let_go.set()

    monkeypatch.setattr(RunLog, "catch_up", mask_slowly)
    monkeypatch.setattr(run_log, "LONGEST_S", 0.01)
    asyncio.run(log_one_line())
    assert written == ["… the rest of this log is left out: hiding the secrets in it took too long"]
