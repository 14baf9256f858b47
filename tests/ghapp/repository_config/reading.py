"""Read configs, or the complaints about configs that cannot be read."""

from pathlib import Path

import pytest

from ghapp.repository_config import BranchEnvironment, ConfigInvalid, RepositoryConfig, read_config
from ghapp.values import EnvironmentName

STAGING, PRODUCTION = EnvironmentName("staging"), EnvironmentName("production")

EXAMPLE = Path(__file__).with_name("planward.yml").read_text()


def read(text: str, *branches: str) -> RepositoryConfig:
    return read_config(text.encode(), branches=branches, repository_name="infra")


def complaints(text: str | bytes) -> list[str]:
    """All complaints about a file, without the path that each begins with."""
    content = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(ConfigInvalid) as caught:
        read_config(content, branches=[], repository_name="infra")
    return [str(problem).removeprefix(".github/planward.yml:") for problem in caught.value.problems]


def environment(name: EnvironmentName, branch: str, **otherwise: object) -> BranchEnvironment:
    values: dict[str, object] = {"name": name, "branch": branch, "team": "infra", **otherwise}
    return BranchEnvironment(**values)  # type: ignore[arg-type]
