"""The whole line on real parts, driven from outside: `planward serve` in a process of its own, everything by HTTP.

One local GitHub, one OpenBao and one Planward serve many stories; each story has a repository of its own.
"""

import hashlib
import hmac
import html
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from ghapp.demo.github import Limits, LocalGitHub
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
POLICY = """
path "kv/*" { capabilities = ["read", "list"] }
path "kv/data/denied/*" { capabilities = ["deny"] }
path "kv/metadata/denied/*" { capabilities = ["deny"] }
"""
"""What Planward's token may do in Vault; the team `denied` has secrets that it may not read."""
CONFIG = ".github/planward.yml"
ON_MERGE = "environments:\n  testing: {apply: on_merge}\n  staging: {branch: staging}\n"
"""A config with which testing follows what was merged."""
PATIENCE_S = 90.0


class Process(Protocol):
    """A process of Planward's, as `subprocess.Popen` has it."""

    @property
    def pid(self) -> int:
        """Its number."""

    def poll(self) -> int | None:
        """How it ended; None while it runs."""

    def send_signal(self, number: int, /) -> None:
        """Send it a signal."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""


@dataclass(kw_only=True)
class Line:
    """Everything that runs, and where it keeps things."""

    directory: Path
    github: LocalGitHub
    bao: OpenBao
    url: str
    app: Any
    environ: dict[str, str] = field(repr=False)
    module: str = "ghapp"
    own_worker: bool = False
    process: "Process | None" = None
    worker: subprocess.Popen[bytes] | None = None
    stories: int = 0
    clients: dict[str, httpx.Client] = field(default_factory=dict, repr=False)

    def rest(self, login: str) -> httpx.Client:
        """Somebody's REST client; made once, since making one takes longer than asking."""
        if login not in self.clients:
            self.clients[login] = self.github.rest(login)
        return self.clients[login]

    def start(self) -> None:
        """Start `planward serve`, and wait until it is ready."""
        self.spawn()
        eventually(self._ready, "planward is ready", patience_s=180)

    def spawn(self) -> None:
        """Start `planward serve`, and `planward worker` where the work is its own; do not wait."""
        self.process = self._spawn_serve()
        if self.own_worker:
            self.spawn_worker()

    def spawn_worker(self) -> None:
        """Start `planward worker`."""
        self.worker = self._spawn("worker")

    def restart_serve(self) -> None:
        """End what answers GitHub in order, and start it again."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=60) == 0
        self.process = self._spawn_serve()
        eventually(self._ready, "planward is ready", patience_s=180)

    def supervise(self) -> None:
        """Start the worker again where it ended itself, as it does when it cannot reach its database for a while."""
        if self.worker is not None and self.worker.poll() is not None:
            self.spawn_worker()

    def kill_worker(self) -> None:
        """End `planward worker` as a machine that fails does."""
        assert self.worker is not None
        self.worker.kill()
        self.worker.wait()

    def _spawn_serve(self) -> "subprocess.Popen[bytes]":
        port = self.url.rpartition(":")[2]
        return self._spawn("serve", "--port", port, *(["--no-worker"] if self.own_worker else []))

    def _spawn(self, *arguments: str) -> "subprocess.Popen[bytes]":
        with (self.directory / "planward.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", self.module, *arguments], env=self.environ, stdout=log, stderr=log
            )

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log()[-3000:]
        return answers(f"{self.url}/readyz")

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it with a signal, the worker too, and wait."""
        assert self.process is not None
        running = [each for each in (self.worker, self.process) if each is not None]
        for each in running:
            each.send_signal(number)
        for each in running:
            each.wait(timeout=60)

    def log(self) -> str:
        """What Planward's processes wrote to their logs so far."""
        return "".join(path.read_text() for path in sorted(self.directory.glob("planward*.log")))

    def events(self, event: str) -> list[dict[str, Any]]:
        """What Planward logged under this name so far, oldest first."""
        wanted = f'"event": "{event}"'
        return [json.loads(line) for line in self.log().splitlines() if wanted in line and line.startswith("{")]

    def query(self, statement: str, **values: object) -> list[dict[str, Any]]:
        """Ask Planward's database, as columns by their names."""
        database = make_url(self.environ["PLANWARD_DATABASE_URL"])
        if database.get_backend_name() == "postgresql":
            database = database.set(drivername="postgresql+psycopg")
        engine = create_engine(database, poolclass=NullPool)
        with engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(statement), values).mappings()]

    def deliver(
        self,
        event: str,
        payload: object,
        *,
        to: str | None = None,
        guid: str | None = None,
        secret: str = SECRET,
        **headers: str,
    ) -> httpx.Response:
        """Post a delivery as GitHub does; `payload` is the body as bytes or becomes JSON."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        told = {
            "Content-Type": "application/json",
            "X-GitHub-Delivery": guid or str(uuid.uuid4()),
            "X-GitHub-Event": event,
            "X-Hub-Signature-256": f"sha256={signature}",
        }
        url = f"{to or self.url}/webhooks/github"
        with httpx.Client(trust_env=False, timeout=60) as client:
            return client.post(url, content=body, headers={**told, **headers})

    def secrets_read(self) -> list[str]:
        """The paths below `kv/` that Planward asked Vault for, oldest first, as Vault's own audit log has them."""
        entries = map(json.loads, (self.directory / "audit.log").read_text().splitlines())
        return [
            entry["request"]["path"]
            for entry in entries
            if entry["type"] == "request"
            and entry["request"]["path"].startswith("kv/")
            and "planward" in entry.get("auth", {}).get("token_policies", ())
        ]

    @contextmanager
    def sealed_vault(self) -> Iterator[None]:
        """Seal Vault for a while."""
        said = (self.directory / "openbao.log").read_text()
        key = next(line.partition(": ")[2] for line in said.splitlines() if line.startswith("Unseal Key: "))
        self.bao.client().sys.seal()
        try:
            yield
        finally:
            self.bao.client().sys.submit_unseal_key(key)
            eventually(lambda: not self.bao.client().sys.is_sealed(), "Vault is unsealed")

    def story(self, **options: Any) -> "Story":
        """A repository of its own with staging and production, the App installed, and people."""
        self.stories += 1
        return Story(self, f"acme{self.stories}", **options)


Between = Callable[[LocalGitHub, OpenBao], AbstractContextManager[Mapping[str, str]]]
"""Puts something between Planward and what it speaks to; gives the settings that lead there."""


@contextmanager
def running_line(
    directory: Path,
    between: Between = lambda github, bao: nullcontext({}),
    /,
    *,
    module: str = "ghapp",
    own_worker: bool = False,
    line_type: Any = Line,
    **environ: str,
) -> Iterator[Line]:
    """Start the local GitHub, OpenBao and Planward; end them."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (
        # Limited nowhere, as Enterprise Server comes: what has many done in a minute is not paced.
        LocalGitHub(directory / "github", limits=Limits(requests_an_hour=None)) as github,
        running_openbao(directory / "openbao.log", audit=directory / "audit.log") as bao,
        between(github, bao) as led_there,
    ):
        bao.client().sys.create_or_update_policy("planward", POLICY)
        github.create_user("planward-owner")
        app = github.create_app(
            "Planward",
            owner="planward-owner",
            permissions=PERMISSIONS,
            events=EVENTS,
            webhook_url=f"{url}/webhooks/github",
            webhook_secret=SECRET,
        )
        line = line_type(
            directory=directory,
            github=github,
            bao=bao,
            url=url,
            app=app,
            module=module,
            own_worker=own_worker,
            environ={
                "PATH": os.environ["PATH"],
                "HOME": str(directory),
                "PLANWARD_GITHUB_API_URL": github.api_url,
                "PLANWARD_GITHUB_APP_ID": str(app.id),
                "PLANWARD_GITHUB_PRIVATE_KEY": app.private_key_pem,
                "PLANWARD_GITHUB_WEBHOOK_SECRET": SECRET,
                "PLANWARD_PUBLIC_URL": url,
                "PLANWARD_DATA_DIR": str(directory / "data"),
                "PLANWARD_DATABASE_URL": f"sqlite:///{directory / 'data' / 'planward.db'}",
                "PLANWARD_MERGE_WAIT_S": "2",
                "PLANWARD_DEBOUNCE_S": "0.5",
                "PLANWARD_CONCURRENCY": "2",
                "VAULT_ADDR": bao.address,
                "VAULT_TOKEN": bao.client().auth.token.create(policies=["planward"])["auth"]["client_token"],
                **led_there,
                **environ,
            },
        )
        try:
            line.start()
            yield line
        finally:
            for client in line.clients.values():
                client.close()
            line.stop()


class Story:
    """One repository and what people do to it. Waiting has an end, and says what it waited for.

    `author` may write, `reviewer` owns the organization, `maintainer` maintains and takes part in nothing by default,
    `reader` may read. Each environment has the secret `db_password`; `team` is the repository's own unless it is given.
    """

    def __init__(
        self,
        line: Line,
        owner: str,
        *,
        files: Mapping[str, str] | None = None,
        config: str | None = None,
        installed: bool = True,
        branches: tuple[str, ...] = ("staging", "production"),
        secrets: bool = True,
    ) -> None:
        self.line = line
        self.github = line.github
        self.owner = owner
        self.team = f"{owner}-infra"
        self.name = f"{owner}/{self.team}"
        self.states = line.directory / "states" / owner
        self.states.mkdir(parents=True)
        self.author, self.reviewer, self.reader = f"{owner}-ada", f"{owner}-grace", f"{owner}-ron"
        self.maintainer = f"{owner}-mae"
        for login in (self.author, self.reviewer, self.maintainer, self.reader):
            self.github.create_user(login)
        self.github.create_organization(owner, owners=[self.reviewer], members=[])
        seed = dict(self.sample() if files is None else files)
        if config is not None:
            seed[CONFIG] = textwrap.dedent(config)
        self.repository = self.github.create_repository(
            self.name, files=seed, default_branch=branches[0], by=self.reviewer
        )
        self.first = self.tip(branches[0])
        for branch in branches[1:]:
            self.github.move(self.name, branch, self.first, by=self.reviewer)
        roles = {self.author: "write", self.reviewer: "admin", self.maintainer: "maintain", self.reader: "read"}
        for login, role in roles.items():
            self.github.grant(self.name, login, role)
        for branch in ("testing", *branches) if secrets else ():
            self.secret(branch, db_password=self.password(branch))
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

    def read_state(self, path: Path) -> dict[str, Any]:
        """Terraform's state in a file: resource address → attributes of its instances; empty where there is none."""
        if not path.exists():
            return {}
        content = json.loads(path.read_text())
        return {
            f"{each['type']}.{each['name']}": [instance["attributes"] for instance in each["instances"]]
            for each in content["resources"]
        }

    def state(self, root_module: str, environment: str) -> dict[str, Any]:
        """Terraform's state: resource address → attributes of its instances; empty where there is none."""
        return self.read_state(self.state_path(root_module, environment))

    def password(self, branch: str) -> str:
        """The secret `db_password` of the environment of this branch."""
        return f"{branch}-s3cr3t-{self.owner}"

    def secret(self, branch: str, name: str = "app", **keys: object) -> None:
        """Put a secret where the environment of this branch reads it."""
        self.line.bao.put(f"kv/{self.team}/{branch}/{name}", **keys)

    def network(self, size: int) -> dict[str, str]:
        """The one file of `network` that changes its size."""
        return {"network/main.tf": self.root_module("network", size=size)["network/main.tf"]}

    # -- what people do

    def install(self) -> None:
        """Install the App, and wait until the branches are adopted."""
        self.installation = self.github.install(self.line.app, self.owner, by=self.reviewer)
        begun = f"discover:{self.repository.id}:"
        eventually(
            lambda: any(event["job"].startswith(begun) for event in self.line.events("job_done")),
            f"{self.name} is discovered",
        )

    def propose(
        self,
        files: Mapping[str, str | None] | None = None,
        *,
        head: str = "topic",
        base: str = "staging",
        by: str | None = None,
        draft: bool = False,
        title: str = "Change",
    ) -> int:
        """Commit on a branch and open a pull request; by default `network` gets the size 2."""
        self.commit(head, self.network(2) if files is None else files, by=by, start=base)
        return self.open(head, base, by=by, draft=draft, title=title)

    def land(self, number: int, method: str = "merge") -> str:
        """Merge what was planned and wait until it is applied to staging; gives the merge SHA."""
        check = self.planned(number)
        assert check["conclusion"] == "success", check["output"]["title"]
        merged = self.merge(number, method)
        check = self.applied(merged)
        assert check["conclusion"] == "success", check["output"]["title"]
        return merged

    def rerun(self, check: Mapping[str, Any], *, by: str | None = None) -> None:
        """Press "Re-run" on a check run, by default as the author."""
        self.github.rerun(self.name, check["id"], by=by or self.author)

    def press(self, check: Mapping[str, Any], button: str, *, by: str) -> None:
        """Press one of a check run's own buttons."""
        self.github.press(self.name, check["id"], button, by=by)

    def edit(self, number: int, *, by: str | None = None, **changes: object) -> None:
        """Change a pull request over REST: `state`, `base`, `title`."""
        rest = self.line.rest(by or self.author)
        answer = rest.patch(f"/repos/{self.name}/pulls/{number}", json=changes)
        assert answer.status_code == 200, answer.text

    def commit(
        self, branch: str, files: Mapping[str, str | None], *, by: str | None = None, start: str = "staging"
    ) -> str:
        """Push a commit."""
        return self.github.commit(self.name, branch, files, by=by or self.author, start=start)

    def open(
        self, head: str, base: str = "staging", *, by: str | None = None, draft: bool = False, title: str = "Change"
    ) -> int:
        """Open a pull request and give its number."""
        rest = self.line.rest(by or self.author)
        answer = rest.post(
            f"/repos/{self.name}/pulls", json={"title": title, "head": head, "base": base, "draft": draft}
        )
        assert answer.status_code == 201, answer.text
        return int(answer.json()["number"])

    def merge(self, number: int, method: str = "merge", *, by: str | None = None) -> str:
        """Merge by the merge button and give the merge SHA."""
        rest = self.line.rest(by or self.reviewer)
        answer = rest.put(f"/repos/{self.name}/pulls/{number}/merge", json={"merge_method": method})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["sha"])

    def comment(self, number: int, body: str, *, by: str | None = None) -> int:
        """Comment on a pull request and give the comment's id."""
        rest = self.line.rest(by or self.author)
        answer = rest.post(f"/repos/{self.name}/issues/{number}/comments", json={"body": body})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    # -- what GitHub shows

    def get(self, path: str, **query: str | int) -> Any:
        """Read from GitHub as the reviewer."""
        rest = self.line.rest(self.reviewer)
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

        found: dict[str, Any] = eventually(newest, f"{name} #{count} on {sha[:7]} of {self.name} is completed")
        return found

    def planned(self, number: int, *, count: int = 1) -> dict[str, Any]:
        """Wait for the plan of a pull request's head."""
        return self.completed(self.head(number), count=count)

    def applied(self, sha: str, environment: str = "staging", *, count: int = 1) -> dict[str, Any]:
        """Wait for the apply of a commit to end, however."""
        return self.completed(sha, f"planward/apply ({environment})", count=count)

    def annotations(self, check: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The annotations of a check run."""
        found: list[dict[str, Any]] = self.get(f"/check-runs/{check['id']}/annotations", per_page=100)
        return found

    def first_line(self, check: Mapping[str, Any]) -> str:
        """The first line of a check run's summary as a person reads it: without Markdown's escapes."""
        written = str(check["output"]["summary"]).splitlines()[0]
        return html.unescape(re.sub(r"\\([^\sA-Za-z0-9])", r"\1", written))

    def size(self, environment: str) -> int | None:
        """The size that `network` has in an environment's state; None where nothing was applied."""
        found = self.state("network", environment).get("terraform_data.net")
        return int(found[0]["input"]["value"]["size"]) if found else None

    def comments(self, number: int) -> list[str]:
        """The bodies of a pull request's comments."""
        return [each["body"] for each in self.get(f"/issues/{number}/comments", per_page=100)]

    def commented(self, number: int, text: str) -> str:
        """Wait until a pull request's one comment holds a text; give the comment."""

        def comment() -> str | None:
            found = self.comments(number)
            assert len(found) <= 1, found
            return found[0] if found and text in found[0] else None

        return str(eventually(comment, f"the comment of {self.name}#{number} says {text!r}"))

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


def answers(url: str) -> bool:
    """Whether there is a good answer at an address."""
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
