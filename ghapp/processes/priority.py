"""If a machine is short of resources, Planward and its database have priority over the programs of root runs.

A nice value decides between processes in one control group. Without control groups, Linux puts each session in its own
group (autogroup), and the nice value of that group decides instead. A process that leaves its session also leaves that
group.

https://man7.org/linux/man-pages/man7/sched.7.html
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

NICE = 5
"""A process with this value gets a third of the processor time of others if they compete, and all if they do not."""
_OOM_SCORE_ADJ = 500
"""If the machine runs out of memory, the kernel counts half of the machine's memory as used by the program, too.

https://man7.org/linux/man-pages/man5/proc_pid_oom_score_adj.5.html
"""


def yield_to_others(group: int, program: int) -> None:
    """Lower the priority of a program that is just beginning in this group, and so of its child processes."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PGRP, group, NICE)
    with suppress(OSError):
        Path(f"/proc/{program}/oom_score_adj").write_text(str(_OOM_SCORE_ADJ))


class Yielding:
    """The sessions of one program, each of which gets a lower priority."""

    def __init__(self, sessions: Iterable[int]) -> None:
        """Start with these sessions, each given as the pid of the process that created it."""
        self._yields: set[int] = set()
        self.add((each, each) for each in sessions)

    def add(self, processes: Iterable[tuple[int, int]]) -> None:
        """Lower the priority of these processes' sessions. Each process is given with its session."""
        for pid, session in processes:
            if session not in self._yields:
                # Linux accepts ten such changes a second from all ordinary users together. A refused one is tried again
                # at the next check.
                with suppress(BlockingIOError):
                    _let_group_yield(pid)
                    self._yields.add(session)


def _let_group_yield(pid: int) -> None:
    with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
        Path(f"/proc/{pid}/autogroup").write_text(str(NICE))
