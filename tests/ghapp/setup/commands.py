"""`planward setup` in a process of its own, and httpx as the browser."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path

import httpx

from ghapp.local_github import LocalGitHub

PUBLIC_URL = "https://planward.example.com"


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
        """The address of the page that the command prints."""
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
        """End the command if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()

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
    """Press the button of the one form on a page that posts to GitHub, as grace."""
    answer = browser.get(page) if page.startswith("http") else httpx.Response(200, text=page)
    form = re.search(r'<form method="post" action="([^"]*settings/apps[^"]*)"', answer.text)
    assert form, answer.text
    fields = dict(re.findall(r'<input (?:type="hidden" )?name="(\w+)" value="([^"]*)"', answer.text))
    values = {name: unescape(value) for name, value in fields.items()} | changes
    return browser.post(unescape(form[1]), data=values)


def create(github: LocalGitHub, page: str) -> str:
    """Go through the forms up to GitHub's redirect, and return the address to which it leads."""
    with httpx.Client(trust_env=False, cookies={"local_github_viewer": "grace"}, base_url=github.url) as browser:
        asked = submit(browser, page)
        assert asked.status_code == 200, asked.text
        made = submit(browser, asked.text)
    assert made.status_code == 303, made.text
    return made.headers["Location"]


def follow(address: str) -> httpx.Response:
    return httpx.get(address, trust_env=False, timeout=30)
