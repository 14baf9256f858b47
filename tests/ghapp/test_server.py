"""Deliveries, health, metrics and the headers of every answer, over a real socket."""

import asyncio
import hashlib
import hmac
import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ghapp.jobs import Job
from ghapp.store import StoreUnavailable
from tests.databases import NewDatabase
from tests.ghapp.served import MAX_BODY, SECRET, Served, serving

PUSH = {
    "ref": "refs/heads/staging",
    "before": "a" * 40,
    "after": "b" * 40,
    "created": False,
    "deleted": False,
    "forced": False,
    "repository": {
        "id": 7,
        "full_name": "acme/infra",
        "clone_url": "https://github.com/acme/infra.git",
        "default_branch": "staging",
    },
    "installation": {"id": 3},
    "pusher": {"name": "ada"},
    "sender": {"login": "ada", "id": 1, "type": "User"},
}


@pytest.fixture(scope="module")
def served(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("served")
    with serving(directory, PLANWARD_DATABASE_URL=new_database(directory)) as served:
        yield served


def sign(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def deliver(served: Served, event: str, payload: Any, *, id: str = "d-1", **headers: str) -> httpx.Response:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    fields = {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": id,
        "X-Hub-Signature-256": sign(body),
        "Content-Type": "application/json",
    }
    with served.client() as client:
        return client.post("/webhooks/github", content=body, headers={**fields, **headers})


def count_of(served: Served, line: str) -> float:
    """The value of a sample, 0 if there is none."""
    with served.client() as client:
        text = client.get("/metrics").text
    found = [each for each in text.splitlines() if each.startswith(line + " ")]
    return float(found[0].rpartition(" ")[2]) if found else 0.0


def test_an_event_with_a_job_is_accepted_with_202(served: Served) -> None:
    answer = deliver(served, "push", PUSH)
    assert (answer.status_code, answer.json()) == (202, {"delivery": "d-1", "accepted": 1})


def test_a_redelivery_is_accepted_again_and_adds_no_job(served: Served) -> None:
    payload = {**PUSH, "after": "c" * 40}
    first, second = (deliver(served, "push", payload, id="d-2") for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    jobs = asyncio.run(_workflows(served, "c" * 40))
    assert len(jobs) == 1


async def _workflows(served: Served, part: str) -> list[str]:
    found = await served.front.job_queue._client.list_workflows_async(load_input=False, load_output=False)
    return [each.workflow_id for each in found if part in each.workflow_id]


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("ping", {"zen": "Keep it logically awesome.", "hook_id": 1}),
        ("some_event_of_next_year", {"action": "created"}),
        ("star", {"action": "created"}),
        ("issue_comment", {**PUSH, "action": "deleted"}),
    ],
)
def test_ping_and_events_of_no_interest_are_answered_200(served: Served, event: str, payload: Any) -> None:
    answer = deliver(served, event, payload, id="d-3")
    assert (answer.status_code, answer.json()) == (200, {"delivery": "d-3", "accepted": 0})


@pytest.mark.parametrize("signature", ["", "sha256=" + "0" * 64, "sha1=" + "0" * 40])
def test_a_delivery_that_is_not_signed_is_refused_before_it_is_parsed(served: Served, signature: str) -> None:
    answer = deliver(served, "push", b"{ this is no JSON", **{"X-Hub-Signature-256": signature})
    assert (answer.status_code, answer.json()) == (
        401,
        {"error": "X-Hub-Signature-256 is missing or matches no secret"},
    )


def test_a_secret_that_is_being_rotated_out_still_counts(served: Served) -> None:
    body = json.dumps(PUSH).encode()
    assert deliver(served, "push", body, **{"X-Hub-Signature-256": sign(body, "the-one-before")}).status_code == 202


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"{ this is no JSON", "JSON"),
        (b"[]", "object"),
        (b'{"ref": "refs/heads/\xff"}', "JSON"),
        (b'{"ref": "\\ud800"}', "JSON"),
        (b'{"ref": ' + b"[" * 10_000, "JSON"),
        (b'{"ref": ' + b"1" * 10_000, "JSON"),
        ({key: value for key, value in PUSH.items() if key != "after"}, "after"),
        ({**PUSH, "repository": {"id": 7}}, "full_name"),
        ({**PUSH, "before": 5}, "before"),
    ],
)
def test_a_delivery_that_cannot_be_read_is_answered_400_and_says_what_is_wrong(
    served: Served, payload: Any, said: str
) -> None:
    answer = deliver(served, "push", payload)
    assert answer.status_code == 400
    assert said in answer.json()["error"]


@pytest.mark.parametrize("header", ["X-GitHub-Event", "X-GitHub-Delivery"])
def test_a_delivery_without_a_header_that_is_needed_is_answered_400(served: Served, header: str) -> None:
    answer = deliver(served, "push", PUSH, **{header: ""})
    assert answer.status_code == 400
    assert header in answer.json()["error"]


def test_a_body_over_the_limit_is_answered_413(served: Served) -> None:
    answer = deliver(served, "push", b" " * (MAX_BODY + 1))
    assert (answer.status_code, answer.json()) == (413, {"error": f"the body is larger than {MAX_BODY} bytes"})


def test_a_body_over_the_limit_that_comes_in_chunks_is_answered_413(served: Served) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(MAX_BODY // 1024 + 1):
            yield b" " * 1024

    with served.client() as client:
        answer = client.post("/webhooks/github", content=chunks(), headers={"X-Hub-Signature-256": sign(b"another")})
    assert answer.status_code == 413


def test_a_delivery_that_the_database_does_not_take_is_answered_503(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: Job) -> bool:
        raise OSError("the disk of db-7.internal is full")

    object.__setattr__(served.front, "enqueue", broken)
    try:
        answer = deliver(served, "push", PUSH, id="d-4")
    finally:
        object.__setattr__(served.front, "enqueue", served.front.job_queue.enqueue)
    assert (answer.status_code, answer.json()) == (
        503,
        {"error": "the delivery could not be stored: redeliver it later"},
    )


def test_the_endpoint_takes_post_alone(served: Served) -> None:
    with served.client() as client:
        answer = client.get("/webhooks/github")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_health_says_only_ok(served: Served) -> None:
    with served.client() as client:
        answers = [client.get(path) for path in ("/healthz", "/readyz")]
    assert [(each.status_code, each.text) for each in answers] == [(200, "ok\n"), (200, "ok\n")]


def test_readiness_fails_when_the_database_does_not_answer(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken() -> dict[str, int]:
        raise OSError("password of db-7.internal")

    monkeypatch.setattr(served.store.runs, "count_by_status", broken)
    with served.client() as client:
        answers = [client.get(path) for path in ("/readyz", "/healthz", "/metrics")]
    assert [(each.status_code, each.text) for each in answers[:2]] == [(503, "not ready\n"), (200, "ok\n")]
    assert answers[2].status_code == 200


def test_deliveries_are_counted_by_event_and_answer(served: Served) -> None:
    def counts() -> list[float]:
        return [
            count_of(served, f'planward_deliveries_total{{answer="{answer}",event="{event}"}}')
            for event, answer in (("push", "accepted"), ("ping", "nothing_to_do"), ("other", "unsigned"))
        ]

    before = counts()
    deliver(served, "push", PUSH)
    deliver(served, "ping", {"zen": "Design for failure."})
    deliver(served, "made up by somebody", PUSH, **{"X-Hub-Signature-256": ""})
    assert counts() == [each + 1 for each in before]


def test_metrics_name_the_build_the_runs_and_the_time_of_answers(served: Served) -> None:
    served.repository()
    served.complete(served.run("counted"), "failure", "no")
    served.run("going-on")
    with served.client() as client:
        client.get("/a/b")
        client.request("BREW", "/a/b")
        answer = client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert any(line.startswith("planward_build_info{version=") for line in lines)
    assert 'planward_runs_total{conclusion="failure",operation="plan"} 1.0' in lines
    assert 'planward_runs_unfinished{status="in_progress"} 1.0' in lines
    assert 'planward_http_answer_seconds_count{method="other",route="/{owner}/{repo}",status="405"} 1.0' in lines
    assert "acme" not in answer.text


def test_figures_that_the_database_does_not_give_are_missing_from_the_metrics(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def is_away() -> dict[str, int]:
        raise StoreUnavailable

    monkeypatch.setattr(served.store.runs, "count_by_status", is_away)
    with served.client() as client:
        text = client.get("/metrics").text
    assert "planward_build_info" in text
    assert "planward_runs_unfinished" not in text


@pytest.mark.parametrize("path", ["/", "/healthz", "/nowhere", "/acme/unknown", "/static/style.css"])
def test_every_answer_tells_the_browser_what_it_must_not_do(served: Served, path: str) -> None:
    with served.client() as client:
        headers = client.get(path).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_a_fault_of_our_own_is_answered_without_its_text(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken() -> tuple[()]:
        raise RuntimeError("secret-in-an-exception")

    monkeypatch.setattr(served.store.repositories, "all_active", broken)
    with served.client() as client:
        answer = client.get("/")
    assert (answer.status_code, answer.text) == (500, "an internal error occurred\n")


def test_garbage_on_the_socket_does_not_end_the_server(served: Served) -> None:
    host, _, port = served.url.removeprefix("http://").partition(":")
    for garbage in (b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n", b"POST /webhooks/github HTTP/1.1\r\n"):
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(garbage)
    with served.client() as client:
        assert client.get("/healthz").status_code == 200
