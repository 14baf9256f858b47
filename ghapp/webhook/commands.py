"""Commands in comments. Pure: a comment's text in, the commands that count out.

A command stands alone on its line, outside of quotes and code. Those that decide something name the commit that was
looked at, with 7 to 40 digits of its SHA.
"""

import re
from dataclasses import dataclass
from typing import Literal

Verb = Literal["approve", "confirm", "reject", "apply", "plan", "cancel", "unlock", "help"]

HELP = """\
`planward approve SHA`: plan this head, which nobody with write access has vouched for yet
`planward confirm SHA`: what this head destroys or replaces may go
`planward reject SHA`: this head must not be merged
`planward apply SHA -e ENVIRONMENT`: apply the tip of that environment's branch by hand
`planward plan`: plan anew
`planward cancel`: stop the plan that is running
`planward unlock -d DIR`: remove the lock that a dead run left on a root module's state

SHA is the commit that you looked at, 7 to 40 digits; the check run shows the line to paste."""
"""What `planward help` answers, one command a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command. `sha` is lower-case and may be abbreviated; `environment` and `root_module` as written."""

    verb: Verb
    sha: str | None = None
    environment: str | None = None
    root_module: str | None = None


_SHA = r"(?P<sha>[0-9a-fA-F]{7,40})"
_FORMS: tuple[re.Pattern[str], ...] = tuple(
    re.compile(form)
    for form in (
        rf"planward (?P<verb>approve|confirm|reject) {_SHA}",
        rf"planward (?P<verb>apply) {_SHA} -e (?P<environment>[A-Za-z0-9._-]+)",
        rf"planward (?P<verb>apply) -e (?P<environment>[A-Za-z0-9._-]+) {_SHA}",
        r"planward (?P<verb>unlock) -d (?P<root_module>\S+)",
        r"planward (?P<verb>plan|cancel|help)",
    )
)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


def read_commands(body: str) -> tuple[Command, ...]:
    """Read the commands of a comment, in order. Quoted, fenced, indented and embedded ones do not count."""
    found: list[Command] = []
    fence: str | None = None
    for line in body.splitlines():
        opened = _FENCE.match(line)
        if fence is not None:
            if opened and opened[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = None
            continue
        if opened:
            fence = opened[1]
            continue
        if line.startswith(("    ", "\t", ">")):
            continue
        command = _read_line(" ".join(line.split()))
        if command is not None:
            found.append(command)
    return tuple(found)


def _read_line(line: str) -> Command | None:
    for form in _FORMS:
        match = form.fullmatch(line)
        if match is not None:
            words = match.groupdict()
            sha = words.get("sha")
            return Command(
                verb=words["verb"],  # type: ignore[arg-type]  # the forms name nothing else
                sha=sha.lower() if sha else None,
                environment=words.get("environment"),
                root_module=words.get("root_module"),
            )
    return None
