"""Read Terraform's JSON messages. They are distinguished by `type`, never by their text.

https://developer.hashicorp.com/terraform/internals/machine-readable-ui
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from checks.diagnostic import Diagnostic
from ghapp.foreign_json import UnreadableJson, read_any_json

_MOST_CHARACTERS = 16_000_000
"""The limit for all diagnostics of one severity. A real diagnostic has a few hundred characters."""


_LAST_POSITION = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class RootModuleLocation:
    """The root module in which a command runs: Terraform names files relative to its directory."""

    checkout: Path
    root_module: str

    def repository_path(self, filename: str) -> str | None:
        """Return a file's path in the repository; None for files outside it.

        Downloaded modules and the file with secrets are outside.
        """
        top = os.path.realpath(self.checkout)
        path = os.path.normpath(os.path.join(top, self.root_module, filename))  # noqa: PTH118 - Path keeps ".."
        relative = os.path.relpath(path, top)
        return None if relative.startswith("..") or not filename else relative.replace(os.sep, "/")


@dataclass(slots=True, kw_only=True)
class Messages:
    """Reads a command's output line by line: passes lines for people to `log`, and collects the diagnostics.

    Lines that may quote the output of other programs go to `foreign` instead: diagnostics, the output of provisioners,
    and lines that are not Terraform's messages. The length of the collected diagnostics is limited, since a provider
    could emit them endlessly.
    """

    location: RootModuleLocation
    log: Callable[[str], None]
    foreign: Callable[[str], None]
    heard: Callable[[Mapping[str, Any]], None] = lambda _: None
    """Receives each message unchanged."""

    diagnostics: list[Diagnostic] = field(default_factory=list)
    _kept_characters: Counter[str] = field(default_factory=Counter)

    def line(self, line: bytes) -> None:
        """Process one line. A line that is not a Terraform message goes to `foreign` unchanged."""
        text = line.decode(errors="replace").rstrip("\r")
        message = _message(text)
        if message is None:
            if text.strip():
                self.foreign(text)
            return
        self.heard(message)
        found = message.get("diagnostic")
        if message.get("type") == "diagnostic" and isinstance(found, Mapping):
            diagnostic = read_diagnostic(found, self.location)
            # Warnings and errors are counted separately, so that many warnings cannot hide an error.
            self._kept_characters[diagnostic.severity] += len(text)
            if self._kept_characters[diagnostic.severity] <= _MOST_CHARACTERS:
                self.diagnostics.append(diagnostic)
            for part in _lines(diagnostic):
                self.foreign(part)
            return
        log = self.foreign if str(message.get("type", "")).startswith("provision_") else self.log
        for part in str(message.get("@message", "")).splitlines():
            if part.strip():
                log(part)


def read_validation(said: bytes, location: RootModuleLocation) -> tuple[Diagnostic, ...]:
    """Read the output of `terraform validate -json`. Raises ValueError on anything else."""
    answer = read_any_json(said)
    if not isinstance(answer, Mapping) or not isinstance(answer.get("diagnostics"), list):
        raise ValueError("not the output of validate -json")
    return tuple(read_diagnostic(found, location) for found in answer["diagnostics"] if isinstance(found, Mapping))


def read_diagnostic(found: Mapping[str, Any], location: RootModuleLocation) -> Diagnostic:
    """Read one diagnostic and its place in the repository, without the values that Terraform adds to a snippet."""
    span = _mapping(found.get("range"))
    start, end = _mapping(span.get("start")), _mapping(span.get("end"))
    path = location.repository_path(str(span.get("filename", "")))
    snippet = _mapping(found.get("snippet")).get("code")
    severity: Literal["error", "warning"] = "warning" if found.get("severity") == "warning" else "error"
    return Diagnostic(
        severity=severity,
        summary=str(found.get("summary", "")),
        detail=str(found.get("detail", "")),
        path=path,
        start_line=_position(start, "line") if path else None,
        end_line=_position(end, "line") if path else None,
        start_column=_position(start, "column") if path else None,
        end_column=_position(end, "column") if path else None,
        address=str(found["address"]) if found.get("address") else None,
        snippet=str(snippet) if path and snippet else None,
    )


def _position(place: Mapping[str, Any], name: str) -> int | None:
    number = place.get(name)
    return number if isinstance(number, int) and 0 < number < _LAST_POSITION else None


def _mapping(value: Any) -> Mapping[str, Any]:
    # Programs that Terraform runs can print lines that look like messages but have another shape.
    return value if isinstance(value, Mapping) else {}


def _message(text: str) -> Mapping[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        message = read_any_json(text)
    except UnreadableJson:
        return None
    return message if isinstance(message, Mapping) and "@message" in message else None


def _lines(diagnostic: Diagnostic) -> Iterable[str]:
    yield f"{diagnostic.severity.capitalize()}: {' '.join(diagnostic.summary.split())}"
    if diagnostic.path is not None:
        line = f" line {diagnostic.start_line}" if diagnostic.start_line else ""
        yield f"  on {diagnostic.path}{line}"
    for part in diagnostic.detail.splitlines():
        yield f"  {part}".rstrip()
