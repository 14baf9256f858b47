"""A config is read in a subprocess: its content arrives complete, and a config that takes too long is refused."""

import pickle
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ghapp.errors import SettingsError
from ghapp.reading import Configs
from ghapp.repository_config import ConfigInvalid, read_config_in_force

pytestmark = pytest.mark.anyio

WHOLE = b"""\
environments:
  testing: {apply: on_merge}
  staging: {branch: staging}
  production: {branch: production, promote_from: staging, approvers: [acme/ops]}
secrets:
  - {path: "kv/{team}/{branch}/app"}
root_modules:
  - {dir: network}
  - {dir: app, depends_on: [network], environments: {staging: {workspace: blue}}}
drift: {}
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def configs() -> Iterator[Configs]:
    configs = Configs()
    yield configs
    configs.close()


async def test_a_config_arrives_as_it_was_read_with_its_lines(configs: Configs) -> None:
    expected = read_config_in_force(WHOLE, branches=["staging"], repository_name="infra")

    read = await configs.read(WHOLE, branches=["staging"], repository_name="infra")

    assert read == expected
    assert read.positions == expected.positions
    assert read.unimplemented[0].key == "drift"


async def test_without_a_file_the_defaults_hold(configs: Configs) -> None:
    expected = read_config_in_force(None, branches=["staging"], repository_name="infra")

    assert await configs.read(None, branches=["staging"], repository_name="infra") == expected


async def test_every_problem_of_a_config_arrives_with_its_line(configs: Configs) -> None:
    with pytest.raises(ConfigInvalid) as invalid:
        await configs.read(b"team: [x]\nfour_eyes: maybe\n", branches=[], repository_name="infra")

    assert [(each.line, each.key) for each in invalid.value.problems] == [(1, "team"), (2, "four_eyes")]
    assert str(invalid.value).startswith(".github/planward.yml:1:")


def test_a_refused_config_is_pickled_whole() -> None:
    with pytest.raises(ConfigInvalid) as invalid:
        read_config_in_force(b"team: [x]\n", branches=[], repository_name="infra")

    again = pickle.loads(pickle.dumps(invalid.value))

    assert (str(again), again.problems) == (str(invalid.value), invalid.value.problems)


async def test_a_temporary_directory_whose_path_is_too_long_for_a_socket_is_refused_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    directory = tmp_path / ("x" * 80)
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    configs = Configs()
    try:
        with pytest.raises(SettingsError, match=f"set TMPDIR to a directory with a shorter path than {directory}"):
            await configs.read(WHOLE, branches=["staging"], repository_name="infra")
    finally:
        configs.close()


async def test_a_config_that_is_slow_to_read_is_refused_with_its_line_and_a_remedy() -> None:
    configs = Configs(file_limit_s=0.2)
    slow = "root_modules:\n" + "".join(f"  - {{dir: m{n}, depends_on: [m{n - 1}]}}\n" for n in range(1, 6_000))
    await configs.read(b"team: x\n", branches=[], repository_name="infra")
    began = time.monotonic()
    try:
        with pytest.raises(ConfigInvalid) as invalid:
            await configs.read(slow.encode(), branches=[], repository_name="infra")
        took_s = time.monotonic() - began
        again = await configs.read(b"team: x\n", branches=[], repository_name="infra")
    finally:
        configs.close()

    assert str(invalid.value) == (
        ".github/planward.yml:1:1: reading it took longer than 0.2 seconds, so Planward gave up: make it smaller and "
        "simpler and push; if it could be read before, press Re-run"
    )
    assert took_s < 3  # less than the time to read the config
    assert again.team == "x"
