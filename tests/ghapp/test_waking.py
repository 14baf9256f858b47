"""A queue's loop waits for its alarm."""

import threading

from ghapp.durable.waking import Alarm

HOUR_S = 3600.0


def test_a_woken_alarm_has_its_queue_looked_at_at_once_and_often_for_a_while() -> None:
    alarm = Alarm()
    alarm.wake()
    assert [alarm.wait(HOUR_S), alarm.wait(HOUR_S)] == [False, False]


def test_who_waits_is_woken() -> None:
    alarm = Alarm()
    ended: list[bool] = []
    waiting = threading.Thread(target=lambda: ended.append(alarm.wait(HOUR_S)))
    waiting.start()
    alarm.wake()
    waiting.join()
    assert ended == [False]


def test_an_alarm_that_is_set_ends_the_loop_of_who_waits() -> None:
    alarm = Alarm()
    ended: list[bool] = []
    waiting = threading.Thread(target=lambda: ended.append(alarm.wait(HOUR_S)))
    waiting.start()
    alarm.set()
    waiting.join()
    assert ended == [True]
    assert alarm.wait(HOUR_S)


def test_without_an_alarm_a_queue_is_looked_at_when_its_interval_is_over() -> None:
    assert not Alarm().wait(0.001)
