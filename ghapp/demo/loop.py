"""Play the people of the demo: they change a repository with staging and production.

Its check runs are printed as GitHub returns them.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import httpx

from ghapp.demo.sample import Change
from ghapp.demo.stage import DemoError, Stage
from ghapp.local_github import Entry

OWNER = "acme"
AUTHOR, REVIEWER = "ada", "grace"
_PATIENCE_S = 3600.0
"""How long to wait for a check run: a database in a cloud takes a quarter of an hour to create."""


class Loop:
    """The loop of pull request, check run, merge, apply and promotion. Each step is printed as it happens."""

    def __init__(self, stage: Stage, repository: str) -> None:
        self.stage = stage
        self.github = stage.github
        self.repository = repository
        self.full_name = f"{OWNER}/{repository}"
        done(stage.sandbox)

    def prepare(self, files: Mapping[str, bytes | Entry]) -> None:
        """Create a repository with staging and production, protected by Planward's check, with the App installed."""
        for login in (AUTHOR, REVIEWER):
            self.github.create_user(login)
        self.github.create_organization(OWNER, owners=[REVIEWER], members=[AUTHOR])
        self.github.create_repository(self.full_name, files=files, default_branch="staging", by=REVIEWER)
        self.github.grant(self.full_name, AUTHOR, "write")
        with self._as(REVIEWER) as grace:
            tip = grace.get(f"/repos/{self.full_name}/branches/staging").json()["commit"]["sha"]
            self.github.move(self.full_name, "production", tip, by=REVIEWER)
            for branch in ("staging", "production"):
                self._protect(grace, branch)
        self.github.install(self.stage.app, OWNER, repositories=[self.full_name], by=REVIEWER)

    def promote(self) -> None:
        """Promote staging's commit to production: the gate compares the trees, and shows production's plan."""
        say(f"{AUTHOR} promotes staging to production")
        number = self._open_pull_request("Promote staging to production", "staging", "production")
        self.planned(number)
        self.merge_and_watch(number, "planward/apply (production)")

    def look_around(self, states: Path) -> None:
        """Print the addresses at which people can look around."""
        say("Look at it")
        for what, url in (
            ("the pull requests, as GitHub shows them", f"{self.github.url}/{self.full_name}/pulls"),
            ("Planward's own pages", f"{self.stage.planward_url}/"),
            ("the states that Terraform wrote", str(states)),
        ):
            click.echo(f"  {what}: {click.style(url, underline=True)}")

    # -- actions of people

    def propose(self, change: Change) -> int:
        """Commit a change on its branch and open a pull request. Returns its number."""
        self.commit(change, start="staging")
        number = self._open_pull_request(change.title, change.branch, "staging", change.body)
        done(f"#{number} {change.title}: {self.github.url}/{self.full_name}/pull/{number}")
        return number

    def commit(self, change: Change, *, start: str | None = None) -> None:
        """Commit a change on its branch. If `start` is given, the branch is created from it."""
        self.github.commit(self.full_name, change.branch, change.files, message=change.title, by=AUTHOR, start=start)

    def _open_pull_request(self, title: str, head: str, base: str, body: str = "") -> int:
        with self._as(AUTHOR) as ada:
            request = {"title": title, "head": head, "base": base, "body": body}
            answer = ada.post(f"/repos/{self.full_name}/pulls", json=request)
        if answer.status_code != 201:
            raise DemoError(f"the pull request could not be opened: {answer.text}")
        return int(answer.json()["number"])

    def try_to_merge(self, number: int) -> str | None:
        """Press the merge button. Returns GitHub's reason if it refuses, or None."""
        with self._as(REVIEWER) as grace:
            answer = grace.put(f"/repos/{self.full_name}/pulls/{number}/merge", json={})
        return None if answer.is_success else str(answer.json()["message"])

    def press(self, check_run: Mapping[str, Any], button: str, number: int) -> None:
        """Press a button of a check run as the reviewer, and show the resulting plan."""
        self.github.press(self.full_name, check_run["id"], button, by=REVIEWER)
        self.github.wait_for_deliveries()
        self._watch(self._head(number), "planward/plan", after=int(check_run["id"]))

    def merge_and_watch(self, number: int, *check_runs: str) -> None:
        """Merge a pull request, wait until these check runs of the merge SHA are completed, and show their progress."""
        with self._as(REVIEWER) as grace:
            answer = grace.put(f"/repos/{self.full_name}/pulls/{number}/merge", json={"merge_method": "merge"})
        if not answer.is_success:
            raise DemoError(f"#{number} could not be merged: {answer.json()['message']}")
        sha = str(answer.json()["sha"])
        done(f"{REVIEWER} merges #{number} as {sha[:7]}")
        for name in check_runs:
            check_run = self._watch(sha, name)
            if check_run["conclusion"] == "failure":
                raise DemoError(f"{name} failed: {check_run['output']['title']}")

    def _protect(self, grace: httpx.Client, branch: str) -> None:
        answer = grace.put(
            f"/repos/{self.full_name}/branches/{branch}/protection",
            json={
                "required_status_checks": {
                    "strict": False,
                    "checks": [{"context": "planward/plan", "app_id": self.stage.app.id}],
                },
                "required_pull_request_reviews": {"required_approving_review_count": 0},
                "enforce_admins": True,
                "restrictions": None,
            },
        )
        if not answer.is_success:
            raise DemoError(f"{branch} could not be protected: {answer.text}")

    @contextlib.contextmanager
    def _as(self, login: str) -> Iterator[httpx.Client]:
        with self.github.rest(login) as client:
            yield client

    # -- GitHub's view

    def _head(self, number: int) -> str:
        with self._as(AUTHOR) as ada:
            return str(ada.get(f"/repos/{self.full_name}/pulls/{number}").json()["head"]["sha"])

    def planned(self, number: int) -> dict[str, Any]:
        """Wait until the plan of a pull request's head is completed, and show its progress. Returns its check run."""
        self.github.wait_for_deliveries()
        return self._watch(self._head(number), "planward/plan")

    def _watch(self, sha: str, name: str, *, after: int = 0) -> dict[str, Any]:
        shown = ""
        for check_run in self._check_runs(sha, name):
            if check_run["id"] <= after:
                continue
            words = f"{name}: {check_run['status'].replace('_', ' ')}"
            if check_run["status"] == "completed":
                _show(check_run)
                return check_run
            title = check_run["output"]["title"]
            if title:
                words += f" · {title}"
            if words != shown:
                click.echo(f"  … {words}")
                shown = words
        raise DemoError(f"{name} was not completed within {_PATIENCE_S:.0f} s")

    def _check_runs(self, sha: str, name: str) -> Iterator[dict[str, Any]]:
        end = time.monotonic() + _PATIENCE_S
        with self._as(AUTHOR) as ada:
            while time.monotonic() < end:
                query = {"check_name": name, "filter": "latest"}
                found = ada.get(f"/repos/{self.full_name}/commits/{sha}/check-runs", params=query).json()["check_runs"]
                if found:
                    yield found[0]
                time.sleep(0.3)


def say(what: str) -> None:
    """Print a heading."""
    click.echo()
    click.secho(f"● {what}", bold=True)


def done(what: str) -> None:
    """Print a line below a heading."""
    click.echo(f"  {what}")


_COLOURS: Mapping[str, str] = {"success": "green", "failure": "red", "action_required": "yellow", "timed_out": "red"}
_SIGNS: Mapping[str, str] = {"success": "✔", "action_required": "!"}


def _show(check_run: dict[str, Any]) -> None:
    conclusion = str(check_run["conclusion"])
    paint: Callable[[str], str] = lambda text: click.style(text, fg=_COLOURS.get(conclusion), bold=True)  # noqa: E731
    sign = _SIGNS.get(conclusion, "✘")
    click.echo(f"  {paint(sign)} {check_run['name']}: {paint(conclusion)} · {check_run['output']['title']}")
    click.echo(f"    {click.style(check_run['html_url'], dim=True)}")
