"""Limits in the sandbox also bind processes that left their session; without a sandbox they do not."""

import os
import signal
from pathlib import Path

from ghapp.processes import Limits
from ghapp.processes.sandbox import UNCONFINED
from tests.ghapp.sandbox.confined import MB, confined, in_a_sandbox, run
from tests.sandboxes import each_sandbox

YIELDS = Limits(yields=True, memory_bytes=1000 * MB)
LEAVES_ITS_SESSION = """\
    if not os.fork():
        os.setsid()
        if not os.fork():
            {}
        os._exit(0)
    os.wait()
    {}
    """


@each_sandbox
def test_a_process_that_left_its_session_survives_only_without_a_sandbox(sandbox: str, directory: Path) -> None:
    word = f"stays-{os.getpid()}-{sandbox}"
    child = f"os.execvp('sh', ['sh', '-c', 'exec >/dev/null 2>&1; sleep 60; : {word}'])"
    ended = run(confined(sandbox, directory), LEAVES_ITS_SESSION.format(child, "time.sleep(0.3)"))
    assert ended.exit_code == 0
    left = [int(p.parent.name) for p in Path("/proc").glob("[0-9]*/cmdline") if _holds(p, word)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert bool(left) == (sandbox == "none")


def _holds(path: Path, word: str) -> bool:
    try:
        return word.encode() in path.read_bytes()
    except OSError:
        return False


def _lasts_s(sandbox: str) -> float:
    """How long a process lasts: in a sandbox until a limit ends it, without one until it ends by itself."""
    return 1.6 if sandbox == "none" else 60


@each_sandbox
def test_memory_of_a_process_that_left_its_session_counts_in_a_sandbox(sandbox: str, directory: Path) -> None:
    child = f"held = bytearray(b'x') * 200_000_000; time.sleep({_lasts_s(sandbox)}); os._exit(0)"
    script = LEAVES_ITS_SESSION.format(child, f"time.sleep({_lasts_s(sandbox)})")
    ended = run(confined(sandbox, directory), script, limits=Limits(memory_bytes=100 * MB))
    assert (ended.exceeded is not None) == (sandbox != "none")


@each_sandbox
def test_processes_that_left_their_session_count_in_a_sandbox(sandbox: str, directory: Path) -> None:
    child = f"[os.fork() or (time.sleep({_lasts_s(sandbox)}), os._exit(0)) for _ in range(60)]"
    script = LEAVES_ITS_SESSION.format(child, f"time.sleep({_lasts_s(sandbox)})")
    ended = run(confined(sandbox, directory), script, limits=Limits(processes=40))
    assert (ended.exceeded and ended.exceeded.limit) == (None if sandbox == "none" else "processes")


LEAST = Limits(processor_s=0)
"""It is exceeded after one second, since whole seconds count."""
BURNS = "began = time.process_time()\nwhile time.process_time() - began < {}: pass\n"


@each_sandbox
def test_processor_time_of_processes_that_left_their_session_counts_in_a_sandbox(sandbox: str, directory: Path) -> None:
    script = f"""\
        reads, writes = os.pipe()
        if not os.fork():
            os.setsid()
            exec({BURNS.format(_lasts_s(sandbox))!r})
            os._exit(0)
        os.close(writes)
        os.read(reads, 1)
        """
    ended = run(confined(sandbox, directory), script, limits=LEAST)
    assert (ended.exceeded and ended.exceeded.limit) == (None if sandbox == "none" else "processor")


def test_processor_time_of_processes_that_have_ended_counts() -> None:
    script = f"""\
        while True:
            subprocess.run([sys.executable, "-I", "-S", "-c", "import time\\n" + {BURNS.format(0.1)!r}])
        """
    ended = run(UNCONFINED, script, limits=LEAST)
    assert (ended.exit_code, ended.exceeded and ended.exceeded.limit) == (-9, "processor")


def test_the_last_seen_processor_time_of_unreaped_children_counts() -> None:
    script = f"""\
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            if not os.fork():
                exec({BURNS.format(0.6)!r})
                os._exit(0)
            try:
                os.wait()
            except ChildProcessError:
                pass
        """
    ended = run(UNCONFINED, script, limits=LEAST)
    assert (ended.exit_code, ended.exceeded and ended.exceeded.limit) == (-9, "processor")


@each_sandbox
def test_child_processes_of_a_program_have_a_low_priority(sandbox: str, directory: Path) -> None:
    script = """\
        while os.getpriority(os.PRIO_PROCESS, 0) < 5 or open("/proc/self/oom_score_adj").read() != "500\\n":
            time.sleep(0.01)
        """
    assert run(confined(sandbox, directory), script, limits=YIELDS).exit_code == 0


@in_a_sandbox
def test_a_process_in_its_own_session_also_has_a_low_priority(sandbox: str, directory: Path) -> None:
    script = """\
        if not os.fork():
            os.setsid()
            while os.path.exists("/proc/self/autogroup") and "nice 5" not in open("/proc/self/autogroup").read():
                time.sleep(0.01)
            sys.exit(0)
        os.wait()
        """
    assert run(confined(sandbox, directory), script, limits=YIELDS).exit_code == 0


@in_a_sandbox
def test_files_and_tasks_are_bounded_by_the_kernel_in_a_sandbox(sandbox: str, directory: Path) -> None:
    script = """\
        import resource
        print(*map(resource.getrlimit, (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_CORE)))
        """
    ended = run(confined(sandbox, directory), script, limits=Limits(files_at_once=123, processes=45))
    assert ended.stdout == b"(123, 123) (450, 450) (0, 0)\n"


def test_writes_to_the_disk_count_together(directory: Path) -> None:
    script = """\
        for number in range(30):
            with open(str(number), "wb") as file:
                file.write(bytes(1_000_000))
        time.sleep(60)
        """
    limits = Limits(disk_bytes=20 * MB, directories=(directory,))
    ended = run(UNCONFINED, script, limits=limits, cwd=directory)
    assert (ended.exit_code, ended.exceeded and ended.exceeded.limit) == (-9, "disk")
