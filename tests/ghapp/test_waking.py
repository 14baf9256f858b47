"""A queue's loop waits for its alarm."""

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ghapp.durable import waking
from ghapp.durable.waking import Alarm

HOUR_S = 3600.0


def test_a_woken_alarm_has_its_queue_looked_at_at_once_and_often_for_a_while() -> None:
    alarm = Alarm()
    alarm.wake()
    assert [alarm.wait(HOUR_S), alarm.wait(HOUR_S)] == [False, False]


@pytest.mark.parametrize(("act", "ended"), [(Alarm.wake, False), (Alarm.set, True)], ids=["woken", "set"])
def test_who_waits_looks_again_where_it_is_woken_and_ends_where_it_is_set(
    act: Callable[[Alarm], None], ended: bool
) -> None:
    alarm = Alarm()
    said: list[bool] = []
    waiting = threading.Thread(target=lambda: said.append(alarm.wait(HOUR_S)))
    waiting.start()
    act(alarm)
    waiting.join()
    assert said == [ended]
    assert alarm.is_set() is ended


def test_an_alarm_that_is_set_stays_so() -> None:
    alarm = Alarm()
    alarm.set()
    assert [alarm.wait(HOUR_S), alarm.wait(HOUR_S)] == [True, True]


def test_a_loop_that_failed_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = 0
    again = threading.Event()

    def loop(alarm: Alarm, *_: object) -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            raise RuntimeError
        again.set()
        alarm.wait(HOUR_S)

    monkeypatch.setattr(waking, "queue_worker_thread", loop)
    monkeypatch.setattr(waking, "_AGAIN_S", 0.001)
    looking = waking.Looking()
    looking.begin(cast("Any", None), [cast("Any", SimpleNamespace(name="news"))])
    assert again.wait(60)
    looking.end()


def test_without_an_alarm_a_queue_is_looked_at_when_its_interval_is_over() -> None:
    assert not Alarm().wait(0.001)
