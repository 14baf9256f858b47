"""Run one program: an environment built from nothing, a group of its own, limits, and a gentle end."""

from ghapp.processes.limits import NO_LIMITS, Exceeded, Limits
from ghapp.processes.running import WITHOUT_KEEPER, Exited, NotConfined, ProgramMissing, Programs, Stop

__all__ = [
    "NO_LIMITS",
    "WITHOUT_KEEPER",
    "Exceeded",
    "Exited",
    "Limits",
    "NotConfined",
    "ProgramMissing",
    "Programs",
    "Stop",
]
