"""Compare the App with `app.yml`, and its installation with the App. Check the repository and this machine, too."""

from collections.abc import Iterable, Iterator, Mapping

from ghapp.doctor.protection_check import ProtectionCheck, State
from ghapp.github import AppSeen, InstallationSeen, RepositoryAllows
from ghapp.github.app_manifest import OPTIONAL, AppManifest
from ghapp.processes.cgroups import examine_control_groups
from ghapp.processes.sandbox_choice import SandboxSettings, examine_sandbox

_LEVELS = {"read": 1, "write": 2, "admin": 3}
_REVIEWS = "pull_request_review"
_OURS = "the App's settings → Permissions & events"


def check_app(manifest: AppManifest, app: AppSeen, installation: InstallationSeen) -> tuple[ProtectionCheck, ...]:
    """Check that the App is registered as in `app.yml`, and that the installation has accepted its permissions."""
    return (*_permissions(manifest, app), _accepted(app, installation), *_events(manifest, app))


def check_repository(repository: RepositoryAllows) -> tuple[ProtectionCheck, ...]:
    """Check the repository's own settings."""
    if not repository.archived:
        return ()
    said = "the repository is archived: nothing can be merged, and Planward cannot write check runs"
    setting = "Settings → General → Unarchive this repository, or uninstall the App from it"
    return (ProtectionCheck(name="archived", state=State.MISSING, said=said, setting=setting),)


def check_sandbox(settings: SandboxSettings) -> ProtectionCheck:
    """Check the sandbox that Terraform would use on this machine, which may not be the server."""
    works, said = examine_sandbox(settings)
    if works:
        return ProtectionCheck(name="sandbox", state=State.MET, said=said)
    setting = "install bubblewrap where the worker runs, and leave PLANWARD_SANDBOX out"
    return ProtectionCheck(name="sandbox", state=State.ADVICE, said=said, setting=setting)


def check_control_groups() -> ProtectionCheck:
    """Say how the commands of root runs would be limited on this machine, which may not be the server."""
    return ProtectionCheck(name="control_groups", state=State.MET, said=f"here {examine_control_groups()}")


def _permissions(manifest: AppManifest, app: AppSeen) -> Iterator[ProtectionCheck]:
    lacking = list(_not_granted(manifest.permissions, app.permissions))
    needed = [name for name in lacking if name not in OPTIONAL]
    if needed:
        said = f"the App is registered without {_with_levels(manifest.permissions, needed)}"
        yield ProtectionCheck(name="permissions", state=State.MISSING, said=said, setting=_OURS)
    else:
        yield ProtectionCheck(
            name="permissions", state=State.MET, said="the App is registered with the permissions of app.yml"
        )
    for name in lacking:
        if name in OPTIONAL:
            said = (
                f"the App has no {name}: {manifest.permissions[name]}, so classic branch protection cannot be checked"
            )
            yield ProtectionCheck(name=f"permission_{name}", state=State.ADVICE, said=said, setting=_OURS)
    more = list(_not_granted(app.permissions, manifest.permissions))
    if more:
        said = f"the App has permissions that Planward does not need: {_with_levels(app.permissions, more)}"
        yield ProtectionCheck(name="permissions_to_spare", state=State.ADVICE, said=said, setting=_OURS)


def _accepted(app: AppSeen, installation: InstallationSeen) -> ProtectionCheck:
    lacking = list(_not_granted(app.permissions, installation.permissions))
    if not lacking:
        return ProtectionCheck(
            name="accepted", state=State.MET, said=f"{installation.account} accepted the App's permissions"
        )
    return ProtectionCheck(
        name="accepted",
        state=State.ADVICE if OPTIONAL.issuperset(lacking) else State.MISSING,
        said=f"{installation.account} has not accepted {_with_levels(app.permissions, lacking)} yet",
        setting=f"the settings of {installation.account} → GitHub Apps → {app.name} → Review request",
    )


def _events(manifest: AppManifest, app: AppSeen) -> Iterator[ProtectionCheck]:
    missing = [event for event in manifest.events if event not in app.events]
    if missing == [_REVIEWS]:
        said = (
            f"the App does not subscribe to {_REVIEWS}: an approving review does not allow a preview; only the button "
            "and the comment do"
        )
        yield ProtectionCheck(name="events", state=State.ADVICE, said=said, setting=_OURS)
    elif missing:
        said = f"the App does not subscribe to {', '.join(missing)}"
        yield ProtectionCheck(name="events", state=State.MISSING, said=said, setting=_OURS)
    else:
        yield ProtectionCheck(name="events", state=State.MET, said="the App subscribes to the events of app.yml")


def _not_granted(wanted: Mapping[str, str], held: Mapping[str, str]) -> Iterator[str]:
    """The names of the permissions that are not granted at the wanted level."""
    for name, level in wanted.items():
        if _LEVELS.get(held.get(name, ""), 0) < _LEVELS.get(level, 0):
            yield name


def _with_levels(permissions: Mapping[str, str], names: Iterable[str]) -> str:
    return ", ".join(f"{name}: {permissions[name]}" for name in names)
