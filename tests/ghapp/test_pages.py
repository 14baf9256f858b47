"""Pages without sign-in over a real socket: their content, access to them, and the live log."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace

import httpx
import msgspec
import pytest
from sqlalchemy import text as sql

from checks.report import Link, RunReport
from ghapp.sealing import Sealer
from ghapp.store import KnownPullRequest
from ghapp.store.tables import metadata
from ghapp.values import BranchName, CommitSha, RepositoryId
from ghapp.web import live_log
from tests.databases import NewDatabase
from tests.ghapp.served import Clock, Served, serving

A, B, C = ("a" * 40, "b" * 40, "c" * 40)


@pytest.fixture(scope="module")
def emptied(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("emptied")
    with serving(directory, PLANWARD_DATABASE_URL=new_database(directory)) as served:
        yield served


@pytest.fixture
def served(emptied: Served) -> Served:
    """A server without rows. It is emptied for each test, since starting another would take longer."""
    with emptied.store._database.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            names = ", ".join(table.name for table in metadata.sorted_tables)
            connection.execute(sql(f"TRUNCATE {names} RESTART IDENTITY"))
        else:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
    emptied.clock.now = Clock().now
    return emptied


@pytest.fixture(scope="module")
def shared(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server for tests that change nothing."""
    directory = tmp_path_factory.mktemp("shared")
    with serving(directory, PLANWARD_DATABASE_URL=new_database(directory)) as served:
        served.repository()
        run = served.run("r1")
        served.log(run, "testing network", "one")
        served.log(run, "testing network", "two")
        served.complete(run)
        yield served


def page(served: Served, path: str = "/", **headers: str) -> httpx.Response:
    with served.client() as client:
        return client.get(path, headers=headers)


def text_of(served: Served, path: str = "/") -> str:
    answer = page(served, path)
    assert answer.status_code == 200, answer.text
    return " ".join(answer.text.split())


def test_an_empty_planward_says_what_to_do_next(served: Served) -> None:
    text = text_of(served)
    assert "No repository yet. Install the App on one, and it appears here." in text
    assert "No run yet. Open a pull request into an environment's branch." in text


def test_the_dashboard_shows_each_environment_with_last_and_how_it_stands(served: Served) -> None:
    served.repository()
    served.last("staging", A, applied=False)
    served.last("production", B)
    served.complete(served.run("r1", "apply", "production", head_sha=CommitSha(C)), "failure", "the bucket exists")
    text = text_of(served)
    assert text.index(">staging ") < text.index(">production ")
    assert '<span class="badge good">up to date</span>' in text
    assert '<a class="sha" href="https://github.com/acme/infra/commit/' + A in text
    assert "adopted <time" in text
    assert '<span class="badge bad">apply failed</span>' in text
    assert '<a href="/runs/r1">the bucket exists</a>' in text


def test_a_hold_that_is_open_stands_at_the_top_until_it_is_decided(served: Served) -> None:
    served.repository()
    served.last("staging", A)
    held = served.run("held", "apply", head_sha=CommitSha(B))
    served.complete(held, "action_required", "Not applied (by ada): nothing explains bbbbbbb")
    text = text_of(served)
    assert text.index("Waiting for a person") < text.index("Not applied (by ada)") < text.index("Environments")
    assert '<span class="badge waiting">held</span>' in text
    served.clock.now += 60
    served.complete(served.run("applied", "apply", head_sha=CommitSha(B), attempt=1))
    assert "Waiting for a person" not in text_of(served)


def test_a_plan_that_waits_for_approval_is_open_as_long_as_its_pull_request_is(served: Served) -> None:
    served.repository()
    pull_request = KnownPullRequest(
        repository_id=RepositoryId(7),
        number=12,
        state="open",
        head_sha=CommitSha(A),
        head_repository_id=None,
        base_branch=BranchName("staging"),
        url="https://github.com/acme/infra/pull/12",
        author="mallory",
        author_id=9,
        author_is_bot=False,
        draft=False,
        title="Widen",
    )
    served.do(served.store.pull_requests.record(pull_request))
    served.complete(served.run("fork"), "action_required", "somebody with write access has to approve the plan")
    assert "Waiting for a person" in text_of(served)
    assert '<span class="badge waiting">waits for a person</span>' in text_of(served, "/runs/fork")
    served.do(served.store.pull_requests.record(replace(pull_request, state="closed")))
    for page in ("/", "/acme/infra", "/runs/fork"):
        text = text_of(served, page)
        assert "waits for a person" not in text.lower()
        assert '<span class="badge quiet">no longer waits</span>' in text


def test_an_environment_that_is_being_applied_says_so(served: Served) -> None:
    served.repository()
    served.last("staging", A)
    served.run("now", "apply", head_sha=CommitSha(B))
    assert '<span class="badge running">being applied</span>' in text_of(served)


def test_a_repository_has_its_own_page_and_an_unknown_one_has_none(served: Served) -> None:
    served.repository()
    served.repository("acme/other", id=8)
    served.run("mine")
    served.run("theirs", repository_id=RepositoryId(8))
    text = text_of(served, "/acme/infra")
    assert "/runs/mine" in text
    assert "/runs/theirs" not in text
    unknown = page(served, "/acme/unknown")
    assert (unknown.status_code, "or you may not see it" in unknown.text) == (404, True)
    assert page(served, "/runs/unknown").status_code == 404
    assert page(served, "/runs/unknown/log").status_code == 404


def test_a_run_shows_its_report_its_log_and_the_way_to_github(served: Served) -> None:
    served.repository()
    run = served.run("r1")
    served.log(run, "testing network", "Initializing the backend...", "Plan: <3> to add")
    served.clock.now += 65
    served.complete(run)
    text = text_of(served, "/runs/r1")
    assert "Plan for staging" in text
    assert '<section class="report success">' in text
    assert "3 to add in staging" in text
    assert "Plan: &lt;3&gt; to add" in text
    assert 'href="https://github.com/acme/infra/pull/12"' in text
    assert f'href="https://github.com/acme/infra/commit/{A}"' in text
    assert "1 min 5 s" in text
    assert "live_log.js" not in text


def test_a_report_under_a_lost_key_is_reported_with_a_remedy(served: Served) -> None:
    served.repository()
    run = served.run("aaa")
    served.complete(run)
    sealed = Sealer(("a lost key of 16 characters",)).seal(b"[]", about="run aaa")
    served.do(served.store.runs.change(run.id, report=sealed))
    answer = page(served, "/runs/aaa")
    assert answer.status_code == 410
    text = " ".join(answer.text.split())
    assert "encrypted with a key that Planward no longer has" in text
    assert "PLANWARD_ENCRYPTION_KEY" in text


def test_a_run_has_a_picture_of_what_each_root_module_changes(served: Served) -> None:
    served.repository()
    run = served.run("r1")
    served.complete(run, changes=("terraform_data.<net>",))
    text = text_of(served, "/runs/r1")
    assert 'src="/runs/r1/picture/0"' in text
    picture = page(served, "/runs/r1/picture/0")
    assert picture.headers["Content-Type"] == "image/svg+xml"
    assert picture.headers["Content-Security-Policy"].endswith("frame-ancestors 'none'; sandbox")
    assert "terraform_data.&lt;net&gt;" in picture.text
    for number in ("1", "99", "-1", "x"):
        assert page(served, f"/runs/r1/picture/{number}").status_code == 404


def test_a_running_run_shows_its_results_so_far(served: Served) -> None:
    served.repository()
    run = served.run("r1")
    served.log(run, "testing network", "Refreshing state...")
    root = b'{"root_module":"network","environment":"testing","workspace":"default","outcome":"failed"}'
    served.do(served.store.runs.keep_root_run(run.id, "12:testing", "network", outcome="failed", report=root))
    text = text_of(served, "/runs/r1")
    assert '<span class="badge running">in progress</span>' in text
    assert "<code>network</code> in testing: failed" in text
    assert 'data-live="/runs/r1/log?after=1"' in text
    assert '<script src="/static/live_log.js" defer></script>' in text
    served.do(served.store.runs.cancel(run.id, reason="a newer commit arrived: bbbbbbb"))
    assert "This run is being stopped: a newer commit arrived: bbbbbbb" in text_of(served, "/runs/r1")


def test_a_long_log_is_shown_from_its_end_and_whole_as_text(served: Served) -> None:
    served.repository()
    run = served.run("r1")
    served.log(run, "testing network", *(f"line {number}" for number in range(2_500)))
    served.complete(run)
    text = text_of(served, "/runs/r1")
    assert "500 earlier lines are in the full text." in text
    assert "line 499 " not in text
    whole = page(served, "/runs/r1/log?format=text")
    assert whole.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert whole.text.startswith("[testing network] line 0\n[testing network] line 1\n")


@pytest.mark.parametrize("path", ["/static/style.css", "/static/report.css", "/static/live_log.js", "/static/mark.svg"])
def test_pages_load_everything_from_this_server(shared: Served, path: str) -> None:
    answer = page(shared, path)
    assert (answer.status_code, len(answer.content) > 100) == (200, True)
    assert page(shared, "/static/..%2f__init__.py").status_code == 404


# --- the live log ----------------------------------------------------------------------------------------------------


def test_the_live_log_of_a_completed_run_gives_everything_and_ends(served: Served) -> None:
    served.repository()
    run = served.run("r1")
    served.log(run, "testing network", "one", "two")
    served.log(run, "testing database", "three")
    served.complete(run)
    answer = page(served, "/runs/r1/log")
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert answer.text == (
        "retry: 1000\n\n"
        'id: 1\nevent: log\ndata: {"part":"testing network","text":"one\\ntwo"}\n\n'
        'id: 2\nevent: log\ndata: {"part":"testing database","text":"three"}\n\n'
        "id: 2\nevent: end\ndata: {}\n\n"
    )


@pytest.mark.parametrize(
    ("path", "headers"), [("/runs/r1/log?after=1", {}), ("/runs/r1/log?after=0", {"Last-Event-ID": "1"})]
)
def test_the_live_log_continues_where_the_browser_was(shared: Served, path: str, headers: dict[str, str]) -> None:
    text = page(shared, path, **headers).text
    assert ("one" in text, "two" in text) == (False, True)


def test_a_head_request_for_a_live_log_does_not_follow_it(served: Served) -> None:
    served.repository()
    served.run("r1")
    with served.client() as client:
        answer = client.head("/runs/r1/log")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")


@pytest.mark.parametrize("position", ["-1", "nonsense", "9" * 40, "²"])
def test_an_invalid_position_starts_at_the_beginning(shared: Served, position: str) -> None:
    assert "one" in page(shared, f"/runs/r1/log?after={position}").text


def test_the_live_log_follows_a_run_until_it_is_completed(served: Served) -> None:
    served.repository()
    run = served.run("r1")

    def work() -> None:
        served.log(run, "testing network", "Refreshing state...")
        served.complete(run)

    with served.client() as client, client.stream("GET", "/runs/r1/log") as answer:
        lines = answer.iter_lines()
        assert next(lines) == "retry: 1000"
        working = threading.Thread(target=work)
        working.start()
        rest = list(lines)
    working.join()
    assert 'data: {"part":"testing network","text":"Refreshing state..."}' in rest
    assert rest[-3:] == ["event: end", "data: {}", ""]


def test_a_quiet_live_log_beats_and_is_closed_in_the_end(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_log, "_POLL_S", 0.01)
    monkeypatch.setattr(live_log, "_HEART_BEAT_S", 0.05)
    monkeypatch.setattr(live_log, "_LONGEST_S", 0.3)
    served.repository()
    served.run("r1")
    text = page(served, "/runs/r1/log").text
    assert text.startswith("retry: 1000\n\n: going on\n\n")
    assert "event: end" not in text


# --- access ----------------------------------------------------------------------------------------------------------

PAGES = ["/", "/runs/r1", "/runs/r1/log", "/acme/infra"]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "planward.example.com"},
        {"Host": "127.0.0.1.attacker.example:8000"},
        {"Host": ""},
        {"X-Forwarded-For": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
        {"X-Real-IP": "203.0.113.9"},
    ],
)
def test_without_sign_in_pages_are_served_to_this_machine_alone(
    shared: Served, path: str, headers: dict[str, str]
) -> None:
    answer = page(shared, path, **headers)
    assert answer.status_code == 403
    assert "These pages are only available on the server itself." in answer.text
    assert "PLANWARD_GITHUB_CLIENT_ID" in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000", "127.1.2.3"])
def test_every_name_of_loopback_will_do(shared: Served, host: str) -> None:
    assert page(shared, "/", Host=host).status_code == 200


@pytest.mark.parametrize(("client", "status"), [("203.0.113.9", 403), ("127.0.0.1", 200), ("::ffff:127.0.0.1", 200)])
def test_the_address_of_the_client_counts_too(shared: Served, client: str, status: int) -> None:
    async def ask() -> int:
        async with shared.app.router.lifespan_context(shared.app) as state:

            async def app(scope: object, receive: object, send: object) -> None:
                scope["state"] = dict(state or {})  # type: ignore[index]
                await shared.app(scope, receive, send)  # type: ignore[arg-type]

            transport = httpx.ASGITransport(app=app, client=(client, 40_000))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as browser:
                return (await browser.get("/")).status_code

    assert asyncio.run(ask()) == status


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/static/style.css"])
def test_health_is_for_everybody(shared: Served, path: str) -> None:
    assert page(shared, path, Host="planward.example.com").status_code == 200


def test_the_page_of_a_hold_shows_the_same_as_its_check_run_and_leads_back_to_github(served: Served) -> None:
    served.repository()
    run = served.run("held", "apply", head_sha=CommitSha(B), check_run_id=55)
    report = RunReport(
        operation="apply",
        environment="staging",
        repository="acme/infra",
        commit_sha=B,
        conclusion="action_required",
        cause="Not applied: no merged pull request explains bbbbbbb",
        comparison=Link(words="aaaaaaa...bbbbbbb", url=f"https://github.com/acme/infra/compare/{A}...{B}"),
        deciders=("Who can decide: members of `acme/platform`.",),
        paste=f"planward plan {B} -e staging",
    )
    raw = msgspec.json.encode([report])
    served.do(served.store.runs.complete(run.id, conclusion="action_required", title=report.title, report=raw))
    text = text_of(served, "/runs/held")
    assert '<a href="https://github.com/acme/infra/runs/55">planward/apply (staging)</a>' in text
    assert f'<a href="https://github.com/acme/infra/compare/{A}...{B}"><code>aaaaaaa...bbbbbbb</code></a>' in text
    assert "<p>Who can decide: members of <code>acme/platform</code>.</p>" in text
    assert f"<p>Comment on any pull request:</p> <pre>planward plan {B} -e staging</pre>" in text
    served.do(served.store.runs.change_apply(run.id, lambda state: replace(state, replaced_by="newer")))
    assert '<span class="badge quiet">replaced</span>' in text_of(served, "/runs/held")
