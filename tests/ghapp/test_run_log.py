"""The log of a root run: masked in a thread, in order, whole until its limit."""

from checks.sensitive import Mask
from ghapp.flows.root_module.run_log import RunLog


def caught_up(log: RunLog) -> list[str]:
    log.catch_up()
    return log.take()


def test_adding_lines_masks_nothing_until_the_log_catches_up() -> None:
    log = RunLog(Mask.of(["hunter2-hunter2"]))
    log("password: hunter2-hunter2")
    assert log.take() == []
    assert caught_up(log) == ["password: (sensitive)"]


def test_what_becomes_known_to_be_secret_hides_the_lines_after_it_and_those_kept_back() -> None:
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
