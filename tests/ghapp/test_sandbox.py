"""The sandbox: what a program can reach in it, how it ends, and when Planward refuses to start without one."""

import asyncio
import contextlib
import ctypes
import errno
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ghapp.errors import SettingsError
from ghapp.processes import WITHOUT_KEEPER, Exited, Limits, NotConfined, ProgramMissing, Programs, Stop
from ghapp.processes.bubblewrap import ConfinedRun, probe_bubblewrap
from ghapp.processes.by_uid import probe_uids, without_sandbox
from ghapp.processes.keeper import keeping
from ghapp.processes.private_directories import locked
from ghapp.processes.sandbox import UNCONFINED, Confined, HostPaths, Reach
from ghapp.processes.sandbox_choice import SandboxSettings, choose_sandbox
from ghapp.processes.uid_pool import clear_uids, take_uid, uid_of
from ghapp.terraform import Workdir
from ghapp.terraform.provider_cache import run_providers
from tests.sandboxes import NO_BUBBLEWRAP, NO_UID, PYTHON

MB = 1_000_000

in_bubblewrap = pytest.mark.skipif(NO_BUBBLEWRAP is not None, reason=str(NO_BUBBLEWRAP))
by_uid = pytest.mark.skipif(NO_UID is not None, reason=str(NO_UID))


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that every user may pass through, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="planward-") as made:
        Path(made).chmod(0o711)
        yield Path(made)


def confined(sandbox: str, directory: Path) -> Confined:
    """A root run in a sandbox, with a checkout and a private directory."""
    data_dir = directory / "data"
    for name in ("checkout", "private"):
        (data_dir / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    reach = Reach(checkout=data_dir / "checkout", private=data_dir / "private", repository="7")
    match sandbox:
        case "bubblewrap":
            # Python, wherever it is installed.
            return probe_bubblewrap(HostPaths(reads=(Path(sys.base_prefix),))).confine(reach)
        case "uid":
            return probe_uids(data_dir).confine(reach)
        case _:
            return without_sandbox(data_dir).confine(reach)


def run(where: Confined, script: str, **options: Any) -> Exited:
    """Run a Python script that may use `os, signal, subprocess, sys, time`."""
    text = "import os, signal, subprocess, sys, time\n" + textwrap.dedent(script)
    words = [PYTHON, "-I", "-S", "-c", text]

    async def ran() -> Exited:
        async with where.entered():
            return await WITHOUT_KEEPER.run(words, **{"environ": {}, "timeout_s": 60, "confined": where, **options})

    return asyncio.run(ran())


each_sandbox = pytest.mark.parametrize(
    "sandbox", [pytest.param("bubblewrap", marks=in_bubblewrap), pytest.param("uid", marks=by_uid), "none"]
)

YIELDS = Limits(yields=True, memory_bytes=1000 * MB)
in_a_sandbox = pytest.mark.parametrize(
    "sandbox", [pytest.param("bubblewrap", marks=in_bubblewrap), pytest.param("uid", marks=by_uid)]
)
of_this_machine = pytest.mark.skipif(platform.machine() != "x86_64", reason="system calls have other numbers here")
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
def test_a_process_that_left_its_session_stays_without_a_sandbox_alone(sandbox: str, directory: Path) -> None:
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


@each_sandbox
def test_memory_of_a_process_that_left_its_session_counts_in_a_sandbox(sandbox: str, directory: Path) -> None:
    child = "held = bytearray(b'x') * 200_000_000; time.sleep(1.5)"
    script = LEAVES_ITS_SESSION.format(f"{child}; os._exit(0)", "time.sleep(1)")
    ended = run(confined(sandbox, directory), script, limits=Limits(memory_bytes=100 * MB))
    assert (ended.exceeded is not None) == (sandbox != "none")


@each_sandbox
def test_processes_that_left_their_session_count_in_a_sandbox(sandbox: str, directory: Path) -> None:
    child = "[os.fork() or (time.sleep(1.5), os._exit(0)) for _ in range(60)]"
    script = LEAVES_ITS_SESSION.format(child, "time.sleep(1)")
    ended = run(confined(sandbox, directory), script, limits=Limits(processes=40))
    assert (ended.exceeded and ended.exceeded.limit) == (None if sandbox == "none" else "processes")


BURNS = "began = time.process_time()\nwhile time.process_time() - began < {}: pass\n"


@each_sandbox
def test_processor_time_of_processes_that_left_their_session_counts_in_a_sandbox(sandbox: str, directory: Path) -> None:
    script = f"""\
        reads, writes = os.pipe()
        if not os.fork():
            os.setsid()
            exec({BURNS.format(4)!r})
            os._exit(0)
        os.close(writes)
        os.read(reads, 1)
        """
    ended = run(confined(sandbox, directory), script, limits=Limits(processor_s=1))
    assert (ended.exceeded and ended.exceeded.limit) == (None if sandbox == "none" else "processor")


def test_processor_time_of_processes_that_have_ended_counts() -> None:
    script = f"""\
        while True:
            subprocess.run([sys.executable, "-I", "-S", "-c", "import time\\n" + {BURNS.format(0.1)!r}])
        """
    ended = run(UNCONFINED, script, limits=Limits(processor_s=2))
    assert (ended.exit_code, ended.exceeded and ended.exceeded.limit) == (-9, "processor")


def test_processor_time_of_children_that_nobody_waited_for_counts_as_it_was_seen_last() -> None:
    script = f"""\
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            if not os.fork():
                exec({BURNS.format(1)!r})
                os._exit(0)
            try:
                os.wait()
            except ChildProcessError:
                pass
        """
    ended = run(UNCONFINED, script, limits=Limits(processor_s=2))
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


@by_uid
def test_a_program_that_its_uid_may_not_execute_is_missing(directory: Path) -> None:
    async def ran(where: Confined) -> None:
        async with where.entered():
            await WITHOUT_KEEPER.run([directory / "closed"], environ={}, timeout_s=60, confined=where)

    (directory / "closed").touch(mode=0o700)
    with pytest.raises(ProgramMissing):
        asyncio.run(ran(confined("uid", directory)))


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
        # Versions before 0.8 cannot refuse namespaces themselves.
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
    # Its own signals do not end the first process of a namespace; those from outside do.
    ended = run(where, "time.sleep(60)", limits=Limits(), timeout_s=0.3, stop=Stop(deadline_s=0.1))
    assert (ended.exit_code, ended.timed_out) in [(1, True), (-9, True), (-2, True)]


@each_sandbox
def test_no_program_lets_go_of_the_lock_by_which_the_next_process_waits_for_all(sandbox: str, directory: Path) -> None:
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
def test_a_value_that_cannot_be_bound_is_not_an_internal_error(directory: Path) -> None:
    where = confined("bubblewrap", directory)
    (directory / "data/checkout").rmdir()
    with pytest.raises(NotConfined, match="checkout"):
        run(where, "print('begun')")


def test_without_a_sandbox_planward_does_not_start_and_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, directory: Path
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SettingsError) as raised:
        choose_sandbox(SandboxSettings(), directory)
    assert str(raised.value) == (
        "there is no sandbox to run Terraform in (bubblewrap does not work here: it is not installed; "
        "uids do not work here: Planward is not root). Install bubblewrap (apt-get install bubblewrap, "
        "dnf install bubblewrap) and allow user namespaces, or run the worker as root in a container of its own "
        "(docs/security.md, The sandbox), "
        "or set PLANWARD_SANDBOX=none: then the code of a plan reads everything that Planward's user can"
    )
    for name in ("bubblewrap", "uid"):
        with pytest.raises(SettingsError, match=f"PLANWARD_SANDBOX is {name}, but {name[:3]}"):
            choose_sandbox(SandboxSettings(name=name), directory)
    assert choose_sandbox(SandboxSettings(name="none"), directory).name == "none"


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


def test_a_plan_file_is_read_and_written_where_a_run_may_have_put_something_else(directory: Path) -> None:
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


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["worker"]], ids=lambda words: words[0])
def test_serve_and_worker_refuse_to_start_without_the_sandbox_that_is_asked_for(
    command: list[str], directory: Path
) -> None:
    git = shutil.which("git")
    assert git is not None
    (directory / "git").symlink_to(git)
    key = generate_private_key(public_exponent=65_537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    environ = {
        "PATH": str(directory),
        "PLANWARD_GITHUB_API_URL": "http://127.0.0.1:9",
        "PLANWARD_GITHUB_APP_ID": "1",
        "PLANWARD_GITHUB_PRIVATE_KEY": pem.decode(),
        "PLANWARD_GITHUB_WEBHOOK_SECRET": "secret",
        "PLANWARD_DATA_DIR": str(directory / "data"),
        "PLANWARD_SANDBOX": "bubblewrap",
    }
    words = [sys.executable, "-m", "ghapp", *command]
    ended = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("planward: PLANWARD_SANDBOX is bubblewrap, but bubblewrap does not work here: it is not")
