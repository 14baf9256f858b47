"""The limits that the kernel itself enforces: on each process and user in a sandbox, and on each control group."""

import resource
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress

from ghapp.processes.limits import KILLED_AT, TASKS_OF_A_PROCESS, Limits
from ghapp.processes.priority import NICE

NOT_BOUND, NOT_EXECUTABLE = 125, 126
"""The exit codes of the shell in `bounded`: it could not set the limits, or the program is not executable."""


def _kernel_limits(limits: Limits) -> dict[int, int]:
    bounds = {resource.RLIMIT_CORE: 0}
    if limits.processes is not None:
        bounds[resource.RLIMIT_NPROC] = TASKS_OF_A_PROCESS * limits.processes
    if limits.files_at_once is not None:
        bounds[resource.RLIMIT_NOFILE] = limits.files_at_once
    # No limit can exceed this process's own, which every program inherits.
    allowed = {name: resource.getrlimit(name)[1] for name in bounds}
    return {
        name: most if allowed[name] == resource.RLIM_INFINITY else min(most, allowed[name])
        for name, most in bounds.items()
    }


def of_group(limits: Limits) -> Mapping[str, str]:
    """The limits as contents of a control group's files.

    Above the memory limit the kernel kills all processes of a program. If the program holds a lock (`interrupt_first`),
    the kernel's limit is `KILLED_AT` times as high, so that the program has time to end by itself. Above that limit,
    the kernel kills only one of its processes.

    https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
    """
    files = {}
    if (memory_bytes := limits.memory_bytes) is not None:
        files["memory.max"] = str(KILLED_AT * memory_bytes if limits.interrupt_first else memory_bytes)
        files["memory.swap.max"] = "0"
        files["memory.oom.group"] = "0" if limits.interrupt_first else "1"
    if limits.processes is not None:
        files["pids.max"] = str(TASKS_OF_A_PROCESS * limits.processes)
    return files


def bound(pid: int, limits: Limits) -> None:
    """Set the limits of a program in bubblewrap: outside the sandbox, it belongs to this process's own user."""
    for name, most in _kernel_limits(limits).items():
        with suppress(ProcessLookupError):
            resource.prlimit(pid, name, (most, most))


def bounded(argv: Sequence[str], limits: Limits) -> list[str]:
    """Wrap a program in a shell that limits itself: without CAP_SYS_RESOURCE, root cannot limit another user's process.

    Root lacks that capability in most containers. The commands work in all shells: to limit processes, dash has `-p`,
    and others have `-u`.
    """
    bounds = _kernel_limits(limits)
    words = [f"ulimit -c {bounds[resource.RLIMIT_CORE]}"]
    if (files := bounds.get(resource.RLIMIT_NOFILE)) is not None:
        words.append(f"ulimit -n {files}")
    if (tasks := bounds.get(resource.RLIMIT_NPROC)) is not None:
        words.append(f"{{ ulimit -u {tasks} 2>/dev/null || ulimit -p {tasks}; }}")
    nice = f"nice -n {NICE} " if limits.yields else ""
    program = shlex.quote(argv[0])
    script = f'{" && ".join(words)} || exit {NOT_BOUND}; [ -x {program} ] || exit {NOT_EXECUTABLE}; exec {nice}"$@"'
    return ["/bin/sh", "-c", script, "sh", *argv]
