"""How a program in bubblewrap ends: interrupted, killed, or failed."""

import time
from pathlib import Path

from ghapp.processes import Limits, Stop
from tests.ghapp.sandbox.confined import confined, run
from tests.sandboxes import in_bubblewrap


@in_bubblewrap
def test_an_interrupt_reaches_the_program_itself_which_has_its_time(directory: Path) -> None:
    stop = Stop(deadline_s=30)
    script = """\
        try:
            print("waits", flush=True); time.sleep(60)
        except KeyboardInterrupt:
            time.sleep(0.2); print("state written"); sys.exit(1)
        """
    said: list[bytes] = []

    def on_line(line: bytes) -> None:
        said.append(line)
        if line == b"waits":
            stop.requested.set()

    began = time.monotonic()
    ended = run(confined("bubblewrap", directory), script, stop=stop, on_line=on_line)
    assert (ended.exit_code, ended.interrupted, said) == (1, True, [b"waits", b"state written"])
    assert time.monotonic() - began < 20


@in_bubblewrap
def test_an_interrupt_before_the_program_catches_it_is_not_lost(directory: Path) -> None:
    stop = Stop(deadline_s=30)
    # The first process of a pid namespace loses signals that it does not catch.
    script = """\
        signal.signal(signal.SIGINT, signal.SIG_DFL); print("not yet", flush=True); time.sleep(1)
        signal.signal(signal.SIGINT, lambda *_: sys.exit(3)); time.sleep(60)
        """
    began = time.monotonic()
    ended = run(confined("bubblewrap", directory), script, stop=stop, on_line=lambda _: stop.requested.set())
    assert (ended.exit_code, ended.interrupted) == (3, True)
    assert time.monotonic() - began < 20


@in_bubblewrap
def test_a_program_that_a_signal_ends_is_distinguished_from_one_that_fails(directory: Path) -> None:
    where = confined("bubblewrap", directory)
    assert run(where, "subprocess.run(['false']); sys.exit(1)").exit_code == 1
    # The first process of a namespace ignores fatal signals from inside of it, but not those from outside.
    ended = run(where, "time.sleep(60)", limits=Limits(), timeout_s=0.3, stop=Stop(deadline_s=0.1))
    assert (ended.exit_code, ended.timed_out) in [(1, True), (-9, True), (-2, True)]
