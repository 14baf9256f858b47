"""The places where setup stores the credentials (files and paths in Vault), and places that it refuses."""

import json
import stat
from pathlib import Path

import anyio
import pytest

from ghapp.errors import SettingsError
from ghapp.local_github import LocalGitHub
from ghapp.setup import FileKeeper
from tests.ghapp.setup.commands import PUBLIC_URL, create, follow, setup
from tests.ghapp.setup.env_files import IN_THE_FILE, sourced
from tests.openbao import OpenBao


def test_a_file_that_exists_is_not_overwritten_unless_it_is_forced(github: LocalGitHub, tmp_path: Path) -> None:
    file = tmp_path / "kept.env"
    file.write_text("mine\n")
    file.chmod(0o644)
    with setup(github, tmp_path / "here", "--file", str(file)) as command:
        said = f"planward: {file} exists: choose another file with --file, or overwrite it with --force\n"
        assert command.ended() == (1, "", said)
    assert github.world.apps == {}
    with setup(github, tmp_path / "here", "--file", str(file), "--force") as command:
        follow(create(github, command.page()))
        assert command.ended()[0] == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert set(sourced(file)) == IN_THE_FILE


def test_a_file_that_appeared_meanwhile_is_not_overwritten_and_the_credentials_are_not_lost(
    github: LocalGitHub, tmp_path: Path
) -> None:
    file = tmp_path / "here" / "planward.env"
    with setup(github, tmp_path / "here") as command:
        address = create(github, command.page())
        file.write_text("somebody's\n")
        follow(address)
        assert command.ended()[0] == 0
    [app] = github.world.apps.values()
    assert file.read_text() == "somebody's\n"
    assert set(sourced(file.with_name(f"planward.env.{app.id}"))) == IN_THE_FILE


def test_a_directory_that_is_not_there_is_refused_before_anything_is_made(github: LocalGitHub, tmp_path: Path) -> None:
    with setup(github, tmp_path / "here", "--file", "nowhere/planward.env") as command:
        nowhere = tmp_path / "here" / "nowhere"
        said = f"planward: nothing can be written to {nowhere}: No such file or directory\n"
        assert command.ended() == (1, "", said)


def test_vault_without_an_address_is_refused(github: LocalGitHub, tmp_path: Path) -> None:
    with setup(github, tmp_path / "here", "--vault", "kv/planward/github") as command:
        said = "planward: --vault: VAULT_ADDR is not set: set it, and VAULT_TOKEN or another login\n"
        assert command.ended() == (1, "", said)


def test_a_path_in_vault_that_is_no_secret_is_refused(github: LocalGitHub, openbao: OpenBao, tmp_path: Path) -> None:
    vault = {"VAULT_ADDR": openbao.address, "VAULT_TOKEN": openbao.token}
    with setup(github, tmp_path / "here", "--vault", "kv", **vault) as command:
        said = "planward: kv is not a secret in a KV engine: name one, as in kv/planward/github\n"
        assert command.ended() == (1, "", said)


@pytest.mark.parametrize(
    ("capabilities", "needs"),
    [
        ([], "read there and list on the folders"),
        (["read"], "create and update there"),
        (["read", "create"], "create and update there"),
    ],
)
def test_a_place_in_vault_that_may_not_be_written_is_refused_before_anything_is_made(
    github: LocalGitHub, openbao: OpenBao, tmp_path: Path, capabilities: list[str], needs: str
) -> None:
    client = openbao.client()
    rule = f'path "kv/data/planward/kept-from-us" {{ capabilities = {json.dumps(capabilities or ["deny"])} }}'
    client.sys.create_or_update_policy("kept-from-us", rule)
    token = client.auth.token.create(policies=["kept-from-us"])["auth"]["client_token"]
    vault = {"VAULT_ADDR": openbao.address, "VAULT_TOKEN": token}
    with setup(github, tmp_path / "here", "--vault", "kv/planward/kept-from-us", **vault) as command:
        needed = f"the policy of Planward's login must allow {needs}"
        denied = f"Vault ({openbao.host}) denies Planward access to kv/planward/kept-from-us: {needed}"
        assert command.ended() == (1, "", f"planward: {denied}\n")
    assert github.world.apps == {}


def test_a_value_that_programs_read_differently_gets_its_own_file(tmp_path: Path) -> None:
    keeper = FileKeeper(path=tmp_path / "planward.env", overwrite=False)
    secret = "it's $HOME \\ #"
    anyio.run(keeper.keep, {"PLANWARD_GITHUB_APP_ID": "7", "PLANWARD_GITHUB_CLIENT_SECRET": secret})
    own_file = tmp_path / "planward.planward_github_client_secret"
    assert own_file.read_text() == f"{secret}\n"
    assert sourced(tmp_path / "planward.env") == {
        "PLANWARD_GITHUB_APP_ID": "7",
        "PLANWARD_GITHUB_CLIENT_SECRET_FILE": str(own_file),
    }


def test_a_file_that_appeared_in_the_meantime_stays_and_the_next_step_names_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "planward.env"
    path.write_text("somebody else's\n")
    kept = anyio.run(FileKeeper(path=path, overwrite=False).keep, {"PLANWARD_GITHUB_APP_ID": "7"})
    assert path.read_text() == "somebody else's\n"
    assert kept.place == f"{path}.7"
    assert kept.next_step == f"set -a; . {path}.7; set +a; planward serve"
    assert sourced(Path(kept.place)) == {"PLANWARD_GITHUB_APP_ID": "7"}


@pytest.mark.parametrize(
    ("name", "public_url", "said"),
    [
        ("planward.env", "https://planward.example.com/it's", "PLANWARD_PUBLIC_URL is https://planward.example.com/it"),
        ("my planward.env", PUBLIC_URL, "--file: "),
    ],
)
def test_a_value_that_programs_read_differently_is_refused_before_anything_is_created(
    tmp_path: Path, name: str, public_url: str, said: str
) -> None:
    keeper = FileKeeper(path=tmp_path / name, overwrite=False)
    with pytest.raises(SettingsError, match=f"^{said}.*use only letters, digits and"):
        anyio.run(keeper.prepare, {"PLANWARD_PUBLIC_URL": public_url})
