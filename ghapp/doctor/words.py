"""A diagnosis as text for a terminal."""

from collections.abc import Iterator, Sequence

import click

from ghapp.doctor.examine import Diagnosis
from ghapp.doctor.protection_check import ProtectionCheck, State
from ghapp.doctor.wanted import render_call

_SIGNS = {
    State.MET: click.style("✔", fg="green"),
    State.MISSING: click.style("✘", fg="red", bold=True),
    State.ADVICE: click.style("·", fg="yellow"),
    State.UNSEEN: click.style("?", fg="yellow"),
}


def render_diagnosis(diagnosis: Diagnosis) -> str:
    """List every gate with a sign and, if it is not met, with the setting.

    The commands that create the rulesets come last.
    """
    return "\n".join(_lines(diagnosis))


def _lines(diagnosis: Diagnosis) -> Iterator[str]:
    missing = diagnosis.missing
    verdict = f"{missing} gate{'s are' if missing > 1 else ' is'} missing" if missing else "no gate is missing"
    yield click.style(f"{diagnosis.full_name}: {verdict}", bold=True)
    yield from _section("the App, the repository and the server", diagnosis.general)
    for environment, gate in diagnosis.without_branch:
        yield from _section(f"the environment {environment}", (gate,))
    if diagnosis.root_modules:
        yield ""
        yield click.style("root modules that cannot run (only pull requests that touch them fail)", bold=True)
        for said in diagnosis.root_modules:
            yield f"  {_SIGNS[State.ADVICE]} {said}"
    weak = []
    for guarded, gates in diagnosis.branches:
        yield from _section(f"{guarded.branch} (environment {guarded.environment})", gates)
        if any(gate.state == State.MISSING for gate in gates):
            weak.append(guarded)
    if weak:
        yield ""
        yield "To give these branches a ruleset each, as an administrator (or use `planward doctor --terraform`):"
        for guarded in weak:
            yield render_call(diagnosis.full_name, guarded)


def _section(heading: str, gates: Sequence[ProtectionCheck]) -> Iterator[str]:
    yield ""
    yield click.style(heading, bold=True)
    for gate in gates:
        yield f"  {_SIGNS[gate.state]} {gate.said}"
        if gate.setting:
            yield f"      set: {gate.setting}"
