"""A line: a local GitHub, OpenBao and Planward, driven from outside by HTTP. Many stories use one line.

Each story has its own repository. `planward serve` runs in a process of its own. The processes are forked with
everything imported, unless a story asks for fresh interpreters: a forked start takes a tenth of the time.
"""

import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import httpx
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from ghapp.local_github import Limits, LocalGitHub
from tests import authorities
from tests.forked import Forked, run_logged
from tests.openbao import OpenBao, running_openbao
from tests.ports import free_port
from tests.sandboxes import OF_STORIES
from tests.stories.logs import Logs
from tests.stories.story import Story
from tests.stories.waiting import answers, eventually, written

authorities.share()

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
EVENTS = ["pull_request", "pull_request_review", "push", "issue_comment", "merge_group", "repository"]
SECRET = "a-webhook-secret-of-the-tests"
POLICY = """
path "kv/*" { capabilities = ["read", "list"] }
path "kv/data/denied/*" { capabilities = ["deny"] }
path "kv/metadata/denied/*" { capabilities = ["deny"] }
path "kv/metadata/half/*" { capabilities = ["deny"] }
"""
"""What Planward's token may do in Vault; the teams `denied` and `half` have secrets that it may not read."""


class Process(Protocol):
    """A Planward process, with methods of `subprocess.Popen`."""

    @property
    def pid(self) -> int:
        """The process id."""

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
    fresh: bool = False
    """Whether each process is a fresh interpreter, as an operator starts it, and not forked."""
    target: Callable[[Sequence[str], Mapping[str, str], str], None] = run_logged
    """What runs `planward` in each forked process."""
    own_worker: bool = False
    process: Process | None = None
    worker: Process | None = None
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
        """Start `planward serve`, and with `own_worker` also `planward worker`. Do not wait until they are ready."""
        self.spawn_serve()
        if self.own_worker:
            self.spawn_worker()

    def spawn_serve(self) -> None:
        """Start `planward serve`, with the same data directory as before."""
        port = self.url.rpartition(":")[2]
        apart = ["--no-worker"] if self.own_worker else []
        self.process = self.run("serve", "--port", port, *apart)

    def spawn_worker(self) -> None:
        """Start `planward worker`."""
        self.worker = self.run("worker")

    def run(self, *arguments: str, log: str = "planward.log", **environ: str) -> Process:
        """Start `planward` with these arguments, the line's environment and more variables; it writes to this log."""
        path, environment = self.directory / log, {**self.environ, **environ}
        if not self.fresh:
            return Forked(self.target, arguments, environment, os.fspath(path))
        argv = [sys.executable, "-m", "ghapp", *arguments]
        with path.open("ab") as output:
            return subprocess.Popen(argv, env=environment, stdout=output, stderr=output)

    def restart_serve(self) -> None:
        """Stop `planward serve` gracefully, start it again, and wait until it is ready."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=60)
        assert status == 0, (status, self.log()[-5000:])
        self.spawn_serve()
        eventually(self._ready, "planward is ready", patience_s=180)

    def supervise(self) -> None:
        """Start the worker again where it ended itself, as it does when it cannot reach its database for a while."""
        if self.worker is not None and self.worker.poll() is not None:
            self.spawn_worker()

    def worker_pid(self) -> int:
        """The process id of the worker beside `serve`."""
        return int(self.events("worker_works")[-1]["pid"])

    def kill_worker(self) -> None:
        """Kill `planward worker`, as if its machine had failed."""
        assert self.worker is not None
        self.worker.send_signal(signal.SIGKILL)
        self.worker.wait()

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log()[-3000:]
        return answers(f"{self.url}/readyz")

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End `serve` and the worker with a signal, and wait until they have ended."""
        assert self.process is not None
        running = [each for each in (self.worker, self.process) if each is not None]
        for each in running:
            each.send_signal(number)
        for each in running:
            each.wait(timeout=60)

    def log(self) -> str:
        """What Planward's processes wrote to their logs so far."""
        return "".join(path.read_text() for path in sorted(self.directory.glob("planward*.log")))

    @cached_property
    def logs(self) -> Logs:
        """What Planward's processes log."""
        return Logs(self.directory)

    def events(self, event: str, since: int = 0) -> list[dict[str, Any]]:
        """What Planward logged under this name so far, or since `logs.mark()`, oldest first."""
        return self.logs.events(event, since)

    def query(self, statement: str, *, durable: bool = False, **values: object) -> list[dict[str, Any]]:
        """Execute a statement in Planward's database, or with `durable` in the engine's. Returns its rows.

        Each row is a dict of the columns by name. `{durable}` stands for the schema of the engine's tables.
        """
        engine, schema = self._databases[durable]
        with engine.begin() as connection:
            result = connection.execute(text(statement.format(durable=schema)), values)
            return [dict(row) for row in result.mappings()] if result.returns_rows else []

    def close(self) -> None:
        """Close the REST clients and the database connections of the tests."""
        for client in self.clients.values():
            client.close()
        for engine, _ in self._databases:
            engine.dispose()

    @cached_property
    def _databases(self) -> "tuple[tuple[Engine, str], tuple[Engine, str]]":
        """Planward's own and the engine's, each with the schema of its tables."""
        own = make_url(self.environ["PLANWARD_DATABASE_URL"])
        if own.get_backend_name() == "postgresql":
            # Keep one connection, since PostgreSQL starts a process for each new one.
            engine = create_engine(own.set(drivername="postgresql+psycopg"), pool_size=1, pool_pre_ping=True)
            return (engine, ""), (engine, "dbos.")
        durable = own.set(database=str(own.database).removesuffix(".db") + "-durable.db")
        return (create_engine(own, poolclass=NullPool), ""), (create_engine(durable, poolclass=NullPool), "")

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
        with httpx.Client(trust_env=False, verify=False, timeout=60) as client:
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

    def until_idle(self, soon_s: float = 0.6) -> None:
        """Wait until every delivery is through, and no job is in the queue, runs, or is due soon."""
        # A button waits until GitHub lists its delivery.
        waits = "(key like 'act:%' and key not like 'act:forged%')"
        eventually(
            lambda: self.is_idle(but=f"due_at > {time.time() + soon_s} and not {waits}"),
            "planward has nothing under way",
        )

    def is_idle(self, *, but: str) -> bool:
        """Whether all deliveries are through, and no job is in the queue, running or deferred.

        `but` is an SQL condition. Deferred jobs that meet it do not count.
        """
        self.github.wait_for_deliveries()
        before = len(self.github.deliveries)
        # Between these queries, a deferred job may enter the queue: then the second count of jobs differs. Or a running
        # job may defer another one: then the first count has an unfinished job.
        jobs = self._jobs()
        if jobs["unfinished"] or self.query(f"select 1 from later where not ({but}) limit 1") or self._jobs() != jobs:
            return False
        self.github.wait_for_deliveries()
        return len(self.github.deliveries) == before

    def postpone_looks(self) -> None:
        """Postpone jobs whose calls would come between those that a story counts, and wait until none of them runs.

        They are the periodic jobs that find missed events, and the jobs that wait for deliveries that stories forged.
        """
        kinds = ("look", "reconcile:", "act:forged")
        keys = " or ".join(f"key like '{kind}%'" for kind in kinds)
        running = " or ".join(f"workflow_uuid like '{kind}%'" for kind in kinds)
        unfinished = f"status in ('ENQUEUED', 'PENDING') and ({running})"

        def postponed() -> bool:
            self.query(f"update later set due_at = due_at + 600 where due_at < {time.time() + 300} and ({keys})")
            found = f"select 1 from {{durable}}workflow_status where {unfinished} limit 1"
            return not self.query(found, durable=True)

        eventually(postponed, "no look is under way")

    def _jobs(self) -> dict[str, Any]:
        unfinished = "count(case when status in ('ENQUEUED', 'PENDING') then 1 end)"
        [jobs] = self.query(
            f"select count(*) as begun, {unfinished} as unfinished from {{durable}}workflow_status", durable=True
        )
        return jobs

    def story(self, **options: Any) -> Story:
        """A repository of its own with staging and production, the App installed, and people."""
        self.stories += 1
        return Story(self, f"acme{self.stories}", **options)


Between = Callable[[LocalGitHub, OpenBao], AbstractContextManager[Mapping[str, str]]]
"""Puts something between Planward and what it speaks to; returns the settings that lead there."""


@contextmanager
def running_line(
    directory: Path,
    between: Between = lambda github, bao: nullcontext({}),
    /,
    *,
    fresh: bool = False,
    own_worker: bool = False,
    line_type: Any = Line,
    **environ: str,
) -> Iterator[Line]:
    """Start the local GitHub, OpenBao and Planward; end them. `fresh` as in `Line`."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    modules = directory / "modules.yml"
    modules.write_text('"*/*": ["*/*-modules"]\n')
    with (
        # No rate limits, as on Enterprise Server by default: otherwise Planward would delay some of its requests.
        LocalGitHub(directory / "github", limits=Limits(requests_an_hour=None)) as github,
        running_openbao(directory / "openbao.log", audit=directory / "audit.log") as bao,
        between(github, bao) as led_there,
    ):
        github.on_write(written)
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
            fresh=fresh,
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
                "PLANWARD_NOTIFY_HOSTS": "http://127.0.0.1",  # the chat of these stories
                "PLANWARD_CONCURRENCY": "2",
                "PLANWARD_SANDBOX": OF_STORIES,
                "PLANWARD_SANDBOX_PATHS": f"{directory / 'states'}:rw",  # reachable, as a remote backend is
                "PLANWARD_MODULE_REPOSITORIES": str(modules),
                # Terraform ends before its memory matters: without garbage collection a command takes a quarter less.
                # On one processor, its runtime spends no time on distributing the work.
                "PLANWARD_TERRAFORM_ENV": "*/*:*:*:GOGC,*/*:*:*:GOMAXPROCS",
                "GOGC": "off",
                "GOMAXPROCS": "1",
                "VAULT_ADDR": bao.address,
                "VAULT_TOKEN": bao.client().auth.token.create(policies=["planward"])["auth"]["client_token"],
                **led_there,
                **environ,
            },
        )
        (directory / "states").mkdir(exist_ok=True)
        try:
            line.start()
            yield line
        finally:
            line.close()
            line.stop()
