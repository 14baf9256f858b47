"""Choose this process's sandbox: the one that the operator requests, or else the best that works here."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from ghapp.errors import SettingsError
from ghapp.processes.bubblewrap import BubblewrapFails, probe_bubblewrap
from ghapp.processes.by_uid import UID_PROTECTION, UidFails, probe_uids, without_sandbox
from ghapp.processes.sandbox import HostPaths, Sandbox, SandboxName

SANDBOXES: tuple[SandboxName, ...] = ("bubblewrap", "uid", "none")
_INSTALL = (
    "Install bubblewrap (apt-get install bubblewrap, dnf install bubblewrap) and allow user namespaces, or run the "
    "worker as root in a container of its own (docs/security.md, The sandbox)"
)
_NONE = "or set PLANWARD_SANDBOX=none: then the code of a plan can read everything that Planward's user can"


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """The operator's settings for the sandbox."""

    name: SandboxName | None = None
    """The requested sandbox; None means the best that works."""
    host: HostPaths = field(default_factory=HostPaths)


def choose_sandbox(settings: SandboxSettings, data_dir: Path) -> Sandbox:
    """Return the requested sandbox, or else the best that works here. Raises SettingsError, which says what to do."""
    reasons = []
    if settings.name == "none":
        return without_sandbox(data_dir)
    if settings.name in (None, "bubblewrap"):
        try:
            return probe_bubblewrap(settings.host)
        except BubblewrapFails as error:
            reasons.append(f"bubblewrap does not work here: {error}")
    if settings.name in (None, "uid"):
        try:
            return probe_uids(data_dir)
        except UidFails as error:
            reasons.append(f"uids do not work here: {error}")
    why = "; ".join(reasons)
    if settings.name is None:
        raise SettingsError(f"there is no sandbox to run Terraform in ({why}). {_INSTALL}, {_NONE}")
    raise SettingsError(f"PLANWARD_SANDBOX is {settings.name}, but {why}. {_INSTALL}")


def examine_sandbox(settings: SandboxSettings) -> tuple[bool, str]:
    """Whether a sandbox works on this machine, and its description or the reason. Changes nothing."""
    if settings.name == "none":
        return False, "PLANWARD_SANDBOX is none: the code of a plan can read everything that Planward's user can"
    if settings.name in (None, "bubblewrap"):
        try:
            return True, probe_bubblewrap(settings.host).protection
        except BubblewrapFails as error:
            why = f"bubblewrap does not work here: {error}"
            if settings.name is not None:
                return False, f"PLANWARD_SANDBOX is bubblewrap, but {why}"
            if os.geteuid() != 0:
                return False, f"there is no sandbox on this machine: {why}"
    if os.geteuid() == 0:
        return True, UID_PROTECTION
    return False, "PLANWARD_SANDBOX is uid, but uids do not work here: Planward is not root"
