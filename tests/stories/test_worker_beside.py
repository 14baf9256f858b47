"""`planward serve` and its worker: both processes are started and killed."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.faults.below import descendants
from tests.stories.line import SECRET, Line, running_line
from tests.stories.slow import slow_place
from tests.stories.waiting import eventually

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="/proc tells which processes there are")


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """A separate line, since its processes are killed."""
    with running_line(tmp_path_factory.mktemp("beside"), fresh=True) as line:
        yield line


def test_a_worker_that_is_killed_while_terraform_waits_is_replaced_and_plans_again(line: Line) -> None:
    story = line.story()
    with slow_place() as slow:
        number = story.propose({"network/wait.tf": slow.module("waits")})
        eventually(lambda: slow.asked, "Terraform waits")
        first = line.worker_pid()
        os.kill(first, signal.SIGKILL)
        [push, *_] = [each for each in line.github.deliveries if each.event == "push"]
        assert line.deliver("push", push.payload, guid=push.guid).status_code == 202
        eventually(lambda: len(slow.asked) == 2, "another worker is at it", patience_s=120)
        assert line.worker_pid() != first
        slow.let_go()
        assert story.planned(number)["status"] == "completed"
    story.quiet()
    assert len(story.check_runs(story.head(number))) == 1


def test_neither_process_shows_a_key_in_its_arguments_or_its_environment(line: Line) -> None:
    assert line.process is not None
    for pid in (line.process.pid, line.worker_pid()):
        for name in ("cmdline", "environ"):
            shown = Path(f"/proc/{pid}/{name}").read_bytes()
            assert not [each for each in (SECRET, "PRIVATE KEY", "VAULT_TOKEN") if each.encode() in shown]


# The last one, since it ends the line.
def test_a_killed_serve_leaves_no_process_behind(line: Line) -> None:
    story = line.story()
    with slow_place() as slow:
        story.propose({"network/wait.tf": slow.module("waits")})
        eventually(lambda: slow.asked, "Terraform waits")
        assert line.process is not None
        below = [Path(f"/proc/{number}") for number, *_ in descendants(line.process.pid)]
        assert len(below) > 2  # the worker, its keeper, Terraform
        line.process.send_signal(signal.SIGKILL)
        line.process.wait()
        eventually(lambda: not any(map(_runs, below)), "nothing of it is left", patience_s=120)


def _runs(process: Path) -> bool:
    """Whether a process is running. A zombie, for which nobody has waited yet, has ended."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
