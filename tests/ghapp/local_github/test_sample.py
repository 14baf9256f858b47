"""The sample repository works: Terraform itself plans it, from the states that staging starts with."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from ghapp.demo.sample import (
    ENVIRONMENTS,
    failing_change,
    fix,
    growing_change,
    make_secrets,
    render_sample,
    render_states,
)

TERRAFORM = shutil.which("terraform") or shutil.which("tofu")
ROOTS = ("network", "database", "app")


@pytest.fixture
def sample(tmp_path: Path) -> Mapping[str, bytes]:
    return render_sample(tmp_path / "states")


def plan(directory: Path, files: Mapping[str, bytes], *, environment: str = "staging") -> tuple[list[str], str]:
    """The planned actions of all root modules ("create", ...), and Terraform's errors."""
    if TERRAFORM is None:
        pytest.skip("no terraform on PATH")
    secrets = make_secrets()
    for path, content in {f"repository/{path}": content for path, content in files.items()}.items():
        _write(directory / path, content)
    for path, content in render_states(directory / "states", secrets).items():
        _write(directory / "states" / path, content)
    environ = {"PATH": os.environ["PATH"], "CHECKPOINT_DISABLE": "1", "HOME": str(directory)}
    environ["TF_VAR_database_password"] = secrets[environment]["database"]["database_password"]
    actions: list[str] = []
    for root in ROOTS:

        def terraform(*arguments: str, at: Path = directory / "repository" / root) -> subprocess.CompletedProcess[str]:
            command = [TERRAFORM or "", *arguments]
            return subprocess.run(command, cwd=at, env=environ, capture_output=True, text=True, check=False)

        terraform("init", "-input=false", f"-backend-config=env/{environment}.backend.hcl").check_returncode()
        done = terraform("plan", "-input=false", "-no-color", f"-var-file=env/{environment}.tfvars", "-out=plan")
        if done.returncode:
            return actions, done.stderr
        changes = json.loads(terraform("show", "-json", "plan").stdout).get("resource_changes", [])
        actions += ["+".join(change["change"]["actions"]) for change in changes]
    return sorted(action for action in actions if action not in ("no-op", "read")), ""


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_the_sample_has_nothing_to_change(tmp_path: Path, sample: Mapping[str, bytes]) -> None:
    assert plan(tmp_path, sample) == ([], "")


def test_the_growing_change_adds_changes_and_replaces(tmp_path: Path, sample: Mapping[str, bytes]) -> None:
    actions, _ = plan(tmp_path, {**sample, **growing_change(sample).files})
    assert actions == ["create", "create", "create", "delete+create", "update"]


def test_the_failing_change_names_its_line_and_the_fix_mends_it(tmp_path: Path, sample: Mapping[str, bytes]) -> None:
    _, complaint = plan(tmp_path, {**sample, **failing_change(sample).files})
    assert "Reference to undeclared input variable" in complaint
    assert "on main.tf line" in complaint
    assert plan(tmp_path, {**sample, **fix(sample).files}) == (["update", "update"], "")


def test_testing_has_no_states_until_the_first_merge_fills_it(tmp_path: Path) -> None:
    states = render_states(tmp_path, make_secrets())
    assert {Path(path).stem for path in states} == {"staging", "production"}


def test_no_two_environments_share_a_state(sample: Mapping[str, bytes]) -> None:
    paths = [sample[f"{root}/env/{name}.backend.hcl"] for root in ROOTS for name in ENVIRONMENTS]
    assert len(set(paths)) == len(paths)


def test_states_need_an_absolute_path() -> None:
    with pytest.raises(ValueError, match="needs an absolute path"):
        render_sample(Path("states"))
