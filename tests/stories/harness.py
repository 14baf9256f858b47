"""The whole line on real parts, driven from outside: `planward serve` in a process of its own, everything by HTTP.

One local GitHub, one OpenBao and one Planward serve many stories; each story has a repository of its own.
"""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ghapp.demo.github import LocalGitHub
from tests.openbao import OpenBao, free_port, running_openbao

PERMISSIONS = {
    "checks": "write",
    "contents": "read",
    "deployments": "write",
    "issues": "read",
    "members": "read",
    "merge_queues": "read",
    "pull_requests": "write",
    "statuses": "write",
}
EVENTS = ["pull_request", "push", "issue_comment", "merge_group", "repository"]
SECRET = "a-webhook-secret-of-the-tests"
PATIENCE_S = 90.0


@dataclass(kw_only=True)
class Line:
    """Everything that runs, and where it keeps things."""

    directory: Path
    github: LocalGitHub
    bao: OpenBao
    url: str
    app: Any
    environ: dict[str, str] = field(repr=False)
    process: subprocess.Popen[bytes] | None = None
    stories: int = 0

    def start(self) -> None:
        """Start `planward serve`, and wait until it is ready."""
        port = self.url.rpartition(":")[2]
        with (self.directory / "planward.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ghapp", "serve", "--port", port], env=self.environ, stdout=log, stderr=log
            )
        eventually(self._ready, "planward is ready", patience_s=60)

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log()[-3000:]
        return _answers(f"{self.url}/readyz")

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it with a signal, and wait."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(timeout=60)

    def log(self) -> str:
        """What Planward wrote to its log so far."""
        return (self.directory / "planward.log").read_text()

    def story(self, **options: Any) -> "Story":
        """A repository of its own with staging and production, the App installed, and people."""
        self.stories += 1
        return Story(self, f"acme{self.stories}", **options)


@contextmanager
def running_line(directory: Path, **environ: str) -> Iterator[Line]:
    """Start the local GitHub, OpenBao and Planward; end them."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with LocalGitHub(directory / "github") as github, running_openbao(directory / "openbao.log") as bao:
        github.create_user("planward-owner")
        app = github.create_app(
            "Planward",
            owner="planward-owner",
            permissions=PERMISSIONS,
            events=EVENTS,
            webhook_url=f"{url}/webhooks/github",
            webhook_secret=SECRET,
        )
        line = Line(
            directory=directory,
            github=github,
            bao=bao,
            url=url,
            app=app,
            environ={
                "PATH": os.environ["PATH"],
                "HOME": str(directory),
                "PLANWARD_GITHUB_API_URL": github.api_url,
                "PLANWARD_GITHUB_APP_ID": str(app.id),
                "PLANWARD_GITHUB_PRIVATE_KEY": app.private_key_pem,
                "PLANWARD_GITHUB_WEBHOOK_SECRET": SECRET,
                "PLANWARD_PUBLIC_URL": url,
                "PLANWARD_DATA_DIR": str(directory / "data"),
                "PLANWARD_MERGE_WAIT_S": "2",
                "PLANWARD_DEBOUNCE_S": "0.5",
                "VAULT_ADDR": bao.address,
                "VAULT_TOKEN": bao.token,
                **environ,
            },
        )
        try:
            line.start()
            yield line
        finally:
            line.stop()


class Story:
    """One repository and what people do to it. Waiting has an end, and says what it waited for."""

    def __init__(
        self,
        line: Line,
        owner: str,
        *,
        files: Mapping[str, str] | None = None,
        config: str | None = None,
        installed: bool = True,
        branches: tuple[str, ...] = ("staging", "production"),
    ) -> None:
        self.line = line
        self.github = line.github
        self.owner = owner
        self.name = f"{owner}/infra"
        self.states = line.directory / "states" / owner
        self.states.mkdir(parents=True)
        self.author, self.reviewer, self.reader = f"{owner}-ada", f"{owner}-grace", f"{owner}-ron"
        for login in (self.author, self.reviewer, self.reader):
            self.github.create_user(login)
        self.github.create_organization(owner, owners=[f"{owner}-grace"], members=[])
        seed = dict(self.sample() if files is None else files)
        if config is not None:
            seed[".github/planward.yml"] = textwrap.dedent(config)
        self.repository = self.github.create_repository(
            self.name, files=seed, default_branch=branches[0], by=self.reviewer
        )
        self.first = self.tip(branches[0])
        for branch in branches[1:]:
            self.github.move(self.name, branch, self.first, by=self.reviewer)
        self.github.grant(self.name, self.author, "write")
        self.github.grant(self.name, self.reviewer, "admin")
        self.github.grant(self.name, self.reader, "read")
        for branch in ("testing", *branches):
            self.secret(branch, db_password=f"{branch}-s3cr3t-{owner}")
        if installed:
            self.install()

    # -- files

    def sample(self) -> dict[str, str]:
        """One root module `network` whose state lies outside of the checkout, with a variable from Vault."""
        return self.root_module("network", size=1)

    def root_module(self, name: str, *, size: int = 1, extra: str = "") -> dict[str, str]:
        """A root module of `terraform_data` only."""
        main = f"""\
            terraform {{
              backend "local" {{}}
            }}

            variable "db_password" {{
              type      = string
              sensitive = true
            }}

            variable "size" {{
              type    = number
              default = {size}
            }}

            resource "terraform_data" "net" {{
              input = {{ size = var.size, password = var.db_password }}
            }}
            """
        files = {f"{name}/main.tf": textwrap.dedent(main) + textwrap.dedent(extra)}
        for environment in ("testing", "staging", "production"):
            files[f"{name}/env/{environment}.backend.hcl"] = f'path = "{self.state_path(name, environment)}"\n'
        return files

    def state_path(self, root_module: str, environment: str) -> Path:
        """Where a root module's state lies."""
        return self.states / f"{root_module}-{environment}.tfstate"

    def state(self, root_module: str, environment: str) -> dict[str, Any]:
        """Terraform's state: resource address → attributes of its instances; empty where there is none."""
        path = self.state_path(root_module, environment)
        if not path.exists():
            return {}
        content = json.loads(path.read_text())
        return {
            f"{each['type']}.{each['name']}": [instance["attributes"] for instance in each["instances"]]
            for each in content["resources"]
        }

    def secret(self, branch: str, name: str = "app", **keys: object) -> None:
        """Put a secret where the environment of this branch reads it."""
        self.line.bao.put(
            f"kv/infra/{branch}/{name}" if self.team is None else f"kv/{self.team}/{branch}/{name}", **keys
        )

    team: str | None = None

    # -- what people do

    def install(self) -> None:
        """Install the App, and wait until the branches are adopted."""
        self.installation = self.github.install(self.line.app, self.owner, by=self.reviewer)
        self.github.wait_for_deliveries()
        self.quiet()

    def commit(
        self, branch: str, files: Mapping[str, str | None], *, by: str | None = None, start: str = "staging"
    ) -> str:
        """Push a commit."""
        return self.github.commit(self.name, branch, files, by=by or self.author, start=start)

    def open(
        self, head: str, base: str = "staging", *, by: str | None = None, draft: bool = False, title: str = "Change"
    ) -> int:
        """Open a pull request and give its number."""
        with self.github.rest(by or self.author) as rest:
            answer = rest.post(
                f"/repos/{self.name}/pulls", json={"title": title, "head": head, "base": base, "draft": draft}
            )
        assert answer.status_code == 201, answer.text
        return int(answer.json()["number"])

    def merge(self, number: int, method: str = "merge", *, by: str | None = None) -> str:
        """Merge by the merge button and give the merge SHA."""
        with self.github.rest(by or self.reviewer) as rest:
            answer = rest.put(f"/repos/{self.name}/pulls/{number}/merge", json={"merge_method": method})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["sha"])

    def comment(self, number: int, body: str, *, by: str | None = None) -> int:
        """Comment on a pull request and give the comment's id."""
        with self.github.rest(by or self.author) as rest:
            answer = rest.post(f"/repos/{self.name}/issues/{number}/comments", json={"body": body})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    # -- what GitHub shows

    def get(self, path: str, **query: str | int) -> Any:
        """Read from GitHub as the reviewer."""
        with self.github.rest(self.reviewer) as rest:
            answer = rest.get(f"/repos/{self.name}{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def tip(self, branch: str) -> str:
        """The tip of a branch."""
        return str(self.get(f"/branches/{branch}")["commit"]["sha"])

    def head(self, number: int) -> str:
        """The head SHA of a pull request."""
        return str(self.get(f"/pulls/{number}")["head"]["sha"])

    def check_runs(self, sha: str, name: str = "planward/plan") -> list[dict[str, Any]]:
        """Check runs of this name on a commit, oldest first."""
        found = self.get(f"/commits/{sha}/check-runs", check_name=name, filter="all", per_page=100)["check_runs"]
        return sorted(found, key=lambda each: each["id"])

    def completed(self, sha: str, name: str = "planward/plan", *, count: int = 1) -> dict[str, Any]:
        """Wait until there are `count` check runs of this name and the newest is completed; give it."""

        def newest() -> dict[str, Any] | None:
            found = self.check_runs(sha, name)
            return found[-1] if len(found) >= count and found[-1]["status"] == "completed" else None

        return eventually(newest, f"{name} #{count} on {sha[:7]} of {self.name} is completed")

    def planned(self, number: int, *, count: int = 1) -> dict[str, Any]:
        """Wait for the plan of a pull request's head."""
        return self.completed(self.head(number), count=count)

    def applied(self, sha: str, environment: str = "staging", *, count: int = 1) -> dict[str, Any]:
        """Wait for the apply of a commit to end, however."""
        return self.completed(sha, f"planward/apply ({environment})", count=count)

    def comments(self, number: int) -> list[str]:
        """The bodies of a pull request's comments."""
        return [each["body"] for each in self.get(f"/issues/{number}/comments", per_page=100)]

    def deployments(self, environment: str) -> list[dict[str, Any]]:
        """Deployments to an environment, oldest first, each with its `states`, oldest first."""
        found = self.get("/deployments", environment=environment, per_page=100)
        for each in found:
            statuses = self.get(f"/deployments/{each['id']}/statuses", per_page=100)
            each["states"] = [status["state"] for status in sorted(statuses, key=lambda status: status["id"])]
        return sorted(found, key=lambda each: int(each["id"]))

    def quiet(self, seconds: float = 0.6) -> None:
        """Wait until deliveries are through and Planward has nothing under way for a moment."""
        self.github.wait_for_deliveries()
        _until_idle(self.line, seconds)


def eventually(probe: Callable[[], Any], what: str, *, patience_s: float = PATIENCE_S) -> Any:
    """Ask until the answer is true and give it; fails saying what was waited for."""
    end = time.monotonic() + patience_s
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience_s:g} s in vain: {what}")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _until_idle(line: Line, seconds: float) -> None:
    """Wait until Planward's log has begun and ended the same jobs, and nothing was added for a moment."""

    def idle() -> bool:
        before = line.log()
        begun = before.count('"event": "job_begun"')
        ended = sum(before.count(f'"event": "{word}"') for word in _ENDS)
        accepted = before.count('"fresh": true')
        if begun != ended or accepted > begun:
            return False
        time.sleep(seconds)
        return line.log() == before

    eventually(idle, "planward has nothing under way")


_ENDS = ("job_done", "job_refused", "job_failed", "job_put_off", "job_without_installation")
