"""The web address and git host of a GitHub, derived from the root of its API."""

import pytest

from ghapp.addresses import git_host, web_url


@pytest.mark.parametrize(
    ("api", "web", "host"),
    [
        ("https://api.github.com", "https://github.com", "github.com"),
        ("https://API.GitHub.com", "https://github.com", "github.com"),
        ("https://ghe.example.com/api/v3", "https://ghe.example.com", "ghe.example.com"),
        ("https://ghe.example.com:8443/api/v3", "https://ghe.example.com:8443", "ghe.example.com:8443"),
        ("https://api.acme.ghe.com", "https://acme.ghe.com", "acme.ghe.com"),
        ("https://api.ghe.com.example.com/api/v3", "https://api.ghe.com.example.com", "api.ghe.com.example.com"),
        ("http://127.0.0.1:4567", "http://127.0.0.1:4567", "127.0.0.1"),
        ("http://[::1]:4567/api/v3", "http://[::1]:4567", "[::1]"),
    ],
)
def test_the_web_address_and_git_host_of_a_github_follow_from_its_api_address(api: str, web: str, host: str) -> None:
    assert (web_url(api), git_host(api)) == (web, host)
