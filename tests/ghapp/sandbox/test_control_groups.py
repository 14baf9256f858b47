"""Control groups: no command of a root run outlives its group or exceeds its limits. In a sandbox, none leaves it."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ghapp.processes import Exceeded, Exited, Limits, NotConfined, ProgramMissing, Programs, Stop
from ghapp.processes.cgroups import ControlGroups
from ghapp.processes.delegated_group import NoControlGroups, own_group
from ghapp.processes.sandbox import UNCONFINED
from tests.ghapp.sandbox.confined import MB, confined
from tests.sandboxes import PYTHON, each_sandbox


def _why_no_group() -> str | None:
    try:
        made = _make_group()
    except NoControlGroups as error:
        return f"control groups cannot be tested here: {error}"
    except OSError as error:
        return f"this process may not create control groups: {error.strerror}"
    made.rmdir()
    return None


def _make_group() -> Path:
    group, _ = own_group()
    made = Path(tempfile.mkdtemp(prefix="planward-test-", dir=group))
    if not (made / "cgroup.kill").exists():
        made.rmdir()
        raise NoControlGroups("the kernel is older than 5.14")
    return made


NO_GROUP = _why_no_group()
in_a_group = pytest.mark.skipif(NO_GROUP is not None, reason=str(NO_GROUP))


@pytest.fixture
def delegated() -> Iterator[Path]:
    """A control group on this machine that is marked as delegated in systemd's way."""
    made = _make_group()
    os.setxattr(made, "user.delegate", b"1")
    made.chmod(0o755)
    try:
        yield made
    finally:
        (made / "cgroup.kill").write_text("1")
        while "populated 1" in (made / "cgroup.events").read_text():
            time.sleep(0.01)
        for current, _, _ in os.walk(made, topdown=False):
            Path(current).rmdir()


@pytest.fixture
def with_pids(delegated: Path) -> Path:
    """A delegated group with the pids controller."""
    return _with("pids", delegated)


@pytest.fixture
def with_memory(delegated: Path) -> Path:
    """A delegated group with the memory controller."""
    return _with("memory", delegated)


def _with(controller: str, delegated: Path) -> Path:
    if controller not in (delegated / "cgroup.controllers").read_text().split():
        pytest.skip(f"the controller {controller} is not available in this machine's cgroup v2")
    return delegated


def run(delegated: Path, sandbox: str, directory: Path, script: str, **options: Any) -> Exited:
    """Run a Python script that may use `os, signal, subprocess, sys, time`, in a control group."""
    text = "import os, signal, subprocess, sys, time\n" + textwrap.dedent(script)
    where = confined(sandbox, directory)
    opened = ControlGroups.opened(delegated)

    async def ran() -> Exited:
        async with where.entered():
            options.setdefault("argv", [PYTHON, "-I", "-S", "-c", text])
            options.setdefault("environ", {})
            return await Programs(groups=opened).run(timeout_s=60, confined=where, **options)

    try:
        ended = asyncio.run(ran())
        assert list(next(delegated.glob("runs-*")).glob("[0-9]*")) == []
        return ended
    finally:
        opened.close()


LEAVES_ITS_SESSION = """\
    if not os.fork():
        os.setsid()
        if not os.fork():
            {}
        os._exit(0)
    os.wait()
    {}
    """
BURNS = "began = time.process_time()\nwhile time.process_time() - began < {}: pass\n"


@in_a_group
class TestInAGroup:
    @each_sandbox
    def test_no_process_outlives_its_command_however_it_left_its_session(
        self, sandbox: str, directory: Path, delegated: Path
    ) -> None:
        word = f"stays-{os.getpid()}-{sandbox}"
        child = f"os.execvp('sh', ['sh', '-c', 'exec >/dev/null 2>&1; sleep 60; : {word}'])"
        ended = run(delegated, sandbox, directory, LEAVES_ITS_SESSION.format(child, "time.sleep(0.3)"))
        assert (ended.exit_code, ended.stderr) == (0, b"")
        left = [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if _holds(path, word)]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert left == []

    @each_sandbox
    def test_output_that_a_process_outside_the_session_holds_open_is_not_waited_for(
        self, sandbox: str, directory: Path, delegated: Path
    ) -> None:
        began = time.monotonic()
        ended = run(delegated, sandbox, directory, LEAVES_ITS_SESSION.format("time.sleep(60)", "print('done')"))
        assert (ended.exit_code, ended.stdout) == (0, b"done\n")
        assert time.monotonic() - began < 4

    @each_sandbox
    def test_memory_of_a_process_that_left_its_session_counts(
        self, sandbox: str, directory: Path, delegated: Path
    ) -> None:
        child = "held = bytearray(b'x') * 200_000_000; time.sleep(60)"
        script = LEAVES_ITS_SESSION.format(child, "time.sleep(60)")
        ended = run(delegated, sandbox, directory, script, limits=Limits(memory_bytes=100 * MB))
        assert (ended.exit_code, ended.exceeded and ended.exceeded.limit) == (-9, "memory")

    @each_sandbox
    def test_processes_that_left_their_session_count(self, sandbox: str, directory: Path, delegated: Path) -> None:
        child = "[os.fork() or (time.sleep(60), os._exit(0)) for _ in range(60)]"
        script = LEAVES_ITS_SESSION.format(child, "time.sleep(60)")
        ended = run(delegated, sandbox, directory, script, limits=Limits(processes=40))
        assert (ended.exit_code, ended.exceeded and ended.exceeded.limit) == (-9, "processes")

    @each_sandbox
    def test_processor_time_of_unreaped_and_short_lived_processes_counts(
        self, sandbox: str, directory: Path, delegated: Path
    ) -> None:
        script = f"""\
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            while True:
                if not os.fork():
                    os.setsid()
                    exec({BURNS.format(0.1)!r})
                    os._exit(0)
                time.sleep(0.1)
            """
        ended = run(delegated, sandbox, directory, script, limits=Limits(processor_s=0))
        assert (ended.exit_code, ended.exceeded and ended.exceeded.limit) == (-9, "processor")

    @each_sandbox
    def test_a_command_can_leave_its_group_only_without_a_sandbox(
        self, sandbox: str, directory: Path, delegated: Path
    ) -> None:
        script = f"""\
            print(open("/proc/self/cgroup").read())
            for place in ({str(delegated / "planward")!r}, {str(delegated)!r}, "/sys/fs/cgroup"):
                try:
                    with open(place + "/cgroup.procs", "w") as file:
                        file.write(str(os.getpid()))
                    print("left")
                    break
                except OSError as error:
                    print(type(error).__name__)
            try:
                print(os.listdir({str(delegated / "planward")!r}) and "listed")
            except OSError as error:
                print(type(error).__name__)
            """
        said = run(delegated, sandbox, directory, script).stdout.decode().splitlines()
        group = next(line for line in said if line.startswith("0::"))
        at = said.index("") + 1
        match sandbox:
            case "bubblewrap":
                assert (group, said[at:]) == ("0::/", ["FileNotFoundError"] * 4)
            case "uid":
                assert (group.endswith("/1"), said[at], said[-1]) == (True, "PermissionError", "PermissionError")
                assert "left" not in said
            case _:
                assert (group.endswith("/1"), said[at:]) == (True, ["left", "listed"])

    @each_sandbox
    def test_input_environment_and_exit_status_are_those_of_the_program_itself(
        self, sandbox: str, directory: Path, delegated: Path
    ) -> None:
        script = "print(sys.stdin.read(), os.environ['planward'], os.getcwd()); sys.exit(3)"
        environ = {"planward": "a\nb"}
        where = directory / "data/checkout"
        ended = run(delegated, sandbox, directory, script, stdin=b"first\nsecond", environ=environ, cwd=where)
        seen = {"bubblewrap": "/planward/7", "uid": f"{directory}/data/paths/7/checkout"}
        seen["none"] = seen["uid"]
        assert (ended.exit_code, ended.stdout.decode(), ended.stderr) == (
            3,
            f"first\nsecond a\nb {seen[sandbox]}\n",
            b"",
        )
        assert run(delegated, sandbox, directory, "print(repr(sys.stdin.read()))").stdout == b"''\n"

    @each_sandbox
    def test_an_interrupt_reaches_the_program_which_has_time_to_end(
        self, sandbox: str, directory: Path, delegated: Path
    ) -> None:
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
            stop.requested.set()

        ended = run(delegated, sandbox, directory, script, stop=stop, on_line=on_line)
        assert (ended.exit_code, ended.interrupted, said) == (1, True, [b"waits", b"state written"])

    def test_a_program_that_does_not_exist_or_may_not_be_executed_is_missing(
        self, directory: Path, delegated: Path
    ) -> None:
        (directory / "closed").touch(mode=0o600)
        for name, cause in ((directory / "gone", FileNotFoundError), (directory / "closed", PermissionError)):
            with pytest.raises(ProgramMissing) as raised:
                run(delegated, "none", directory, "", argv=[name])
            assert isinstance(raised.value.__cause__, cause)

    def test_programs_other_than_those_of_root_runs_stay_with_planward(self, directory: Path, delegated: Path) -> None:
        opened = ControlGroups.opened(delegated)
        words = [PYTHON, "-c", "print(open('/proc/self/cgroup').read())"]
        ended = asyncio.run(Programs(groups=opened).run(words, environ={}, timeout_s=60, confined=UNCONFINED))
        opened.close()
        own = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
        assert own in ended.stdout.decode().splitlines()

    def test_without_its_group_a_command_does_not_begin(self, directory: Path, delegated: Path) -> None:
        opened = ControlGroups.opened(delegated)
        opened.close()
        where = confined("none", directory)

        async def ran() -> Exited:
            async with where.entered():
                words = [PYTHON, "-c", f"open({str(directory / 'begun')!r}, 'w')"]
                return await Programs(groups=opened).run(words, environ={}, timeout_s=60, confined=where)

        with pytest.raises(NotConfined, match="its control group could not be created: No such file or directory"):
            asyncio.run(ran())
        assert not (directory / "begun").exists()

    def test_programs_that_a_killed_worker_left_are_ended_by_the_next_one_and_a_living_one_keeps_its_own(
        self, delegated: Path
    ) -> None:
        living = ControlGroups.opened(delegated)
        kept = living.make({})
        words = [sys.executable, "-c", LEAVES_A_GROUP, str(delegated)]
        killed = subprocess.run(words, capture_output=True, text=True, check=False)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        left = int(killed.stdout)
        assert len(list(delegated.glob("runs-*"))) == 2
        sleeping = subprocess.Popen(["sleep", "60"])
        kept.take_in(sleeping.pid)
        try:
            assert Path(f"/proc/{left}").exists()
            ControlGroups.opened(delegated).close()
            assert (_is_running(left), sleeping.poll()) == (False, None)
            assert len(list(delegated.glob("runs-*"))) == 1
        finally:
            living.close()
            assert sleeping.wait(10) == -signal.SIGKILL
        assert list(delegated.glob("runs-*")) == []

    def test_planward_moves_out_of_the_way_and_finds_its_group_again_from_there(self, delegated: Path) -> None:
        process = subprocess.run(
            [sys.executable, "-c", MOVES_ASIDE, delegated], capture_output=True, text=True, check=False, timeout=60
        )
        assert (process.returncode, process.stderr) == (0, "")
        found, own, found_again, said, examined = process.stdout.splitlines()
        assert (found, found_again, Path(own).name) == (str(delegated), str(delegated), "planward")
        assert said == examined
        assert said.startswith("each command has a control group of its own (")

    @each_sandbox
    def test_memory_that_no_process_has_mapped_counts(self, sandbox: str, directory: Path, with_memory: Path) -> None:
        script = """\
            held = os.memfd_create("held")
            for _ in range(300):
                os.write(held, b"x" * 1_000_000)
            time.sleep(60)
            """
        ended = run(with_memory, sandbox, directory, script, limits=Limits(memory_bytes=100 * MB))
        assert (ended.exit_code, ended.exceeded and ended.exceeded.limit) == (-9, "memory")
        assert ended.exceeded is not None
        assert ended.exceeded.size_bytes < 120 * MB

    @each_sandbox
    def test_a_command_that_holds_a_lock_survives_a_child_that_takes_all_memory_at_once(
        self, sandbox: str, directory: Path, with_memory: Path
    ) -> None:
        eats = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); held = bytearray(b'x') * 600_000_000"
        script = f"""\
            signal.signal(signal.SIGINT, lambda *_: None)
            child = subprocess.Popen([sys.executable, "-I", "-S", "-c", {eats!r}])
            print(child.wait(), "state written"); sys.exit(1)
            """
        limits = Limits(memory_bytes=100 * MB, interrupt_first=True)
        ended = run(with_memory, sandbox, directory, script, limits=limits, stop=Stop(deadline_s=50))
        assert (ended.exit_code, ended.stdout) == (1, b"-9 state written\n")
        assert (ended.exceeded and ended.exceeded.limit, ended.interrupted) == ("memory", False)

    def test_tasks_beyond_what_the_kernel_allows_end_the_command_and_it_says_so(
        self, directory: Path, with_pids: Path
    ) -> None:
        script = """\
            import _thread
            try:
                while True:
                    _thread.start_new_thread(time.sleep, (60,))
            except RuntimeError:
                print("refused", flush=True)
                time.sleep(60)
            """
        ended = run(with_pids, "none", directory, script, limits=Limits(processes=4))
        assert (ended.exit_code, ended.stdout, ended.exceeded) == (
            -9,
            b"refused\n",
            Exceeded(limit="tasks", size_bytes=40, allowed_bytes=4),
        )

    def test_a_command_that_ended_because_its_tasks_were_refused_says_so_too(
        self, directory: Path, with_pids: Path
    ) -> None:
        script = "[os.fork() or (time.sleep(60), os._exit(0)) for _ in range(50)]"
        ended = run(with_pids, "none", directory, script, limits=Limits(processes=4))
        assert (ended.exit_code != 0, ended.exceeded and ended.exceeded.limit in ("tasks", "processes")) == (True, True)

    @each_sandbox
    def test_a_program_has_no_limit_of_its_own_for_what_its_group_bounds(
        self, sandbox: str, directory: Path, with_pids: Path
    ) -> None:
        script = "import resource; print(resource.getrlimit(resource.RLIMIT_NPROC)[1])"
        ended = run(with_pids, sandbox, directory, script, limits=Limits(processes=45))
        assert ended.stdout != b"450\n"


LEAVES_A_GROUP = """
import os, subprocess, sys
from pathlib import Path
from ghapp.processes.cgroups import ControlGroups
group = ControlGroups.opened(Path(sys.argv[1])).make({})
left = subprocess.Popen(["sleep", "60"], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
group.take_in(left.pid)
print(left.pid, flush=True)
os.kill(os.getpid(), 9)
"""
MOVES_ASIDE = """
import os, sys
from pathlib import Path
from ghapp.processes.cgroups import examine_control_groups, open_control_groups
from ghapp.processes.delegated_group import find_delegated, own_group
(Path(sys.argv[1]) / "cgroup.procs").write_text(str(os.getpid()))
print(find_delegated())
groups, said = open_control_groups()
print(own_group()[0], find_delegated(), said, examine_control_groups(), sep="\\n")
groups.close()
"""


def _holds(path: Path, word: str) -> bool:
    try:
        return word.encode() in path.read_bytes()
    except OSError:
        return False


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
