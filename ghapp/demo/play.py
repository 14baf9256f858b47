"""The demo: the whole loop before your eyes. Every step does the real thing; nothing is played back."""

import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import httpx

from ghapp.demo.sample import (
    TEAM,
    Change,
    failing_change,
    fix,
    growing_change,
    make_secrets,
    render_sample,
    render_states,
)
from ghapp.demo.stage import DemoError, Stage, set_up

OWNER, REPOSITORY = "acme", "acme/shop"
AUTHOR, REVIEWER = "ada", "grace"
_PATIENCE_S = 300.0


def play(directory: Path | None, *, port: int, leave_running: bool) -> None:
    """Play the demo in `directory` (a new temporary one by default). Raises DemoError where it cannot go on."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    with contextlib.ExitStack() as stack:
        if directory is None:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="planward-demo-")))
        directory = directory.resolve()
        directory.mkdir(parents=True, exist_ok=True)
        _say("Starting a local GitHub, a Vault-compatible server and Planward")
        values = make_secrets()
        for path, content in render_states(directory / "states", values).items():
            (directory / "states" / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / "states" / path).write_bytes(content)
        stage = stack.enter_context(set_up(directory, team=TEAM, values=values, port=port))
        demo = _Demo(stage)
        demo.prepare()
        demo.fail_and_mend()
        demo.change_something_that_matters()
        demo.promote()
        demo.look_around()
        if leave_running:
            _say("Everything keeps running until you press Ctrl-C")
            with contextlib.suppress(KeyboardInterrupt):
                while True:
                    time.sleep(3600)


class _Demo:
    """The steps, in order."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._github = stage.github
        self._states = stage.directory / "states"
        self._sample: Mapping[str, bytes] = render_sample(self._states)

    def prepare(self) -> None:
        """A repository with staging and production, protected by Planward's check; the App installed."""
        for login in (AUTHOR, REVIEWER):
            self._github.create_user(login)
        self._github.create_organization(OWNER, owners=[REVIEWER], members=[AUTHOR])
        self._github.create_repository(REPOSITORY, files=self._sample, default_branch="staging", by=REVIEWER)
        self._github.grant(REPOSITORY, AUTHOR, "write")
        with self._as(REVIEWER) as grace:
            tip = grace.get(f"/repos/{REPOSITORY}/branches/staging").json()["commit"]["sha"]
            self._github.move(REPOSITORY, "production", tip, by=REVIEWER)
            for branch in ("staging", "production"):
                self._protect(grace, branch)
        self._github.install(self._stage.app, OWNER, repositories=[REPOSITORY], by=REVIEWER)
        _done(f"{REPOSITORY}: network, database and app, on the branches staging and production")
        _done("both branches need a pull request and a green planward/plan of this very App")

    def fail_and_mend(self) -> None:
        """A pull request that fails is not merged; mended, it is, and testing and staging are applied."""
        _say(f"{AUTHOR} opens a pull request with a mistake in it")
        broken, mended = failing_change(self._sample), fix(self._sample)
        number = self._open(broken)
        self._watch(self._head(number), "planward/plan")
        refusal = self._try_to_merge(number)
        if refusal is None:
            raise DemoError("the local GitHub let a failing pull request be merged")
        _done(f"GitHub does not merge it: {refusal}")
        _say(f"{AUTHOR} mends it with another commit")
        self._github.commit(REPOSITORY, mended.branch, mended.files, message=mended.title, by=AUTHOR)
        self._github.wait_for_deliveries()
        self._watch(self._head(number), "planward/plan")
        self._merge_and_watch(number, "planward/apply (testing)", "planward/apply (staging)")

    def change_something_that_matters(self) -> None:
        """A change that adds, changes and replaces."""
        _say(f"{AUTHOR} proposes something bigger")
        number = self._open(growing_change(self._sample))
        self._watch(self._head(number), "planward/plan")
        self._merge_and_watch(number, "planward/apply (testing)", "planward/apply (staging)")

    def promote(self) -> None:
        """What staging applied goes to production: the gate compares trees, and shows production's plan."""
        _say(f"{AUTHOR} promotes staging to production")
        with self._as(AUTHOR) as ada:
            number = _created(
                ada.post(
                    f"/repos/{REPOSITORY}/pulls",
                    json={
                        "title": "Promote staging to production",
                        "head": "staging",
                        "base": "production",
                        "body": "",
                    },
                )
            )
        self._watch(self._head(number), "planward/plan")
        self._merge_and_watch(number, "planward/apply (production)")

    def look_around(self) -> None:
        """Where everything can be looked at."""
        _say("Look at it")
        for what, url in (
            ("the pull requests, as GitHub shows them", f"{self._github.url}/{REPOSITORY}/pulls"),
            ("Planward's own pages", f"{self._stage.planward_url}/"),
            ("the states that Terraform wrote", str(self._states)),
        ):
            click.echo(f"  {what}: {click.style(url, underline=True)}")

    # -- what people do

    def _open(self, change: Change) -> int:
        self._github.commit(REPOSITORY, change.branch, change.files, message=change.title, by=AUTHOR, start="staging")
        with self._as(AUTHOR) as ada:
            body = {"title": change.title, "head": change.branch, "base": "staging", "body": change.body}
            number = _created(ada.post(f"/repos/{REPOSITORY}/pulls", json=body))
        _done(f"#{number} {change.title}: {self._github.url}/{REPOSITORY}/pull/{number}")
        return number

    def _try_to_merge(self, number: int) -> str | None:
        with self._as(REVIEWER) as grace:
            answer = grace.put(f"/repos/{REPOSITORY}/pulls/{number}/merge", json={})
        return None if answer.is_success else str(answer.json()["message"])

    def _merge_and_watch(self, number: int, *check_runs: str) -> None:
        with self._as(REVIEWER) as grace:
            answer = grace.put(f"/repos/{REPOSITORY}/pulls/{number}/merge", json={"merge_method": "merge"})
        if not answer.is_success:
            raise DemoError(f"#{number} could not be merged: {answer.json()['message']}")
        sha = str(answer.json()["sha"])
        _done(f"{REVIEWER} merges #{number} as {sha[:7]}")
        for name in check_runs:
            self._watch(sha, name)

    def _protect(self, grace: httpx.Client, branch: str) -> None:
        answer = grace.put(
            f"/repos/{REPOSITORY}/branches/{branch}/protection",
            json={
                "required_status_checks": {
                    "strict": False,
                    "checks": [{"context": "planward/plan", "app_id": self._stage.app.id}],
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
        with self._github.rest(login) as client:
            yield client

    # -- what GitHub shows

    def _head(self, number: int) -> str:
        with self._as(AUTHOR) as ada:
            return str(ada.get(f"/repos/{REPOSITORY}/pulls/{number}").json()["head"]["sha"])

    def _watch(self, sha: str, name: str) -> None:
        """Show a check run until it is completed, then what it says."""
        shown = ""
        for check_run in self._seen(sha, name):
            words = f"{name}: {check_run['status'].replace('_', ' ')}"
            if check_run["status"] == "completed":
                _show(check_run)
                return
            title = check_run["output"]["title"]
            if title:
                words += f" · {title}"
            if words != shown:
                click.echo(f"  … {words}")
                shown = words
        raise DemoError(f"{name} was not completed within {_PATIENCE_S:.0f} s")

    def _seen(self, sha: str, name: str) -> Iterator[dict[str, Any]]:
        end = time.monotonic() + _PATIENCE_S
        with self._as(AUTHOR) as ada:
            while time.monotonic() < end:
                query = {"check_name": name, "filter": "latest"}
                found = ada.get(f"/repos/{REPOSITORY}/commits/{sha}/check-runs", params=query).json()["check_runs"]
                if found:
                    yield found[0]
                time.sleep(0.1)


def _created(answer: httpx.Response) -> int:
    if answer.status_code != 201:
        raise DemoError(f"the pull request could not be opened: {answer.text}")
    return int(answer.json()["number"])


def _say(what: str) -> None:
    click.echo()
    click.secho(f"● {what}", bold=True)


def _done(what: str) -> None:
    click.echo(f"  {what}")


_COLOURS: Mapping[str, str] = {"success": "green", "failure": "red", "action_required": "yellow", "timed_out": "red"}
_SIGNS: Mapping[str, str] = {"success": "✔", "action_required": "!"}


def _show(check_run: dict[str, Any]) -> None:
    conclusion = str(check_run["conclusion"])
    paint: Callable[[str], str] = lambda text: click.style(text, fg=_COLOURS.get(conclusion), bold=True)  # noqa: E731
    sign = _SIGNS.get(conclusion, "✘")
    click.echo(f"  {paint(sign)} {check_run['name']}: {paint(conclusion)} · {check_run['output']['title']}")
    click.echo(f"    {click.style(check_run['html_url'], dim=True)}")
