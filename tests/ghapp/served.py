"""Planward's web process without a worker, on a real socket, over a real store."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
import uvicorn
from starlette.applications import Starlette

from checks.plan import Counts
from checks.report import RootReport, RunReport
from checks.report.change_report import ChangeReport
from ghapp.durable import JobQueue
from ghapp.sealing import Sealer
from ghapp.settings import Settings, read_settings
from ghapp.store import ApplyState, KnownRepository, PlanState, Run, Store
from ghapp.values import BranchName, CommitSha, EnvironmentName, InstallationId, RepositoryId, RunId, TreeId
from ghapp.web.front import Front
from ghapp.web.server import create_server
from tests.databases import new_sqlite
from tests.ports import free_port

SECRET = "the-webhook-secret-of-the-tests"
KEY = "k" * 32
PEM = "-----BEGIN RSA PRIVATE KEY-----\nnot needed here\n-----END RSA PRIVATE KEY-----"
MAX_BODY = 64 * 1024
T = TypeVar("T")


class Clock:
    """The time that the store sees; it moves only by hand."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(kw_only=True)
class Served:
    """A server and its services."""

    url: str
    store: Store
    clock: Clock
    front: Front
    app: Starlette

    def client(self, **options: Any) -> httpx.Client:
        """A browser that does not follow redirects."""
        # verify=False: reading the machine's certificate authorities takes 20 ms, and no TLS is used here.
        return httpx.Client(base_url=self.url, trust_env=False, verify=False, timeout=20, **options)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine of the store."""
        return asyncio.run(work)

    def repository(self, name: str = "acme/infra", *, id: int = 7) -> KnownRepository:
        """A repository with the App installed."""
        return self.do(
            self.store.repositories.record(
                id=RepositoryId(id),
                installation_id=InstallationId(3),
                full_name=name,
                clone_url=f"https://github.com/{name}.git",
                default_branch="staging",
            )
        )

    def last(self, environment: str, sha: str, *, id: int = 7, applied: bool = True) -> None:
        """Move LAST of an environment."""
        self.do(
            self.store.branches.move_last(
                RepositoryId(id),
                EnvironmentName(environment),
                BranchName(environment),
                CommitSha(sha),
                TreeId("f" * 40),
                applied=applied,
            )
        )

    def run(self, id: str, operation: str = "plan", environment: str = "staging", **more: Any) -> Run:
        """Begin a run."""
        values: dict[str, Any] = {
            "id": RunId(id),
            "repository_id": RepositoryId(7),
            "operation": operation,
            "environment": EnvironmentName(environment),
            "branch": BranchName(environment),
            "head_sha": CommitSha("a" * 40),
            "base_sha": CommitSha("b" * 40),
            "pull_request": 12 if operation == "plan" else None,
            "attempt": 0,
            "check_run_name": "planward/plan" if operation == "plan" else f"planward/apply ({environment})",
            "status": "in_progress",
        }
        state = PlanState() if operation == "plan" else ApplyState()
        return self.do(self.store.runs.begin(Run(**{"state": state, **values, **more})))

    def complete(
        self,
        run: Run,
        conclusion: str = "success",
        cause: str | None = None,
        *,
        add: int = 3,
        changes: tuple[str, ...] = (),
    ) -> None:
        """Complete a run with a report of one root module."""
        root = RootReport(
            root_module="network",
            environment=run.environment,
            workspace="default",
            outcome="planned" if run.operation == "plan" else "applied",
            counts=Counts(add=add),
            changes=tuple(
                ChangeReport(address=address, type="terraform_data", action="create", section="add")
                for address in changes
            ),
        )
        report = RunReport(
            operation=run.operation,
            environment=run.environment,
            repository="acme/infra",
            commit_sha=run.head_sha,
            conclusion=conclusion,  # type: ignore[arg-type]
            cause=cause,
            roots=(root,),
        )
        self.do(
            self.store.runs.complete(
                run.id, conclusion=conclusion, title=report.title, report=msgspec.json.encode([report])
            )
        )

    def log(self, run: Run, part: str, *lines: str) -> None:
        """Write to a run's log."""
        self.do(self.store.runs.write_log(run.id, part, lines))


def settings_for(directory: Path, **environ: str) -> Settings:
    """Settings of a web process that keeps everything in `directory`."""
    return read_settings(
        {
            "PLANWARD_GITHUB_APP_ID": "1",
            "PLANWARD_GITHUB_PRIVATE_KEY": PEM,
            "PLANWARD_GITHUB_WEBHOOK_SECRET": f"{SECRET},the-one-before",
            "PLANWARD_DATA_DIR": str(directory),
            "PLANWARD_SANDBOX": "none",
            "PLANWARD_ENCRYPTION_KEY": KEY,
            **environ,
        }
    )


@contextlib.contextmanager
def serving(directory: Path, *, public: bool = False, **environ: str) -> Iterator[Served]:
    """Serve until the context ends; with `public`, PLANWARD_PUBLIC_URL is the server's address."""
    port = free_port()
    if public:
        environ["PLANWARD_PUBLIC_URL"] = f"http://127.0.0.1:{port}"
    if "PLANWARD_DATABASE_URL" not in environ and not (directory / "planward.db").exists():
        new_sqlite(directory)
    settings = settings_for(directory, **environ)
    clock = Clock()
    sealer = Sealer([KEY])
    store = Store(settings.database_url, sealer, clock=clock)
    job_queue = JobQueue(settings.database_url)
    front = Front(settings=settings, store=store, job_queue=job_queue, enqueue=job_queue.enqueue, sealer=sealer)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Front]]:
        yield {"front": front}

    app = create_server(lifespan, max_body_size=MAX_BODY)
    try:
        with listening(app, port=port) as url:
            yield Served(url=url, store=store, clock=clock, front=front, app=app)
    finally:
        store.close()
        job_queue.close()


@contextlib.contextmanager
def listening(app: Starlette, *, port: int = 0) -> Iterator[str]:
    """Serve an application on loopback in a thread of its own; yields its address."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", port))
    config = uvicorn.Config(app, log_level="critical", access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]), daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        listener.close()
