"""Who goes first where a machine has too little for all: Planward and its database, before what root runs execute.

A nice value decides between processes that share a control group. Without one Linux puts each session in a group of
its own (autogroup), whose nice value decides instead, and which a process leaves with its session.

https://man7.org/linux/man-pages/man7/sched.7.html
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

NICE = 5
"""A third of what others get where they want all of the processor, everything where nobody does."""
_OOM_SCORE_ADJ = 500
"""As if it took half of the machine's memory more than it does. https://man7.org/linux/man-pages/man5/proc_pid_oom_score_adj.5.html"""


def yield_to_others(group: int, program: int) -> None:
    """Let others go before a program of this group that is just beginning, and before all that it will start."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PGRP, group, NICE)
    with suppress(OSError):
        Path(f"/proc/{program}/oom_score_adj").write_text(str(_OOM_SCORE_ADJ))


class Yielding:
    """The sessions of one program, each of which has to yield."""

    def __init__(self, sessions: Iterable[int]) -> None:
        """Begin with these sessions, named by the process that made each."""
        self._yields: set[int] = set()
        self.take_in((each, each) for each in sessions)

    def take_in(self, processes: Iterable[tuple[int, int]]) -> None:
        """Let the sessions of these processes yield, each given with its session."""
        for pid, session in processes:
            if session not in self._yields:
                # Linux takes ten of them a second from all ordinary users: what it refuses is tried at the next look.
                with suppress(BlockingIOError):
                    _let_group_yield(pid)
                    self._yields.add(session)


def _let_group_yield(pid: int) -> None:
    with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
        Path(f"/proc/{pid}/autogroup").write_text(str(NICE))
