"""Check the gates that depend on who may bypass the rules."""

from collections.abc import Sequence

from ghapp.doctor.protection_check import (
    CHECK,
    Guarded,
    ProtectionCheck,
    State,
    listed,
    make_check,
    named,
    sources_requiring_pull_requests,
)
from ghapp.github import RuleSource


def direct_pushes(guarded: Guarded) -> ProtectionCheck:
    """Check that some source of rules requires a pull request from everybody."""
    asking = sources_requiring_pull_requests(guarded)
    if not asking:
        setting = "rule pull_request; without it, people can push to the branch, and Planward holds each push's apply"
        return make_check(guarded, "direct_pushes", False, "", "direct pushes are not denied", setting)
    pushers = [_pushers(source) for source in asking]
    if any(each == () for each in pushers):
        return ProtectionCheck(name="direct_pushes", state=State.MET, said="direct pushes are denied")
    known = [each for each in pushers if each is not None]
    if not known:
        return _unseen("direct_pushes", "who may push past the pull request rule", asking)
    return ProtectionCheck(
        name="direct_pushes",
        state=State.MISSING,
        said=f"{listed(sorted(known, key=len)[0])} may push without a pull request",
        setting=f"remove them from the bypass list of {named(asking)}, or let them bypass for pull requests only",
    )


def _pushers(source: RuleSource) -> tuple[str, ...] | None:
    exempt = source.pull_request.exempt if source.pull_request else ()
    if source.bypass is None:
        return None
    return (*exempt, *(bypass.who for bypass in source.bypass if bypass.always))


def administrators(guarded: Guarded) -> ProtectionCheck:
    """Check that the pull request, and Planward's check, are required by sources that nobody can bypass."""
    asking = {
        "a pull request": sources_requiring_pull_requests(guarded),
        CHECK: [source for source in guarded.sources if any(check.context == CHECK for check in source.checks)],
    }
    missing = [what for what, sources in asking.items() if not sources]
    if missing:
        setting = 'a ruleset with an empty bypass list, or enforce_admins ("Do not allow bypassing the above settings")'
        are = "are" if len(missing) > 1 else "is"
        said = f"{' and '.join(missing)} {are} not required of anybody, administrators included"
        return make_check(guarded, "administrators", False, "", said, setting)
    loose = {what: sources for what, sources in asking.items() if not any(each.bypass == () for each in sources)}
    if not loose:
        return ProtectionCheck(
            name="administrators", state=State.MET, said="the rules bind administrators like everybody else"
        )
    for what, sources in loose.items():
        if all(source.bypass for source in sources):
            who = listed(bypass.who for source in sources for bypass in source.bypass or ())
            return ProtectionCheck(
                name="administrators",
                state=State.MISSING,
                said=f"{who} may merge without {what}",
                setting=f"empty the bypass list of {named(sources)}; in classic protection, enforce_admins: true",
            )
    return _unseen(
        "administrators", "who may bypass the rules", [each for sources in loose.values() for each in sources]
    )


def _unseen(name: str, what: str, sources: Sequence[RuleSource]) -> ProtectionCheck:
    return ProtectionCheck(
        name=name,
        state=State.UNSEEN,
        said=f"an App cannot see {what}: the bypass list of {named(sources)}",
        setting="check whether it is empty, or give doctor an administrator's token (--token-file)",
    )
