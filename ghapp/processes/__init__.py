"""Run one program: an environment built from nothing, a group of its own, limits, and a gentle end."""

from ghapp.processes.limits import NO_LIMITS, Exceeded, Limits
from ghapp.processes.running import Exited, ProgramMissing, Stop, run

__all__ = ["NO_LIMITS", "Exceeded", "Exited", "Limits", "ProgramMissing", "Stop", "run"]
