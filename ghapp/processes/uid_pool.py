"""A pool of unused user ids for root runs. A uid is reused only when everything of the previous run is gone."""

import contextlib
import ctypes
import fcntl
import os
import pwd
import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ghapp.log import log
from ghapp.processes.keyrings import clear_keyring_of
from ghapp.processes.private_directories import remove_tree

FIRST_UID = 60_600
"""In a range that systemd lists as unused. https://systemd.io/UIDS-GIDS/"""
POOL_SIZE = 256
_LOCKS = Path("/run/planward-uids")
_SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run/lock")  # noqa: S108
"""Directories that everybody may write to."""
_KILL_S = 10.0
_POLL_S = 0.02
_IPC_RMID = 0


@dataclass(frozen=True, slots=True)
class TakenUid:
    """A user id in use by one root run.

    Programs inherit the lock `held`. So if Planward is killed, nobody takes the uid before Planward's keeper has ended
    the programs.
    """

    uid: int
    held: int

    def end_all(self) -> bool:
        """Kill every process of the uid; False if some remain."""
        end = time.monotonic() + _KILL_S
        while _has_processes(self.uid):
            # In one call: the kernel signals all of them at once, so that no fork escapes.
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                subprocess.run(
                    ["/bin/sh", "-c", "kill -KILL -1"],
                    user=self.uid,
                    group=self.uid,
                    extra_groups=[],
                    env={},
                    cwd="/",
                    capture_output=True,
                    timeout=_KILL_S,
                    check=False,
                )
            if time.monotonic() > end:
                return False
            time.sleep(_POLL_S)
        return True

    def give_back(self) -> None:
        """Release the uid. Anything that cannot be removed now is removed before the next run gets the uid."""
        try:
            if not _clear(self):
                log.error("uid_not_cleared", uid=self.uid)
        finally:
            os.close(self.held)


def take_uid() -> TakenUid | None:
    """Take a free uid, exclusively on this machine; None if all are taken."""
    _LOCKS.mkdir(mode=0o700, exist_ok=True)
    for uid in range(FIRST_UID, FIRST_UID + POOL_SIZE):
        held = os.open(_LOCKS / str(uid), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        taken = TakenUid(uid, held)
        if _try_lock(held) and not _is_somebody(uid) and _clear(taken):
            os.ftruncate(held, 0)
            os.pwrite(held, _process_identity(os.getpid()).encode(), 0)
            return taken
        os.close(held)
    return None


def clear_uids() -> None:
    """Kill the processes that a killed Planward left under the uids. Call this after its keeper had time to do so."""
    for uid in range(FIRST_UID, FIRST_UID + POOL_SIZE):
        try:
            held = os.open(_LOCKS / str(uid), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        owner = os.pread(held, 100, 0).decode()
        if not owner or owner != _process_identity(int(owner.split()[0])):
            _clear(TakenUid(uid, held))
        os.close(held)


def hand_over(directory: Path, uid: int) -> None:
    """Make a uid the owner of a directory and its content; symlinks are not followed."""
    os.lchown(directory, uid, uid)
    for current, directories, files in os.walk(directory):
        for name in (*directories, *files):
            os.lchown(os.path.join(current, name), uid, uid)  # noqa: PTH118 - thousands of files


def uid_of(pid: int) -> int | None:
    """The uid of a process; None if it is gone or a zombie."""
    # The owner of /proc/PID is no help: it is root if a process is not dumpable.
    try:
        said = Path(f"/proc/{pid}/status").read_text(errors="replace")
    except OSError:
        return None
    lines = dict(line.split(":\t", 1) for line in said.splitlines() if ":\t" in line)
    if lines.get("State", "").startswith("Z"):
        return None
    return int(lines["Uid"].split()[0]) if "Uid" in lines else None


def _process_identity(pid: int) -> str:
    """The pid and start time of a process, which identify it even if the pid is reused. Empty if it is gone."""
    try:
        return f"{pid} {Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[19]}"
    except OSError:
        return ""


def _try_lock(held: int) -> bool:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_somebody(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _has_processes(uid: int) -> bool:
    return any(uid_of(int(name)) == uid for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208


def _clear(taken: TakenUid) -> bool:
    """Kill the uid's processes, and remove its keys, IPC objects and files. Returns False if something remains."""
    if not taken.end_all():
        return False
    clear_keyring_of(taken.uid)
    _remove_ipc(taken.uid)
    for place in _SHARED:
        _remove_files(Path(place), taken.uid)
    return True


def _remove_ipc(uid: int) -> None:
    """Remove the uid's System V IPC objects. https://man7.org/linux/man-pages/man7/sysvipc.7.html"""
    libc = ctypes.CDLL(None, use_errno=True)
    for kind in ("shm", "msg", "sem"):
        try:
            header, *rows = Path(f"/proc/sysvipc/{kind}").read_text().splitlines()
        except (OSError, ValueError):
            continue
        names = header.split()
        for row in rows:
            values = dict(zip(names, row.split(), strict=False))
            if str(uid) in (values.get("uid"), values.get("cuid")):
                number = int(values[f"{kind}id"])
                if kind == "sem":
                    libc.semctl(number, 0, _IPC_RMID)
                else:
                    getattr(libc, f"{kind}ctl")(number, _IPC_RMID, None)


def _remove_files(directory: Path, uid: int) -> None:
    """Remove the uid's files in a directory that everybody may write to, and in such directories below it."""
    for path in _entries(directory):
        with contextlib.suppress(OSError):
            found = path.lstat()
            if found.st_uid == uid:
                if stat.S_ISDIR(found.st_mode):
                    remove_tree(path)
                else:
                    path.unlink()
            elif stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_IWOTH:
                _remove_files(path, uid)


def _entries(directory: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from list(directory.iterdir())
