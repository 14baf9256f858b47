"""`planward setup` in a process of its own, and httpx as the browser."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path

import httpx

from ghapp.local_github import LocalGitHub
from tests.forked import ForkedPlanward

PUBLIC_URL = "https://planward.example.com"


class Command:
    """`planward setup` in a process of its own, in a directory of its own."""

    def __init__(self, github: LocalGitHub, directory: Path, *arguments: str, **environ: str) -> None:
        directory.mkdir(exist_ok=True)
        self.directory = directory
        self._process = ForkedPlanward(
            ["setup", *arguments],
            {
                "PATH": os.environ["PATH"],
                "PLANWARD_GITHUB_API_URL": github.api_url,
                "PLANWARD_PUBLIC_URL": PUBLIC_URL,
                **environ,
            },
            cwd=directory,
        )

    def page(self) -> str:
        """The address of the page that the command prints."""
        line = self._process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, (line, self.ended())
        return found[0]

    def ended(self, timeout: float = 30) -> tuple[int, str, str]:
        """Exit status, and the rest of stdout and stderr."""
        status = self._process.wait(timeout)
        return status, self._process.stdout.read(), self._process.stderr.read()

    def end(self) -> None:
        """End the command if it still runs."""
        self._process.kill()
        self._process.wait(30)
        self._process.close()

    def press_ctrl_c(self) -> None:
        """Send SIGINT, as a terminal does."""
        self._process.send_signal(signal.SIGINT)


@contextmanager
def setup(github: LocalGitHub, directory: Path, *arguments: str, **environ: str) -> Iterator[Command]:
    command = Command(github, directory, *arguments, **environ)
    try:
        yield command
    finally:
        command.end()


def submit(browser: httpx.Client, page: str, **changes: str) -> httpx.Response:
    """Submit the only form of a page that posts to GitHub. `page` is the page's address or its HTML."""
    answer = browser.get(page) if page.startswith("http") else httpx.Response(200, text=page)
    form = re.search(r'<form method="post" action="([^"]*settings/apps[^"]*)"', answer.text)
    assert form, answer.text
    fields = dict(re.findall(r'<input (?:type="hidden" )?name="(\w+)" value="([^"]*)"', answer.text))
    values = {name: unescape(value) for name, value in fields.items()} | changes
    return browser.post(unescape(form[1]), data=values)


def create(github: LocalGitHub, page: str) -> str:
    """Go through the forms up to GitHub's redirect, and return the address to which it leads."""
    with httpx.Client(
        trust_env=False, verify=False, cookies={"local_github_viewer": "grace"}, base_url=github.url
    ) as browser:
        asked = submit(browser, page)
        assert asked.status_code == 200, asked.text
        made = submit(browser, asked.text)
    assert made.status_code == 303, made.text
    return made.headers["Location"]


def follow(address: str) -> httpx.Response:
    return httpx.get(address, trust_env=False, verify=False, timeout=30)
