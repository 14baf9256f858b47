"""Other people's input cannot stop the server: it answers within a second during each attack."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.stories.line import Line
from tests.stories.story import CONFIG, Story

LONGEST_S, GITHUB_WAITS_S = 1.0, 10.0
_LEAST = 4
"""How many answers are measured at least, even if a plan takes less time."""
BEGIN = "-----BEGIN PRIVATE KEY-----"


class Pulse:
    """Asks `/healthz` ten times a second.

    Only the server's own processor time during an answer counts, since on a shared machine an answer
    may have to wait for a core.
    """

    def __init__(self, line: Line) -> None:
        assert line.process is not None
        self._url, self._pid = line.url, line.process.pid
        self._ended = threading.Event()
        self.answers_s: list[float] = []
        self.worked_s: list[float] = []
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def _ask(self) -> None:
        with httpx.Client(trust_env=False, timeout=60) as client:
            while not self._ended.wait(0.1) or len(self.answers_s) < _LEAST:
                began, worked_s = time.monotonic(), self._core_s()
                assert client.get(f"{self._url}/healthz").text == "ok\n"
                self.answers_s.append(time.monotonic() - began)
                self.worked_s.append(self._core_s() - worked_s)

    def _core_s(self) -> float:
        """The processor time of the server itself, without the programs that it runs."""
        user, system = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Measure until the context ends, and require that every answer came in time."""
        self._thread.start()
        try:
            yield
        finally:
            self._ended.set()
            self._thread.join(timeout=60)
        assert len(self.answers_s) >= _LEAST
        assert max(map(min, self.answers_s, self.worked_s)) < LONGEST_S
        assert max(self.answers_s) < GITHUB_WAITS_S


@pytest.fixture(scope="module")
def line(fresh_line: Line) -> Line:
    """The web process and the worker of one `planward serve`, as an operator starts them."""
    return fresh_line


def proposed(story: Story, topic: str, files: dict[str, str] | None = None, *, extra: str = "") -> dict[str, object]:
    """Propose a change and wait for its check run while the pulse is measured."""
    changed = {**story.root_module("network", size=2, extra=extra), **(files or {})}
    with Pulse(story.line).taken():
        return story.planned(story.propose(changed, head=topic))


def test_sixty_kilobytes_of_spaces_in_a_version_of_the_config(unmerged: Story, topic: str) -> None:
    config = f"root_modules:\n  - {{dir: network, required_version: '{' ' * 60_000}x'}}\n"
    check = proposed(unmerged, topic, {CONFIG: config})
    assert check["conclusion"] == "failure"
    assert "is longer than 4,000 characters" in unmerged.first_line(check)


def test_a_hundred_and_twenty_kilobytes_of_spaces_in_a_version_of_the_code(unmerged: Story, topic: str) -> None:
    version = f'terraform {{ required_version = "{" " * 120_000}<" }}\n'
    check = proposed(unmerged, topic, {"network/versions.tf": version})
    assert check["conclusion"] == "failure"
    assert len(unmerged.first_line(check)) < 2_000


def test_aliases_of_aliases_in_the_config(unmerged: Story, topic: str) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    check = proposed(unmerged, topic, {CONFIG: "\n".join(lines)})
    assert "counting those behind its aliases" in unmerged.first_line(check)


def test_twenty_thousand_lines_of_output_after_an_open_private_key(unmerged: Story, topic: str) -> None:
    extra = (
        'resource "terraform_data" "loud" {\n'
        "  lifecycle {\n    precondition {\n      condition     = length(path.module) > 999\n"
        '      error_message = "${file("${path.module}/key.txt")}."\n'
        "    }\n  }\n}\n"
    )
    text = f"A key: {BEGIN}\n" + "ok\n" * 20_000
    check = proposed(unmerged, topic, {"network/key.txt": text}, extra=extra)
    assert check["conclusion"] == "failure"


def test_a_kilobyte_of_git_objects_that_stands_for_two_million_paths(
    line: Line, unmerged: Story, topic: str, tmp_path: Path
) -> None:
    story = unmerged
    url = line.github.clone_url(story.name, story.author)

    def git(*words: str, stdin: str = "") -> str:
        author = ["-c", f"user.name={story.author}", "-c", f"user.email={story.author}@example.com"]
        done = subprocess.run(
            ["git", *author, *words], input=stdin, cwd=tmp_path, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    git("clone", "--quiet", url, ".")
    tree = git("mktree", stdin=f"100644 blob {git('hash-object', '-w', '--stdin')}\tmain.tf\n")
    for _ in range(21):
        tree = git("mktree", stdin=f"040000 tree {tree}\ta\n040000 tree {tree}\tb\n")
    listed = git("ls-tree", "origin/staging")
    root = git("mktree", stdin=f"{listed}\n040000 tree {tree}\tz\n")
    commit = git("commit-tree", root, "-p", "origin/staging", "-m", "Two million files")
    with Pulse(line).taken():
        git("push", "--quiet", "origin", f"{commit}:refs/heads/{topic}")
        began = time.monotonic()
        check = story.planned(story.open(topic, "staging"))
    assert check["conclusion"] == "failure"
    assert story.first_line(check) == (
        "the commit has more than 500,000 files and directories together, which is the most that Planward reads: push "
        "a commit with fewer"
    )
    assert time.monotonic() - began < 100


def test_twenty_forged_deliveries_of_twenty_four_megabytes(line: Line) -> None:
    body = b" " * 24_000_000
    forged = {"X-GitHub-Event": "push", "X-GitHub-Delivery": "forged", "X-Hub-Signature-256": f"sha256={'0' * 64}"}

    def send() -> None:
        with httpx.Client(trust_env=False, timeout=60) as client:
            client.post(f"{line.url}/webhooks/github", content=body, headers=forged)

    senders = [threading.Thread(target=send, daemon=True) for _ in range(20)]
    with Pulse(line).taken():
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join(timeout=120)
        time.sleep(0.5)
