"""Read the file that setup writes, in the same way as a shell, Docker and systemd."""

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

KEPT = {
    "PLANWARD_GITHUB_API_URL",
    "PLANWARD_GITHUB_APP_ID",
    "PLANWARD_GITHUB_CLIENT_ID",
    "PLANWARD_GITHUB_CLIENT_SECRET",
    "PLANWARD_GITHUB_PRIVATE_KEY",
    "PLANWARD_GITHUB_WEBHOOK_SECRET",
    "PLANWARD_PUBLIC_URL",
}
IN_THE_FILE = KEPT - {"PLANWARD_GITHUB_PRIVATE_KEY"} | {"PLANWARD_GITHUB_PRIVATE_KEY_FILE"}
SYSTEMD = Path("/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator")
"""A program of systemd that reads a file of assignments in the same way as systemd reads an EnvironmentFile."""


def sourced(file: Path) -> Mapping[str, str]:
    """The variables of a shell that has sourced the file."""
    script = 'set -a; . "$0"; env -0'
    printed = subprocess.run(["/bin/sh", "-c", script, file], env={}, capture_output=True, check=True, text=True).stdout
    return named(printed.split("\0"))


def read_by_docker(file: Path) -> Mapping[str, str]:
    """The variables as `docker run --env-file` reads the file: all text after the first =, unchanged.

    https://github.com/docker/cli/blob/v28.2.2/pkg/kvfile/kvfile.go
    """
    return named(line for line in file.read_text().splitlines() if line and not line.startswith("#"))


def read_by_systemd(file: Path, directory: Path) -> Mapping[str, str]:
    """The variables as systemd reads the file."""
    place = directory / "environment.d"
    place.mkdir()
    (place / "planward.conf").write_bytes(file.read_bytes())
    environ = {"XDG_CONFIG_HOME": str(directory), "HOME": str(directory)}
    printed = subprocess.run([SYSTEMD], env=environ, capture_output=True, check=True, text=True).stdout
    return named(printed.splitlines())


def named(lines: Iterable[str]) -> Mapping[str, str]:
    return {name: value for name, _, value in (line.partition("=") for line in lines) if name.startswith("PLANWARD_")}
