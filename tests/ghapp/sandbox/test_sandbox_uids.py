"""Runs under a uid of their own, and the path that runs of one repository share."""

import asyncio
import contextlib
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ghapp.processes import PROGRAMS_WITHOUT_KEEPER, ProgramMissing
from ghapp.processes.by_uid import probe_uids, without_sandbox
from ghapp.processes.sandbox import Confined, Reach
from ghapp.processes.uid_pool import clear_uids, take_uid, uid_of
from tests.ghapp.sandbox.confined import confined, run
from tests.sandboxes import by_uid

LEAVES_A_UID = """
import os, subprocess
from ghapp.processes.uid_pool import take_uid
taken = take_uid()
left = subprocess.Popen(
    ["sleep", "60"], user=taken.uid, pass_fds=[taken.held], start_new_session=True,
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
)
print(left.pid, taken.uid, flush=True)
os.kill(os.getpid(), 9)
"""


@by_uid
def test_a_program_that_its_uid_may_not_execute_is_missing(directory: Path) -> None:
    async def ran(where: Confined) -> None:
        async with where.entered():
            await PROGRAMS_WITHOUT_KEEPER.run([directory / "closed"], environ={}, timeout_s=60, confined=where)

    (directory / "closed").touch(mode=0o700)
    with pytest.raises(ProgramMissing):
        asyncio.run(ran(confined("uid", directory)))


@by_uid
def test_a_uid_is_used_again_only_once_nothing_of_the_last_run_is_left(directory: Path) -> None:
    script = """\
        import ctypes
        print(os.getuid(), flush=True)
        open("/dev/shm/planward-left", "w").close()
        os.makedirs("/tmp/planward-left/below")
        print(ctypes.CDLL(None).shmget(0x7A11, 4096, 0o1600))
        ctypes.CDLL(None).syscall(248, b"user", b"left", b"a key", 5, -4)
        if not os.fork():
            os.setsid()
            ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # its /proc is root's
            os.execvp("sleep", ["sleep", "60"])
        """
    with contextlib.suppress(FileNotFoundError):
        Path("/dev/shm/planward-left").unlink()
    ended = run(confined("uid", directory), script)
    uid, shared = ended.stdout.decode().split()
    assert (ended.exit_code, ended.stderr, int(shared) >= 0) == (0, b"", True)
    assert [uid_of(int(path.name)) for path in Path("/proc").glob("[0-9]*")].count(int(uid)) == 0
    assert not Path("/dev/shm/planward-left").exists()
    assert not Path("/tmp/planward-left").exists()
    assert f" {uid} " not in Path("/proc/sysvipc/shm").read_text()
    if platform.machine() == "x86_64":
        searched = "print(ctypes.CDLL(None).syscall(250, 10, -4, b'user', b'left', 0), os.getuid())"
        assert run(confined("uid", directory), "import ctypes; " + searched).stdout == f"-1 {uid}\n".encode()
    taken = take_uid()
    assert taken is not None
    assert taken.uid == int(uid)
    taken.give_back()


@by_uid
def test_processes_of_a_killed_planward_under_a_uid_are_ended_by_the_next_one_and_others_are_not(
    directory: Path,
) -> None:
    killed = subprocess.run([sys.executable, "-c", LEAVES_A_UID], capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left, uid = map(int, killed.stdout.split())
    others = take_uid()
    assert others is not None
    assert others.uid != uid, "its lock is held by what was left"
    running = subprocess.Popen(["sleep", "60"], user=others.uid)
    try:
        clear_uids()
        assert (uid_of(left), uid_of(running.pid)) == (None, others.uid)
    finally:
        running.kill()
        running.wait()
        others.give_back()


@by_uid
def test_a_uid_of_its_own_sees_its_checkout_at_one_path_and_nothing_of_the_data_directory(directory: Path) -> None:
    where = confined("uid", directory)
    data = directory / "data"
    (data / "planward.db").write_text("rows")
    (data / "checkout/main.tf").write_text("here")
    script = f"""\
        print(os.getcwd(), os.listdir("."))
        for place in ({str(data)!r}, {str(data / "paths")!r}, {str(data / "paths/7")!r}):
            try:
                print(os.listdir(place))
            except PermissionError:
                print("closed")
        try:
            print(open({str(data / "planward.db")!r}).read())
        except PermissionError:
            print("closed")
        open("own", "w").close(); open("../run/own", "w").close()
        print([line for line in open("/proc/self/status") if line.startswith("NoNewPrivs")])
        """
    ended = run(where, script, cwd=data / "checkout")
    assert (ended.stderr, ended.stdout.decode().splitlines()) == (
        b"",
        [f"{data}/paths/7/checkout ['main.tf']", *["closed"] * 4, r"['NoNewPrivs:\t1\n']"],
    )
    assert [(data / name).exists() for name in ("checkout/own", "private/own", "paths/7/checkout")] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("sandbox", [pytest.param("uid", marks=by_uid), "none"])
def test_runs_of_one_repository_take_turns_for_its_path_and_one_that_waits_lets_others_go_first(
    sandbox: str, directory: Path
) -> None:
    reaches = []
    for number in (1, 2):
        for name in ("checkout", "private"):
            (directory / "data" / f"{name}{number}").mkdir(mode=0o700, parents=True)
        reaches.append(
            Reach(
                checkout=directory / f"data/checkout{number}",
                private=directory / f"data/private{number}",
                repository="7",
            )
        )
    chosen = probe_uids(directory / "data") if sandbox == "uid" else without_sandbox(directory / "data")
    first, second = (chosen.confine(each) for each in reaches)
    order: list[str] = []

    async def both() -> None:
        begun, over = asyncio.Event(), asyncio.Event()

        async def goes_first() -> None:
            async with first.entered():
                order.append("first begins")
                begun.set()
                async with first.vacated():
                    order.append("first waits")
                    await over.wait()
                order.append("first ends")

        async def goes_second() -> None:
            await begun.wait()
            async with second.entered():
                order.append("second begins")
                order.append("second ends")
            over.set()

        await asyncio.gather(goes_first(), goes_second())

    asyncio.run(both())
    assert order == ["first begins", "first waits", "second begins", "second ends", "first ends"]
