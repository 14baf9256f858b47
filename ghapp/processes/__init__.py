"""Run one program, with a minimal environment, its own process group and limits, and end it gracefully."""

from ghapp.processes.limits import NO_LIMITS, Exceeded, Limits
from ghapp.processes.running import PROGRAMS_WITHOUT_KEEPER, Exited, NotConfined, ProgramMissing, Programs, Stop

__all__ = [
    "NO_LIMITS",
    "PROGRAMS_WITHOUT_KEEPER",
    "Exceeded",
    "Exited",
    "Limits",
    "NotConfined",
    "ProgramMissing",
    "Programs",
    "Stop",
]
