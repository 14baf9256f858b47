"""Arguments and settings that setup refuses before it begins."""

from pathlib import Path
from urllib.parse import urlsplit

from ghapp.local_github import LocalGitHub
from tests.ghapp.setup.commands import setup


def test_a_port_that_is_taken_is_refused(github: LocalGitHub, tmp_path: Path) -> None:
    port = str(urlsplit(github.url).port)
    with setup(github, tmp_path / "here", "--port", port) as command:
        said = f"planward: port {port} is taken: choose another --port, or leave it out\n"
        assert command.ended() == (1, "", said)


def test_an_address_on_this_machine_alone_is_refused_for_a_github_elsewhere(
    github: LocalGitHub, tmp_path: Path
) -> None:
    local = {"PLANWARD_GITHUB_API_URL": "https://api.github.com", "PLANWARD_PUBLIC_URL": "http://127.0.0.1:8000"}
    with setup(github, tmp_path / "here", **local) as command:
        assert command.ended() == (
            1,
            "",
            "planward: http://127.0.0.1:8000 is only on this machine, so GitHub could not deliver there: "
            "give --public-url https://HOST, or set PLANWARD_PUBLIC_URL\n",
        )


def test_an_api_url_that_leads_to_no_pages_is_refused(github: LocalGitHub, tmp_path: Path) -> None:
    with setup(github, tmp_path / "here", PLANWARD_GITHUB_API_URL="https://git.acme.dev") as command:
        status, _, err = command.ended()
    assert (status, err) == (
        1,
        "planward: PLANWARD_GITHUB_API_URL is https://git.acme.dev: set it to https://HOST/api/v3 for GitHub "
        "Enterprise Server, to https://api.SUBDOMAIN.ghe.com for GHE.com, or leave it out for github.com\n",
    )


def test_an_invalid_organization_is_wrong_usage(github: LocalGitHub, tmp_path: Path) -> None:
    with setup(github, tmp_path / "here", "--organization", "acme/shop") as command:
        assert command.ended()[0] == 2
