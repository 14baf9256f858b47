"""Connections to GitHub, Vault and the database fail at random, and yet every pull request ends correctly.

PLANWARD_TEST_PULL_REQUESTS is their number (200 take a quarter of an hour), PLANWARD_TEST_SEED the faults' seed. A
seed gives the same faults to the same requests, but the order of concurrent requests depends on timing.
"""

import asyncio
import contextlib
import os
import random
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial

import hvac  # type: ignore[import-untyped]
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine, make_url

from ghapp.local_github import LocalGitHub
from ghapp.sealing import Sealer
from ghapp.store import Store
from ghapp.values import RepositoryId
from tests.databases import POSTGRESQL, SQLITE, databases_of
from tests.openbao import OpenBao
from tests.postgres import Postgres
from tests.stories.faults.crowd import Crowd
from tests.stories.faults.hasty import HastyLine
from tests.stories.faults.proxies import Exchange, Fates, HttpProxy, Loop, before_postgres, fates
from tests.stories.line import running_line
from tests.stories.rules.test_chat import chat_room
from tests.stories.slow import slow_place
from tests.stories.waiting import eventually

PULL_REQUESTS = int(os.environ.get("PLANWARD_TEST_PULL_REQUESTS", "4"))
SEED = int(os.environ.get("PLANWARD_TEST_SEED", "1"))
_OF_ONE_REPOSITORY = 6 if PULL_REQUESTS <= 24 else 20
_ALWAYS_PENDING = ("look", "reconcile:", "tidy")
_PATIENCE_S = 120.0 + 6 * PULL_REQUESTS


@dataclass(kw_only=True)
class Between:
    """The line with its proxies. `engines` connect past them to the durable engine's tables and to Planward's own."""

    drawn: Fates
    line: HastyLine
    github: HttpProxy
    vault: HttpProxy
    url: str
    engines: tuple[Engine, Engine]
    schema: str

    def tokens_alive(self) -> int:
        """The number of tokens from Planward's logins to Vault that it has not revoked."""
        client = self.line.bao.client()
        alive = 0
        for accessor in client.list("auth/token/accessors")["data"]["keys"]:
            with contextlib.suppress(hvac.exceptions.InvalidPath, hvac.exceptions.Forbidden):
                alive += client.auth.token.lookup_accessor(accessor)["data"]["path"] == "auth/approle/login"
        return alive

    def logins_lost(self) -> int:
        """The number of logins whose answer was lost."""
        lost = (fates.LOST, fates.CUT)
        return sum(each.target.endswith("/login") and fate in lost for each, fate in self.vault.seen)

    def quiet(self) -> None:
        """Wait until every delivery was accepted, and no job is pending except for further reconciliations."""
        eventually(self._nothing_pending, "no job is pending any more", patience_s=_PATIENCE_S)

    def _nothing_pending(self) -> bool:
        deliveries = self.line.github.deliveries
        accepted = {each.guid for each in deliveries if 200 <= each.status_code < 300}
        if any(each.guid not in accepted for each in deliveries):
            return False
        time.sleep(0.5)
        unfinished = f"select workflow_uuid from {self.schema}workflow_status where status in ('ENQUEUED', 'PENDING')"
        keys: list[str] = []
        for engine, query in zip(self.engines, (unfinished, "select key from later"), strict=True):
            with engine.connect() as connection:
                keys += connection.scalars(text(query)).all()
        return all(key.removeprefix("again:").startswith(_ALWAYS_PENDING) for key in keys)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run on the databases of a story."""
    if "between" in metafunc.fixturenames:
        metafunc.parametrize("between", databases_of(metafunc, [SQLITE, POSTGRESQL]), indirect=True, scope="module")


@pytest.fixture(scope="module")
def between(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Between]:
    """Planward with proxies to GitHub and Vault, and to its database if that is PostgreSQL."""
    directory = tmp_path_factory.mktemp("between")
    drawn = Fates(SEED)
    more: dict[str, str] = {}
    with Loop() as loop:
        if request.param == "sqlite":
            names = ("planward-durable.db", "planward.db")
            urls, schema = [make_url(f"sqlite:///{directory / 'data' / name}") for name in names], ""
        else:
            postgres: Postgres = request.getfixturevalue("postgres")
            url = postgres.database()
            more["PLANWARD_DATABASE_URL"] = before_postgres(loop, url, drawn)
            urls, schema = [make_url(url).set(drivername="postgresql+psycopg")] * 2, "dbos."
        proxies: list[HttpProxy] = []

        @contextmanager
        def put_between(github: LocalGitHub, bao: OpenBao) -> Iterator[Mapping[str, str]]:
            before_github = HttpProxy(github.url, drawn, _of_github)
            before_vault = HttpProxy(bao.address, drawn, lambda _: ("vault", fates.VAULT))
            proxies.extend((before_github, before_vault))
            # The URLs in payloads, above all clone_url, have to lead through the proxy, too.
            github.world.url = f"http://127.0.0.1:{loop.listen(before_github)}"
            yield {
                "PLANWARD_GITHUB_API_URL": github.api_url,
                "VAULT_ADDR": f"http://127.0.0.1:{loop.listen(before_vault)}",
                **app_role(bao),
            }

        with running_line(
            directory,
            put_between,
            fresh=False,
            own_worker=False,
            line_type=partial(HastyLine, machines=int(request.param != "sqlite")),
            **more,
        ) as line:
            assert isinstance(line, HastyLine)
            before_planward = HttpProxy(line.url, drawn, lambda _: ("deliveries", fates.DELIVERIES))
            line.app.webhook_url = f"http://127.0.0.1:{loop.listen(before_planward)}/webhooks/github"
            engines = create_engine(urls[0]), create_engine(urls[1])
            try:
                github, vault = proxies
                # Faults begin after the worker's start: a worker that finds no database when it starts ends at once.
                eventually(partial(_looked, line), "the worker looks for what was missed", patience_s=180)
                own = urls[1].render_as_string(hide_password=False).replace("+psycopg", "")
                yield Between(
                    drawn=drawn, line=line, github=github, vault=vault, url=own, engines=engines, schema=schema
                )
            finally:
                drawn.on = False
                for engine in engines:
                    engine.dispose()


def _looked(line: HastyLine) -> bool:
    return any(each["job"].startswith("look_for_missed:") for each in line.events("job_done"))


def _of_github(exchange: Exchange) -> tuple[str, Mapping[str, float]] | None:
    """The place of the App's requests and their rates of faults; None for people's own requests, which never fail."""
    agent = exchange.header(b"user-agent")
    if agent.startswith(b"git/"):
        return "git", fates.GIT
    return ("github", fates.GITHUB) if agent.startswith(b"planward") else None


def app_role(bao: OpenBao) -> dict[str, str]:
    """Let Planward log in by an AppRole, so that there are tokens to revoke."""
    client = bao.client()
    client.sys.enable_auth_method("approle")
    client.auth.approle.create_or_update_approle("planward", token_policies=["planward"], token_ttl="1h")
    role_id = client.auth.approle.read_role_id("planward")["data"]["role_id"]
    secret_id = client.auth.approle.generate_secret_id("planward")["data"]["secret_id"]
    return {"VAULT_TOKEN": "", "VAULT_ROLE_ID": role_id, "VAULT_SECRET_ID": secret_id}


def test_pull_requests_end_right_whatever_goes_wrong_between(between: Between) -> None:
    line, drawn = between.line, between.drawn
    drawn.on = True
    try:
        with chat_room() as chat:
            sizes = _sizes(PULL_REQUESTS)
            with ThreadPoolExecutor(len(sizes)) as people:
                chances = [random.Random(f"{SEED} {number}") for number in range(len(sizes))]
                crowds = list(people.map(partial(Crowd, line, chat, patience_s=_PATIENCE_S), sizes, chances))
                list(people.map(Crowd.act, crowds))
            between.quiet()
            wrong = [each for crowd in crowds for each in crowd.wrong()]
        assert not wrong, "\n".join(wrong)
        assert line.github.unexpected == []
        assert len(line.running()) == 1 + line.machines
        said = b"".join(each.target.encode() + each.body for each, _ in between.github.seen)
        secrets = [crowd.story.password(each) for crowd in crowds for each in ("testing", "staging")]
        assert not [secret for secret in (*secrets, chat.url) if secret.encode() in said]
        assert not [each for each in secrets if each in "".join(chat.said)]
        assert between.tokens_alive() <= between.logins_lost()
    except BaseException as error:
        error.add_note(f"PLANWARD_TEST_SEED={SEED} PLANWARD_TEST_PULL_REQUESTS={PULL_REQUESTS}; {drawn.summary()}")
        raise
    finally:
        drawn.on = False
    print(f"seed {SEED}, {PULL_REQUESTS} pull requests: {drawn.summary()}")


def test_while_github_is_slow_to_create_a_check_run_nobody_else_may_create_it(between: Between) -> None:
    line = between.line
    line.github.delay("POST", "/check-runs$", 1.9)
    story = line.story()

    async def another_one_gets_it() -> list[bool]:
        with closing(Store(between.url, Sealer(["k" * 32]))) as store:
            got: list[bool] = []
            while True:
                runs = await store.runs.recent(repository=RepositoryId(story.repository.id))
                if runs and runs[0].check_run_id is not None:
                    return got
                if runs and runs[0].state.check_run.creation is not None:
                    got.append(await store.runs.claim_creation(runs[0].id, by="another", for_s=0.001))
                await asyncio.sleep(0.2)

    number = story.propose()
    assert {*asyncio.run(another_one_gets_it())} == {False}
    assert story.planned(number)["conclusion"] == "success"
    assert len(story.check_runs(story.head(number))) == 1


def test_a_check_run_that_github_created_late_is_completed_like_the_first(between: Between) -> None:
    line = between.line
    story = line.story()
    line.github.delay("POST", "/check-runs$", 4.0)
    with slow_place() as slow:
        number = story.propose({"network/wait.tf": slow.data("waits")})
        eventually(lambda: len(story.check_runs(story.head(number))) == 2, "GitHub has created it, too")
        slow.let_go()
        assert story.planned(number)["conclusion"] == "success"
    between.quiet()
    assert [each["conclusion"] for each in story.check_runs(story.head(number))] == ["success", "success"]


def _sizes(pull_requests: int) -> list[int]:
    whole, rest = divmod(pull_requests, _OF_ONE_REPOSITORY)
    return [_OF_ONE_REPOSITORY] * whole + ([rest] if rest else [])
