"""The control group (cgroup v2) that is delegated to this process: a systemd unit's with `Delegate=`, or a container's.

https://docs.kernel.org/admin-guide/cgroup-v2.html#delegation
"""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

OWN = "planward"
"""The group below the delegated one to which Planward moves its own processes when it starts."""
_PROC = Path("/proc")
_OCTAL = re.compile(r"\\([0-7]{3})")
"""How mountinfo writes a space, for example."""


class NoControlGroups(Exception):
    """Control groups cannot be used here; `str(error)` says why."""


def find_delegated() -> Path:
    """The control group that is delegated to this process. Raises NoControlGroups."""
    group, top = own_group()
    if group.name == OWN:
        group = group.parent
    # The machine's own top group has no type. If the topmost visible group has one, it is a container's.
    if not (group == top and (group / "cgroup.type").exists()) and not _is_marked(group):
        raise NoControlGroups("no control group is delegated to Planward")
    if not all(os.access(group / each, os.W_OK) for each in (".", "cgroup.procs", "cgroup.subtree_control")):
        raise NoControlGroups("its control group is read-only")
    if not (group / "cgroup.kill").exists():
        raise NoControlGroups("the kernel is older than 5.14")
    return group


def own_group() -> tuple[Path, Path]:
    """The control group of this process, and the topmost one that it can see. Raises NoControlGroups."""
    try:
        mounts, groups = (_PROC / "self/mountinfo").read_text(), (_PROC / "self/cgroup").read_text()
    except OSError:
        raise NoControlGroups("this platform has none") from None
    own = next((PurePosixPath(line[3:]) for line in groups.splitlines() if line.startswith("0::/")), None)
    if own is None or ".." in own.parts:
        raise NoControlGroups("this process is in no group of cgroup v2")
    for root, mounted in _mounts(mounts):
        if own.is_relative_to(root):
            return mounted / own.relative_to(root), mounted
    raise NoControlGroups("cgroup v2 is not mounted")


def _mounts(mountinfo: str) -> Iterator[tuple[PurePosixPath, Path]]:
    """The places where cgroup v2 is mounted, each with the group that is at its top.

    https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
    """
    for line in mountinfo.splitlines():
        mount, _, filesystem = line.partition(" - ")
        if filesystem.startswith("cgroup2 "):
            root, path = (_OCTAL.sub(lambda it: chr(int(it[1], 8)), each) for each in mount.split()[3:5])
            yield PurePosixPath(root), Path(path)


def _is_marked(group: Path) -> bool:
    """Whether systemd (251 or newer) has marked the group as delegated, so that processes in it may manage subgroups.

    https://systemd.io/CGROUP_DELEGATION/
    """
    for name in ("user.delegate", "trusted.delegate"):
        with contextlib.suppress(OSError):
            if os.getxattr(group, name) == b"1":
                return True
    return False
