"""A delivery is read if its signature is valid and it has GitHub's form."""

import contextlib
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghapp.events import Event, Ping
from ghapp.webhook import Delivery, MalformedDelivery, SignatureMismatch, read_delivery
from tests.ghapp.webhook.deliveries import ANNA, COMMON, PULL_REQUEST, REPOSITORY, SECRET, deliver, event_of, push, sign

# The signature


def test_a_delivery_signed_with_any_of_the_secrets_is_read() -> None:
    body = json.dumps(COMMON).encode()
    for secret in ("new", "old"):
        headers = {"X-GitHub-Event": "ping", "X-GitHub-Delivery": "d-1", "X-Hub-Signature-256": sign(body, secret)}
        assert read_delivery(headers, body, ["new", "old"]) == Delivery(id="d-1", event=Ping())


def test_names_of_headers_are_compared_without_case() -> None:
    body = json.dumps(COMMON).encode()
    headers = {"x-github-event": "ping", "x-github-delivery": "d-1", "x-hub-signature-256": sign(body)}
    assert read_delivery(headers, body, [SECRET]).id == "d-1"


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "sha256=",
        "sha256=" + "0" * 64,
        sign(b"{}", "another secret"),
        sign(b"{} "),
        sign(b"{}").removeprefix("sha256="),
        sign(b"{}").replace("sha256", "sha1"),
        sign(b"{}").upper(),
        "sha256=é",
    ],
)
def test_a_signature_that_does_not_fit_is_refused(signature: str) -> None:
    headers = {"X-GitHub-Event": "ping", "X-GitHub-Delivery": "d-1", "X-Hub-Signature-256": signature}
    with pytest.raises(SignatureMismatch):
        read_delivery(headers, b"{}", [SECRET])


def test_the_old_sha1_signature_alone_does_not_count() -> None:
    signature = "sha1=" + hmac.new(SECRET.encode(), b"{}", hashlib.sha1).hexdigest()
    with pytest.raises(SignatureMismatch):
        read_delivery(
            {"X-GitHub-Event": "ping", "X-GitHub-Delivery": "d", "X-Hub-Signature": signature}, b"{}", [SECRET]
        )


@pytest.mark.parametrize("secrets", [[], [""]])
def test_without_a_secret_nothing_is_let_in(secrets: list[str]) -> None:
    headers = {"X-GitHub-Event": "ping", "X-GitHub-Delivery": "d-1", "X-Hub-Signature-256": sign(b"{}", "")}
    with pytest.raises(SignatureMismatch):
        read_delivery(headers, b"{}", secrets)


def test_the_signature_is_verified_before_one_byte_is_parsed() -> None:
    with pytest.raises(SignatureMismatch):
        read_delivery({"X-Hub-Signature-256": "sha256=00", "Content-Type": "text/html"}, b"\xff not JSON", [SECRET])


# Malformed deliveries


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"action": "\\ud800"}', b'{"action":' + b"[" * 100_000])
def test_a_body_that_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedDelivery, match=r"not JSON|unexpected form"):
        deliver("pull_request", body)


@pytest.mark.parametrize("name", ["X-GitHub-Event", "X-GitHub-Delivery"])
def test_a_missing_header_is_named(name: str) -> None:
    with pytest.raises(MalformedDelivery, match=name):
        deliver("ping", b"{}", **{name: ""})


@pytest.mark.parametrize("identifier", ["a b", "x" * 101, "a\nb", "é"])
def test_an_identifier_that_does_not_belong_in_a_log_is_refused(identifier: str) -> None:
    with pytest.raises(MalformedDelivery, match="X-GitHub-Delivery"):
        deliver("ping", b"{}", **{"X-GitHub-Delivery": identifier})


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"number": None}, "$.pull_request.number"),
        ({"number": "12"}, "$.pull_request.number"),
        ({"head": {"ref": "x", "repo": None}}, "$.pull_request.head"),
        ({"head": {"ref": "x", "sha": "A" * 40, "repo": None}}, "$.pull_request.head.sha"),
        ({"head": {"ref": "x", "sha": "a" * 40 + "\n", "repo": None}}, "$.pull_request.head.sha"),
        ({"base": {"ref": "x", "sha": "abc1234"}}, "$.pull_request.base.sha"),
        ({"merged_at": "yesterday"}, "$.pull_request.merged_at"),
    ],
)
def test_a_field_that_is_missing_or_of_another_type_is_named(change: dict[str, Any], place: str) -> None:
    with pytest.raises(MalformedDelivery) as refusal:
        event_of("pull_request", action="opened", pull_request={**PULL_REQUEST, **change})
    assert place in str(refusal.value)


def test_a_repository_s_name_that_would_be_another_path_is_malformed() -> None:
    with pytest.raises(MalformedDelivery, match=r"\$\.repository\.full_name"):
        event_of("push", **push(repository={**REPOSITORY, "full_name": "acme/infra/../x"}))


def test_an_event_of_a_repository_s_own_webhook_is_malformed_because_it_has_no_installation() -> None:
    body = json.dumps({"action": "opened", "repository": REPOSITORY, "sender": ANNA, "pull_request": PULL_REQUEST})
    with pytest.raises(MalformedDelivery, match="installation"):
        deliver("pull_request", body.encode())


# Content types


def test_a_form_is_read_like_json() -> None:
    body = urlencode({"payload": json.dumps({"zen": "Ünicode & such"})}).encode()
    form = "application/x-www-form-urlencoded; charset=utf-8"
    assert deliver("ping", body, **{"Content-Type": form}).event == Ping()


@pytest.mark.parametrize("body", [b"", b"payload", b"other=1", b"payload={}&payload={}", b"payload=%FF", b"\xff=1"])
def test_a_form_without_a_single_payload_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedDelivery):
        deliver("ping", body, **{"Content-Type": "application/x-www-form-urlencoded"})


def test_another_content_type_is_malformed() -> None:
    with pytest.raises(MalformedDelivery, match="Content-Type"):
        deliver("ping", b"{}", **{"Content-Type": "text/plain"})


# Any JSON

FIELDS = {
    "action",
    "after",
    "before",
    "changes",
    "check_run",
    "comment",
    "head",
    "installation",
    "issue",
    *COMMON,
    *PULL_REQUEST,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(FIELDS)), inner, max_size=6),
    max_leaves=20,
)


@given(
    name=st.sampled_from(
        [
            "check_run",
            "check_suite",
            "installation",
            "installation_repositories",
            "issue_comment",
            "merge_group",
            "pull_request",
            "pull_request_review",
            "push",
            "repository",
            "star",
        ]
    ),
    action=st.sampled_from(["opened", "closed", "created", "rerequested", "requested_action", "renamed", "added"]),
    payload=st.dictionaries(st.sampled_from(sorted(FIELDS)), JSON, max_size=8),
)
def test_any_signed_json_is_an_event_or_malformed(name: str, action: str, payload: dict[str, Any]) -> None:
    body = json.dumps({**COMMON, "action": action, **payload}).encode()
    with contextlib.suppress(MalformedDelivery):
        event = deliver(name, body).event
        assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event
