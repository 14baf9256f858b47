"""`planward setup` against the local GitHub: the App is created, and its credentials are stored."""

import stat
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import anyio
import httpx
import pytest

from ghapp.errors import JobError
from ghapp.github import GitHubApp, GitHubError, PemKey
from ghapp.github.manifest import exchange_code
from ghapp.local_github import LocalGitHub
from ghapp.settings import read_github_access
from ghapp.setup import FileKeeper, Plan, flow, set_up
from ghapp.setup.manifest import form_url
from tests.ghapp.setup.commands import PUBLIC_URL, create, follow, setup
from tests.ghapp.setup.env_files import IN_THE_FILE, KEPT, SYSTEMD, read_by_docker, read_by_systemd, sourced
from tests.openbao import OpenBao
from tests.ports import free_port


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
            "planward: kv/planward/setup in Vault exists: choose another path, or overwrite it with --force\n",
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
def test_the_form_goes_to_the_website_of_the_configured_github(
    api_url: str, organization: str | None, leads_to: str
) -> None:
    assert form_url(api_url, organization, "S") == leads_to


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


def test_a_code_that_github_does_not_know_any_more_ends_setup(github: LocalGitHub, tmp_path: Path) -> None:
    with setup(github, tmp_path / "here") as command:
        address = create(github, command.page())
        github.world.manifest_codes.clear()
        said = "GitHub does not know the code: it can be used only once, within an hour; start again"
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
        "Planward → Webhook, and store it with the others as PLANWARD_GITHUB_WEBHOOK_SECRET\n",
    )
    assert set(sourced(tmp_path / "here" / "planward.env")) == IN_THE_FILE - {"PLANWARD_GITHUB_WEBHOOK_SECRET"}


def test_setup_gives_up_if_nobody_comes_within_an_hour(
    github: LocalGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "_PATIENCE_S", 0.1)
    plan = Plan(api_url=github.api_url, public_url=PUBLIC_URL, organization=None, name="Planward", port=0)
    said: list[str] = []
    with pytest.raises(JobError, match=r"^nobody created the App within an hour: run planward setup again$"):
        anyio.run(set_up, plan, FileKeeper(path=tmp_path / "planward.env", overwrite=False), said.append)
    assert [line.partition(" http")[0] for line in said] == ["Open"]
    assert list(tmp_path.glob("planward.env*")) == []


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (422, b'{"message": "Validation Failed"}', "GitHub refused the code (422): Validation Failed"),
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


def test_the_page_answers_to_its_own_name_only(github: LocalGitHub, tmp_path: Path) -> None:
    with setup(github, tmp_path / "here") as command:
        page = command.page()
        rebound = httpx.get(page, headers={"Host": "evil.example"}, trust_env=False)
        assert rebound.status_code == 400
        assert "frame-ancestors 'none'" in follow(page).headers["Content-Security-Policy"]


def test_ctrl_c_ends_setup_and_nothing_is_left(github: LocalGitHub, tmp_path: Path) -> None:
    with setup(github, tmp_path / "here", "--port", str(free_port())) as command:
        command.page()
        command.press_ctrl_c()
        assert command.ended()[0] == 1
    assert list((tmp_path / "here").iterdir()) == []
