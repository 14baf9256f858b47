"""`planward setup` against the local GitHub, with httpx as the browser."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from html import unescape
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import anyio
import httpx
import pytest

from ghapp.errors import JobError, SettingsError
from ghapp.github import GitHubApp, GitHubError, PemKey
from ghapp.github.manifest import exchange_code
from ghapp.local_github import LocalGitHub
from ghapp.settings import read_github_access
from ghapp.setup import FileKeeper, Plan, flow, set_up
from ghapp.setup.manifest import form_url
from tests.openbao import OpenBao
from tests.ports import free_port

PUBLIC_URL = "https://planward.example.com"
KEPT = {
    "PLANWARD_GITHUB_API_URL",
    "PLANWARD_GITHUB_APP_ID",
    "PLANWARD_GITHUB_CLIENT_ID",
    "PLANWARD_GITHUB_CLIENT_SECRET",
    "PLANWARD_GITHUB_PRIVATE_KEY",
    "PLANWARD_GITHUB_WEBHOOK_SECRET",
    "PLANWARD_PUBLIC_URL",
}
IN_THE_FILE = KEPT - {"PLANWARD_GITHUB_PRIVATE_KEY"} | {"PLANWARD_GITHUB_PRIVATE_KEY_FILE"}
SYSTEMD = Path("/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator")
"""It reads files of assignments as PID 1 reads EnvironmentFile."""


@pytest.fixture
def github(tmp_path: Path) -> Iterator[LocalGitHub]:
    with LocalGitHub(tmp_path / "github") as github:
        github.create_user("grace")
        github.create_organization("acme", owners=["grace"])
        yield github
    assert github.unexpected == []


class Command:
    """`planward setup` in a process of its own, in a directory of its own."""

    def __init__(self, github: LocalGitHub, directory: Path, *arguments: str, **environ: str) -> None:
        directory.mkdir(exist_ok=True)
        self.directory = directory
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ghapp", "setup", *arguments],
            cwd=directory,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONUNBUFFERED": "1",
                "PLANWARD_GITHUB_API_URL": github.api_url,
                "PLANWARD_PUBLIC_URL": PUBLIC_URL,
                **environ,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def page(self) -> str:
        """The address of the page that the command names."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, (line, self._process.communicate(timeout=30))
        return found[0]

    def ended(self, timeout: float = 30) -> tuple[int, str, str]:
        """Exit status, and the rest of stdout and stderr."""
        out, err = self._process.communicate(timeout=timeout)
        return self._process.returncode, out, err

    def end(self) -> None:
        """End it if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()

    def press_ctrl_c(self) -> None:
        """As a terminal does."""
        self._process.send_signal(signal.SIGINT)


@contextmanager
def setup(github: LocalGitHub, directory: Path, *arguments: str, **environ: str) -> Iterator[Command]:
    command = Command(github, directory, *arguments, **environ)
    try:
        yield command
    finally:
        command.end()


def submit(browser: httpx.Client, page: str, **changes: str) -> httpx.Response:
    """Press the button of the one form on a page that posts to GitHub, as grace."""
    answer = browser.get(page) if page.startswith("http") else httpx.Response(200, text=page)
    form = re.search(r'<form method="post" action="([^"]*settings/apps[^"]*)"', answer.text)
    assert form, answer.text
    fields = dict(re.findall(r'<input (?:type="hidden" )?name="(\w+)" value="([^"]*)"', answer.text))
    values = {name: unescape(value) for name, value in fields.items()} | changes
    return browser.post(unescape(form[1]), data=values)


def create(github: LocalGitHub, page: str) -> str:
    """Go through the forms up to GitHub's redirect, and give the address that it leads to."""
    with httpx.Client(trust_env=False, cookies={"local_github_viewer": "grace"}, base_url=github.url) as browser:
        asked = submit(browser, page)
        assert asked.status_code == 200, asked.text
        made = submit(browser, asked.text)
    assert made.status_code == 303, made.text
    return made.headers["Location"]


def follow(address: str) -> httpx.Response:
    return httpx.get(address, trust_env=False, timeout=30)


def sourced(file: Path) -> Mapping[str, str]:
    """The variables as a shell has them that reads the file."""
    script = 'set -a; . "$0"; env -0'
    told = subprocess.run(["/bin/sh", "-c", script, file], env={}, capture_output=True, check=True, text=True).stdout
    return named(told.split("\0"))


def read_by_docker(file: Path) -> Mapping[str, str]:
    """The variables as `docker run --env-file` reads the file: all behind the first = as it stands.

    https://github.com/docker/cli/blob/v28.2.2/pkg/kvfile/kvfile.go
    """
    return named(line for line in file.read_text().splitlines() if line and not line.startswith("#"))


def read_by_systemd(file: Path, directory: Path) -> Mapping[str, str]:
    """The variables as systemd reads the file."""
    place = directory / "environment.d"
    place.mkdir()
    (place / "planward.conf").write_bytes(file.read_bytes())
    environ = {"XDG_CONFIG_HOME": str(directory), "HOME": str(directory)}
    told = subprocess.run([SYSTEMD], env=environ, capture_output=True, check=True, text=True).stdout
    return named(told.splitlines())


def named(lines: Iterable[str]) -> Mapping[str, str]:
    return {name: value for name, _, value in (line.partition("=") for line in lines) if name.startswith("PLANWARD_")}


# --- the flow --------------------------------------------------------------------------------------------------------


def test_the_app_is_made_and_its_credentials_are_kept_in_a_file_that_starts_planward(
    github: LocalGitHub, tmp_path: Path
) -> None:
    with setup(github, tmp_path / "here", "--organization", "acme") as command:
        page = command.page()
        answer = follow(create(github, page))
        assert (answer.status_code, "Planward is registered" in answer.text) == (200, True)
        status, out, err = command.ended()
    file = tmp_path / "here" / "planward.env"
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        f"Planward is registered as {github.url}/apps/planward; its credentials are in {file}.",
        "Next:",
        f"  1. set -a; . {file}; set +a; planward serve",
        f"  2. install the App: {github.url}/apps/planward/installations/new",
        "  3. planward doctor OWNER/REPO",
    ]
    key = tmp_path / "here" / "planward.private-key.pem"
    assert [stat.S_IMODE(each.stat().st_mode) for each in (file, key)] == [0o600, 0o600]
    environ = sourced(file)
    assert set(environ) == IN_THE_FILE
    assert (environ["PLANWARD_PUBLIC_URL"], environ["PLANWARD_GITHUB_PRIVATE_KEY_FILE"]) == (PUBLIC_URL, str(key))
    assert read_by_docker(file) == environ
    if SYSTEMD.exists():
        assert read_by_systemd(file, tmp_path) == environ
    [app] = github.world.apps.values()
    assert (app.owner.login, app.webhook_url) == ("acme", f"{PUBLIC_URL}/webhooks/github")
    assert app.callback_urls == [f"{PUBLIC_URL}/login/callback"]
    access = read_github_access(environ)
    assert access.webhook_secrets == (app.webhook_secret,)

    async def ask() -> None:
        async with GitHubApp(access.api_url, access.app_id, PemKey(access.private_key)) as planward:
            me = await planward.me()
            assert me.permissions["checks"] == "write"

    anyio.run(ask)


def test_the_credentials_are_kept_in_vault_and_nowhere_else(
    github: LocalGitHub, openbao: OpenBao, tmp_path: Path
) -> None:
    vault = {"VAULT_ADDR": openbao.address, "VAULT_TOKEN": openbao.token}
    with setup(github, tmp_path / "here", "--vault", "kv/planward/setup", **vault) as command:
        assert follow(create(github, command.page())).status_code == 200
        status, out, _ = command.ended()
    assert status == 0
    assert "its credentials are in kv/planward/setup in Vault." in out
    kept = openbao.client().secrets.kv.v2.read_secret_version(
        "planward/setup", mount_point="kv", raise_on_deleted_version=True
    )
    assert set(kept["data"]["data"]) == KEPT
    assert list((tmp_path / "here").iterdir()) == []
    with setup(github, tmp_path / "here", "--vault", "kv/planward/setup", **vault) as command:
        assert command.ended() == (
            1,
            "",
            "planward: kv/planward/setup in Vault exists: name another path, or say --force to overwrite it\n",
        )


@pytest.mark.parametrize(
    ("api_url", "organization", "leads_to"),
    [
        ("https://api.github.com", None, "https://github.com/settings/apps/new?state=S"),
        ("https://api.github.com", "acme", "https://github.com/organizations/acme/settings/apps/new?state=S"),
        ("https://git.acme.dev/api/v3", None, "https://git.acme.dev/settings/apps/new?state=S"),
        ("https://api.acme.ghe.com", None, "https://acme.ghe.com/settings/apps/new?state=S"),
    ],
)
def test_the_form_goes_to_the_pages_of_the_github_whose_api_it_is(
    api_url: str, organization: str | None, leads_to: str
) -> None:
    assert form_url(api_url, organization, "S") == leads_to


# --- refusals --------------------------------------------------------------------------------------------------------


def test_a_code_with_another_state_is_not_used_and_the_right_one_still_is(github: LocalGitHub, tmp_path: Path) -> None:
    with setup(github, tmp_path / "here") as command:
        page = command.page()
        address = create(github, page)
        code = parse_qs(urlsplit(address).query)["code"][0]
        for query in (f"code={code}&state=other", f"code={code}", "state=other"):
            refused = follow(f"{page}/created?{query}")
            assert refused.status_code == 400
            assert "the state does not match" in refused.text
        assert not (tmp_path / "here" / "planward.env").exists()
        assert follow(address).status_code == 200
        status, out, _ = command.ended()
    assert status == 0
    assert out.count("Refused: the state does not match") == 3


def test_a_code_that_github_does_not_know_any_more_ends_it(github: LocalGitHub, tmp_path: Path) -> None:
    with setup(github, tmp_path / "here") as command:
        address = create(github, command.page())
        github.world.manifest_codes.clear()
        said = "GitHub does not know the code: it is good for one hour and for one use; begin again"
        answer = follow(address)
        assert answer.status_code == 502
        assert said in answer.text
        assert command.ended() == (1, "", f"planward: {said}\n")
    assert list((tmp_path / "here").iterdir()) == []


def test_an_app_without_a_webhook_secret_is_kept_and_the_missing_secret_is_asked_for(
    github: LocalGitHub, tmp_path: Path
) -> None:
    with setup(github, tmp_path / "here") as command:
        address = create(github, command.page())
        [app] = github.world.apps.values()
        app.webhook_secret = None
        follow(address)
        status, _, err = command.ended()
    assert (status, err) == (
        1,
        "planward: GitHub made no webhook secret, and Planward does not start without one: set one in the settings of "
        "Planward → Webhook, and put it beside the others as PLANWARD_GITHUB_WEBHOOK_SECRET\n",
    )
    assert set(sourced(tmp_path / "here" / "planward.env")) == IN_THE_FILE - {"PLANWARD_GITHUB_WEBHOOK_SECRET"}


def test_a_file_that_exists_is_not_overwritten_unless_it_is_forced(github: LocalGitHub, tmp_path: Path) -> None:
    file = tmp_path / "kept.env"
    file.write_text("mine\n")
    file.chmod(0o644)
    with setup(github, tmp_path / "here", "--file", str(file)) as command:
        said = f"planward: {file} exists: say --file for another one, or --force to overwrite it\n"
        assert command.ended() == (1, "", said)
    assert github.world.apps == {}
    with setup(github, tmp_path / "here", "--file", str(file), "--force") as command:
        follow(create(github, command.page()))
        assert command.ended()[0] == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert set(sourced(file)) == IN_THE_FILE


def test_a_file_that_came_meanwhile_is_left_and_the_credentials_are_not_lost(
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


def test_a_port_that_is_taken_is_refused(github: LocalGitHub, tmp_path: Path) -> None:
    port = str(urlsplit(github.url).port)
    with setup(github, tmp_path / "here", "--port", port) as command:
        said = f"planward: port {port} is taken: say another --port, or leave it out\n"
        assert command.ended() == (1, "", said)


def test_an_address_on_this_machine_alone_is_refused_for_a_github_elsewhere(
    github: LocalGitHub, tmp_path: Path
) -> None:
    local = {"PLANWARD_GITHUB_API_URL": "https://api.github.com", "PLANWARD_PUBLIC_URL": "http://127.0.0.1:8000"}
    with setup(github, tmp_path / "here", **local) as command:
        assert command.ended() == (
            1,
            "",
            "planward: http://127.0.0.1:8000 is on this machine alone, and GitHub could not deliver there: "
            "say --public-url https://HOST, or set PLANWARD_PUBLIC_URL\n",
        )


def test_an_api_url_that_leads_to_no_pages_is_refused(github: LocalGitHub, tmp_path: Path) -> None:
    with setup(github, tmp_path / "here", PLANWARD_GITHUB_API_URL="https://git.acme.dev") as command:
        status, _, err = command.ended()
    assert (status, err) == (
        1,
        "planward: PLANWARD_GITHUB_API_URL is https://git.acme.dev: set it to https://HOST/api/v3 for GitHub "
        "Enterprise Server, to https://api.SUBDOMAIN.ghe.com for GHE.com, or leave it out for github.com\n",
    )


def test_vault_without_an_address_is_refused(github: LocalGitHub, tmp_path: Path) -> None:
    with setup(github, tmp_path / "here", "--vault", "kv/planward/github") as command:
        said = "planward: --vault: VAULT_ADDR is not set: set it, and VAULT_TOKEN or another login\n"
        assert command.ended() == (1, "", said)


def test_a_path_in_vault_that_is_no_secret_is_refused(github: LocalGitHub, openbao: OpenBao, tmp_path: Path) -> None:
    vault = {"VAULT_ADDR": openbao.address, "VAULT_TOKEN": openbao.token}
    with setup(github, tmp_path / "here", "--vault", "kv", **vault) as command:
        said = "planward: kv is no secret of a KV engine: name one, as in kv/planward/github\n"
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
        said = f"planward: Vault ({openbao.host}) denies Planward kv/planward/kept-from-us: its policy needs {needs}\n"
        assert command.ended() == (1, "", said)
    assert github.world.apps == {}


def test_nobody_comes_within_an_hour(github: LocalGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "_PATIENCE_S", 0.1)
    plan = Plan(api_url=github.api_url, public_url=PUBLIC_URL, organization=None, name="Planward", port=0)
    said: list[str] = []
    with pytest.raises(JobError, match=r"^nobody created the App within an hour: begin again$"):
        anyio.run(set_up, plan, FileKeeper(path=tmp_path / "planward.env", overwrite=False), said.append)
    assert [line.partition(" http")[0] for line in said] == ["Open"]
    assert list(tmp_path.glob("planward.env*")) == []


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
    with pytest.raises(SettingsError, match=f"^{said}.*use letters, digits and"):
        anyio.run(keeper.prepare, {"PLANWARD_PUBLIC_URL": public_url})


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (422, b'{"message": "Validation Failed"}', "GitHub refused (422) the code: Validation Failed"),
        (200, b"<html>", "GitHub's answer cannot be read; check PLANWARD_GITHUB_API_URL"),
        (None, b"", "GitHub (127.0.0.1) could not be reached"),
    ],
)
def test_githubs_answer_to_the_code_is_shown(status: int | None, body: bytes, said: str) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if status is not None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        answering = threading.Thread(target=server.handle_request)
        answering.start()
        with pytest.raises(GitHubError) as refused:
            anyio.run(exchange_code, f"http://127.0.0.1:{server.server_port}/api/v3", "2022-11-28", "c0de")
        answering.join()
    assert str(refused.value) == said


def test_an_invalid_organization_is_wrong_usage(github: LocalGitHub, tmp_path: Path) -> None:
    with setup(github, tmp_path / "here", "--organization", "acme/shop") as command:
        assert command.ended()[0] == 2


def test_the_page_answers_to_its_own_name_only(github: LocalGitHub, tmp_path: Path) -> None:
    with setup(github, tmp_path / "here") as command:
        page = command.page()
        rebound = httpx.get(page, headers={"Host": "evil.example"}, trust_env=False)
        assert rebound.status_code == 400
        assert "frame-ancestors 'none'" in follow(page).headers["Content-Security-Policy"]


def test_ctrl_c_ends_it_and_nothing_is_left(github: LocalGitHub, tmp_path: Path) -> None:
    with setup(github, tmp_path / "here", "--port", str(free_port())) as command:
        command.page()
        command.press_ctrl_c()
        assert command.ended()[0] == 1
    assert list((tmp_path / "here").iterdir()) == []
