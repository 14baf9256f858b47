"""`planward demo` with the real programs: the sample in a separate process, and users' own repositories."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
import structlog
from click.testing import CliRunner

from ghapp.cli import main as run_command
from ghapp.cli import planward
from ghapp.demo import play as demo_play
from ghapp.demo.loop import AUTHOR, OWNER, REVIEWER
from ghapp.demo.own_repository import OVERRIDE, read_own_repository
from ghapp.demo.stage import DemoError, Stage, set_up
from ghapp.local_github import Entry
from ghapp.repository_config import CONFIG_PATH

NETWORK = """\
terraform {
  backend "s3" {
    bucket = "acme-states"
    key    = "network"
    region = "eu-west-1"
  }
}

variable "name" {}

module "label" { source = "../modules/label" }
"""
LABEL = 'resource "terraform_data" "label" {\n  input = "network"\n}\n'


@contextmanager
def short_directory() -> Iterator[str]:
    """A directory for TMPDIR. Planward listens on a socket in it, and `tmp_path` may be too long for that."""
    with tempfile.TemporaryDirectory(prefix="demo-") as directory:
        yield directory


def play(tmp_path: Path) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of `planward demo --exit`."""
    command = [sys.executable, "-m", "ghapp", "demo", "--exit"]
    with short_directory() as short:
        variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": short}
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout, done.stderr


def repository(directory: Path, files: dict[str, str]) -> Path:
    for path, content in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(content)
    return directory


def content(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def results(out: str) -> list[str]:
    """The result of each check run, in order."""
    return [line.strip() for line in out.splitlines() if line.startswith(("  ✔", "  ✘", "  !"))]


def test_the_sample_is_played_through(tmp_path: Path) -> None:
    status, out, err = play(tmp_path)
    assert (status, err) == (0, "")
    shown = results(out)
    assert shown[0].startswith("✘ planward/plan: failure")
    assert shown[-1].startswith("✔ planward/apply (production): success")
    [held] = [each for each in shown[1:] if not each.startswith("✔")]
    confirm = '! planward/plan: action_required · Confirm what is destroyed in staging: module.service["cache"].'
    assert held.startswith(confirm)
    destroying = shown[shown.index(held) :]
    assert destroying[1].startswith("✔ planward/plan: success · 1 to destroy in staging")
    assert destroying[2].startswith("✔ planward/apply (staging): success · 1 destroyed in staging")


@pytest.fixture(scope="module")
def shared_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The servers of the demo, for several repositories. Terraform can download no provider."""
    directory = tmp_path_factory.mktemp("stage")
    (directory / "mirror").mkdir()
    config = directory / "terraform.rc"
    config.write_text(f'provider_installation {{\n  filesystem_mirror {{ path = "{directory / "mirror"}" }}\n}}\n')
    environ = {"HOME": str(directory), "TF_CLI_CONFIG_FILE": str(config)}
    environ |= {"PLANWARD_TERRAFORM_ENV": "acme/*:*:*:AWS_*", "AWS_PROFILE": "demo", "OTHER_TOKEN": "x"}
    with short_directory() as short, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", short)
        for name in [each for each in os.environ if each.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in environ.items():
            patch.setenv(name, value)
        with set_up(directory / "demo", repository="acme/own", values={}, port=0) as stage:
            yield stage


@contextmanager
def playing_on(stage: Stage, name: str) -> Iterator[None]:
    """Until the context ends, `planward demo` plays on this stage, in this process. Each play has another `name`."""
    before = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo_play, "set_up", lambda *_, **__: nullcontext(stage))
        yield
    signal.signal(signal.SIGTERM, before)
    # The next demo creates its people and its organization itself.
    for login in (AUTHOR, REVIEWER, OWNER):
        stage.github.rename_user(login, f"{login}-of-{name}")


@pytest.fixture
def stage(shared_stage: Stage, tmp_path: Path) -> Iterator[Stage]:
    """The stage on which `planward demo` plays in this process."""
    with playing_on(shared_stage, tmp_path.name.replace("_", "-")):
        yield shared_stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A demo with a user's own repository, played to its end."""

    out: str
    states: list[str]
    is_unchanged: bool


@pytest.fixture(scope="module")
def played(shared_stage: Stage) -> Played:
    top = shared_stage.directory.parent
    files = {"network/main.tf": NETWORK, "modules/label/main.tf": LABEL, "network/old.tfstate": "{}"}
    files |= {"network/env/staging.tfvars": 'name = "a"\n', "network/env/production.tfvars": 'name = "b"\n'}
    files["network/terraform_override.tf"] = 'terraform {\n  backend "remote" {\n    organization = "acme"\n  }\n}\n'
    command = "test $AWS_PROFILE = demo && test -z $OTHER_TOKEN"
    provisioner = f'provisioner "local-exec" {{\n    command = "{command}"\n  }}'
    files["network/named.tf"] = f'resource "terraform_data" "named" {{\n  {provisioner}\n}}\n'
    own = repository(top / "own", files)
    before, states = content(own), set(top.rglob("terraform.tfstate"))
    with playing_on(shared_stage, "played"):
        words = ["demo", "--exit", "--repo", str(own), "--dir", str(shared_stage.directory)]
        ended = CliRunner().invoke(planward, words)
    assert (ended.exit_code, ended.stderr) == (0, "")
    new = set(top.rglob("terraform.tfstate")) - states
    return Played(
        out=ended.stdout,
        states=sorted(str(path.relative_to(shared_stage.directory / "states")) for path in new),
        is_unchanged=content(own) == before,
    )


def test_your_own_repository_runs_the_whole_demo_with_local_states_and_does_not_change(played: Played) -> None:
    assert results(played.out) == [
        "✔ planward/plan: success · 3 to add in staging",
        "✔ planward/apply (staging): success · 3 added in staging",
        "✔ planward/plan: success · 3 to add in production",
        "✔ planward/apply (production): success · 3 added in production",
    ]
    assert played.is_unchanged
    assert played.states == ["network/production/terraform.tfstate", "network/staging/terraform.tfstate"]


def test_terraform_gets_the_variables_that_the_operator_names_and_no_others(played: Played) -> None:
    # A provisioner of this repository fails if AWS_PROFILE is missing, or if OTHER_TOKEN is there.
    assert "✔ planward/apply (production): success" in played.out
    assert "run on this machine, with AWS_PROFILE, and can create real resources" in played.out


def why_not(stage: Stage, directory: Path, main: str) -> str:
    """The error of `planward demo --exit` for a repository with this root module, which cannot be planned."""
    own = repository(directory, {"main.tf": main})
    ended = CliRunner().invoke(planward, ["demo", "--exit", "--dir", str(stage.directory), "--repo", str(own)])
    assert ended.exit_code == 1
    assert isinstance(ended.exception, DemoError)
    return str(ended.exception)


def test_a_provider_that_cannot_be_downloaded_is_reported_clearly(stage: Stage, tmp_path: Path) -> None:
    main = 'terraform {\n  backend "s3" {}\n}\n\nresource "aws_s3_bucket" "logs" {}\n'
    assert why_not(stage, tmp_path / "bucket", main) == (
        "this repository cannot be planned here: . in staging: the provider hashicorp/aws cannot be "
        "installed: Failed to query available provider packages. Terraform could not download it, and the mirror that "
        "TF_CLI_CONFIG_FILE names, if there is one, has no suitable version"
    )


def test_a_variable_without_a_value_is_reported_with_a_remedy(stage: Stage, tmp_path: Path) -> None:
    main = 'variable "size" {}\n\nresource "terraform_data" "net" {\n  input = var.size\n}\n'
    assert why_not(stage, tmp_path / "variable", main).endswith(
        "Give the variable a value in the root module's terraform.tfvars, or in its env/staging.tfvars and "
        "env/production.tfvars"
    )


def test_a_syntax_error_is_named_and_nothing_else_is_blamed(stage: Stage, tmp_path: Path) -> None:
    said = why_not(stage, tmp_path / "own", 'resource "terraform_data" "net" {\n  input = = 1\n}\n')
    assert said.startswith("this repository cannot be planned here: ")
    assert said.endswith("The configuration is not valid: main.tf:2: not valid HCL from this line on")


def test_if_an_apply_fails_the_servers_keep_running_and_the_exit_status_says_so(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main = 'resource "terraform_data" "net" {\n  provisioner "local-exec" {\n    command = "exit 3"\n  }\n}\n'
    own = repository(tmp_path / "fails", {"app/main.tf": main})
    said: list[str] = []
    ended_stages: list[Stage] = []

    @contextmanager
    def ending(*_: object, **__: object) -> Iterator[Stage]:
        try:
            yield stage
        finally:
            ended_stages.append(stage)

    def press_ctrl_c(_: float) -> None:
        said.append(capsys.readouterr().out)
        assert ended_stages == []
        for url in (f"{stage.planward_url}/readyz", f"{stage.github.url}/", f"{stage.vault_address}/v1/sys/health"):
            assert httpx.get(url, trust_env=False, verify=False).status_code == 200
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(demo_play, "set_up", ending)
    monkeypatch.setattr(demo_play, "time", SimpleNamespace(sleep=press_ctrl_c))
    monkeypatch.setattr(sys, "argv", ["planward", "demo", "--dir", str(stage.directory), "--repo", str(own)])
    with pytest.raises(SystemExit) as ended:
        run_command()
    structlog.reset_defaults()
    assert ended_stages == [stage], "the servers end with the demo"
    [out] = said
    assert "The demo stops here: planward/apply (staging) failed: " in out
    assert out.rstrip().endswith("Everything keeps running until you press Ctrl-C")
    assert ended.value.code == 1
    err = capsys.readouterr().err
    assert err.startswith("planward: planward/apply (staging) failed")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"README.md": "# Nothing"}, "has no root module"),
        ({}, "has no root module"),
    ],
)
def test_a_directory_without_root_modules_is_refused(tmp_path: Path, files: dict[str, str], words: str) -> None:
    own = tmp_path / "own"
    own.mkdir()
    with pytest.raises(DemoError, match=words):
        read_own_repository(repository(own, files), tmp_path / "states")


def test_each_root_module_gets_an_override_and_the_config_of_the_demo(tmp_path: Path) -> None:
    cloud = 'terraform {\n  cloud {\n    organization = "acme"\n  }\n}\n'
    files = {"app/main.tf": cloud, "network/main.tf": NETWORK, "modules/label/main.tf": LABEL}
    own = read_own_repository(repository(tmp_path / "own", {**files, CONFIG_PATH: "drafts: skip\n"}), tmp_path / "s")
    assert own.root_modules == ("app", "network")
    assert sorted(path for path in own.files if path.endswith(OVERRIDE)) == [f"app/{OVERRIDE}", f"network/{OVERRIDE}"]
    override = own.files[f"app/{OVERRIDE}"]
    assert isinstance(override, bytes)
    assert override.decode() == textwrap.dedent(
        f"""\
        terraform {{
          backend "local" {{
            path          = "{tmp_path}/s/app/default.tfstate"
            workspace_dir = "{tmp_path}/s/app"
          }}
        }}
        """
    )
    config = own.files[CONFIG_PATH]
    assert isinstance(config, bytes)
    assert "secrets: []" in config.decode()


def test_only_the_root_modules_in_the_given_directory_of_a_work_tree_are_played(tmp_path: Path) -> None:
    files = {"live/network/main.tf": NETWORK.replace("../", "../../"), "modules/label/main.tf": LABEL}
    other = {"legacy/main.tf": 'terraform {\n  backend "s3" {}\n}\n', ".git/HEAD": "ref: refs/heads/main\n"}
    top = repository(tmp_path / "own", {**files, **other})
    own = read_own_repository(top / "live", tmp_path / "states")
    assert own.root_modules == ("live/network",)
    assert "modules/label/main.tf" in own.files


def test_links_and_executables_stay_what_they_are_and_what_git_ignores_is_left_out(tmp_path: Path) -> None:
    files = {
        "shared/versions.tf": 'terraform {\n  backend "s3" {}\n}\n',
        "net/main.tf": LABEL,
        "net/ask.sh": "#!/bin/sh\n",
    }
    files |= {
        ".gitignore": "*.zip\nbuild/\n*.tfvars\n",
        "net/x.zip": "x",
        "build/main.tf": LABEL,
        "net/a.auto.tfvars": "",
    }
    top = repository(tmp_path / "own", files)
    (top / "net/ask.sh").chmod(0o755)
    (top / "net/versions.tf").symlink_to("../shared/versions.tf")
    (top / "net/passwd").symlink_to("/etc/passwd")
    (top / "net/above").symlink_to("../../elsewhere")
    subprocess.run(["git", "init", "--quiet", str(top)], check=True)
    own = read_own_repository(top, tmp_path / "states")
    assert own.root_modules == ("net", "shared")
    assert own.files["net/ask.sh"] == Entry(mode="100755", content=b"#!/bin/sh\n")
    assert own.files["net/versions.tf"] == Entry(mode="120000", content=b"../shared/versions.tf")
    assert {"net/a.auto.tfvars", "net/main.tf"} < own.files.keys()
    assert not own.files.keys() & {"net/x.zip", "build/main.tf", "net/passwd", "net/above"}


def test_a_missing_directory_is_a_usage_error(tmp_path: Path) -> None:
    ended = CliRunner().invoke(planward, ["demo", "--exit", "--repo", str(tmp_path / "nowhere")])
    assert ended.exit_code == 2
    assert "does not exist" in ended.stderr
