"""The files, system calls, keys and locks that a program can reach in the sandbox."""

import asyncio
import ctypes
import errno
import os
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from ghapp.processes import NotConfined, Programs
from ghapp.processes.bubblewrap import ConfinedRun
from ghapp.processes.keeper import keeping
from ghapp.processes.private_directories import locked
from ghapp.processes.sandbox import Confined
from ghapp.terraform import Workdir
from ghapp.terraform.provider_cache import run_providers
from tests.ghapp.sandbox.confined import confined, of_this_machine, run
from tests.sandboxes import PYTHON, each_sandbox, in_bubblewrap

SYSTEM_CALL = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *words):
    ctypes.set_errno(0)
    return libc.syscall(number, *words), ctypes.get_errno()
"""


@in_bubblewrap
@of_this_machine
@pytest.mark.parametrize("sandbox", ["bubblewrap", "none"])
def test_system_calls_that_no_provider_needs_are_refused_in_bubblewrap(sandbox: str, directory: Path) -> None:
    script = f"""\
        {textwrap.indent(SYSTEM_CALL, " " * 8).strip()}
        room = ctypes.create_string_buffer(200)
        tried = {{
            "io_uring_setup": call(425, 1, room),
            "userfaultfd": call(323, 1),
            "keyctl": call(250, 0, -3, 1),
            "clone": call(56, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0),
            "unshare": call(272, 0x10000000),
        }}
        if not tried["clone"][0]:
            os._exit(0)
        print({{name: error for name, (_, error) in tried.items() if error}}, call(435, 0, 0)[1])
        """
    where = confined(sandbox, directory)
    if isinstance(where, ConfinedRun):
        # As in bubblewrap before 0.8, which has no option to refuse namespaces: the system call filter does it alone.
        where = replace(where, bubblewrap=replace(where.bubblewrap, options=()))
    ended = run(where, script)
    names = ("io_uring_setup", "userfaultfd", "keyctl", "clone", "unshare")
    refused = dict.fromkeys(names, errno.EPERM) if sandbox == "bubblewrap" else {}
    clone3 = errno.ENOSYS if sandbox == "bubblewrap" else errno.EINVAL
    assert (ended.stdout.decode(), ended.stderr) == (f"{refused} {clone3}\n", b"")


@each_sandbox
@of_this_machine
def test_keys_of_the_session_that_planward_was_started_in_are_not_read_in_a_sandbox(
    sandbox: str, directory: Path
) -> None:
    libc = ctypes.CDLL(None)
    assert libc.syscall(250, 1, None) > 0, "a keyring of this thread's own"
    libc.syscall(248, b"user", b"planward-test", b"a password", 10, -3)
    script = f"""\
        {textwrap.indent(SYSTEM_CALL, " " * 8).strip()}
        found, _ = call(250, 10, -3, b"user", b"planward-test", 0)
        read = ctypes.create_string_buffer(10)
        call(250, 11, found, read, 10)
        print(read.raw.strip(b"\\0").decode())
        """
    ended = run(confined(sandbox, directory), script)
    assert (ended.stdout, ended.stderr) == (b"a password\n" if sandbox == "none" else b"\n", b"")


@in_bubblewrap
def test_the_checkout_is_at_one_path_and_the_rest_of_the_machine_is_not_there(directory: Path) -> None:
    where = confined("bubblewrap", directory)
    (directory / "data/checkout/main.tf").write_text("here")
    (directory / "beside").write_text("not here")
    script = f"""\
        print(os.getcwd(), os.listdir("."), os.path.exists({str(directory / "beside")!r}))
        print(sorted(os.listdir("/")), os.listdir("/tmp"), os.listdir("/run"))
        print([name for name in os.listdir("/proc") if name.isdigit()], os.environ)
        for place in ("/", "/usr", "/etc", "/planward", "/run", "/dev"):
            try:
                open(place + "/planted", "w")
            except OSError as error:
                continue
            print("writable:", place)
        for place in (".", "/tmp", "/run/planward"):
            open(place + "/own", "w")
        """
    ended = run(where, script, cwd=directory / "data/checkout", environ={"PATH": "/usr/bin"})
    assert ended.stderr == b""
    lines = ended.stdout.decode().splitlines()
    assert lines[0] == "/planward/7 ['main.tf'] False"
    outside = {"home", "opt", "root", "srv", "sys", "var"} - set(Path(sys.base_prefix).parts)
    assert not outside & set(lines[1].replace("'", " ").replace(",", " ").split())
    assert lines[2].startswith("['1'] environ({'PATH': '/usr/bin'")
    assert len(lines) == 3
    assert [(directory / "data" / name).exists() for name in ("checkout/own", "private/tmp/own", "private/own")] == [
        True
    ] * 3


@each_sandbox
def test_no_program_can_release_the_lock_on_which_the_next_planward_waits(sandbox: str, directory: Path) -> None:
    script = """\
        import fcntl
        for each in range(3, 100):
            try:
                fcntl.flock(each, fcntl.LOCK_UN)
            except OSError:
                pass
        print("unlocked", flush=True)
        sys.stdin.read()
        """
    free: list[bool] = []

    def on_line(line: bytes) -> None:
        [path] = (directory / "programs").glob("*.programs")
        with locked(path) as is_free:
            free.append(is_free)

    async def ran(where: Confined) -> None:
        with keeping(directory / "programs", silence_s=5, grace_s=1) as keeper:
            async with where.entered():
                words = [PYTHON, "-I", "-S", "-c", "import sys\n" + textwrap.dedent(script)]
                programs = Programs(keeper=keeper)
                await programs.run(words, environ={}, timeout_s=30, confined=where, on_line=on_line)

    (directory / "programs").mkdir()
    asyncio.run(ran(confined(sandbox, directory)))
    assert free == [False]


@in_bubblewrap
def test_a_directory_that_cannot_be_bound_is_not_an_internal_error(directory: Path) -> None:
    where = confined("bubblewrap", directory)
    (directory / "data/checkout").rmdir()
    with pytest.raises(NotConfined, match="checkout"):
        run(where, "print('begun')")


def test_a_plan_file_is_never_read_or_written_through_what_a_run_put_in_its_place(directory: Path) -> None:
    private = directory / "private"
    private.mkdir()
    key = directory / "key"
    key.write_text("the server's key")
    workdir = Workdir(
        checkout=directory,
        root_module=".",
        data_dir=private / "data",
        plan_json=directory / "plan.json",
        environ={},
        providers=run_providers(private, directory, None),
    )
    workdir.plan_file.symlink_to(key)
    assert workdir.read_plan_file(1000) is None
    workdir.write_plan_file(b"a plan")
    assert (workdir.read_plan_file(1000), workdir.read_plan_file(5)) == (b"a plan", None)
    assert key.read_text() == "the server's key"
    workdir.plan_file.unlink()
    os.mkfifo(workdir.plan_file)
    assert workdir.read_plan_file(1000) is None
