"""Deliveries as GitHub sends them, signed, and the events that are read from them."""

import hashlib
import hmac
import json
from typing import Any

import msgspec

from ghapp.events import Event, Person, Repository
from ghapp.values import BranchName, CommitSha, RepositoryId
from ghapp.webhook import Delivery, read_delivery

SECRET = "correct horse"
HEAD = CommitSha("a" * 40)
BASE = CommitSha("b" * 40)
MERGE = CommitSha("c" * 40)

ANNA = {"login": "anna", "id": 7, "type": "User"}
REPOSITORY = {
    "id": 42,
    "full_name": "acme/infra",
    "clone_url": "https://github.com/acme/infra.git",
    "default_branch": "main",
    "private": True,
    "owner": {"login": "acme"},
}
COMMON = {"installation": {"id": 5}, "repository": REPOSITORY, "sender": ANNA}
PULL_REQUEST = {
    "number": 12,
    "title": "More disks",
    "html_url": "https://github.com/acme/infra/pull/12",
    "draft": False,
    "user": ANNA,
    "merged": False,
    "merge_commit_sha": "d" * 40,
    "merged_by": None,
    "merged_at": None,
    "head": {"ref": "more-disks", "sha": HEAD, "repo": {"id": 42}},
    "base": {"ref": "staging", "sha": BASE, "repo": {"id": 42}},
}

anna = Person(login="anna", id=7)
infra = Repository(
    id=RepositoryId(42),
    full_name="acme/infra",
    clone_url="https://github.com/acme/infra.git",
    default_branch=BranchName("main"),
)


def sign(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def deliver(name: str, body: bytes, **headers: str) -> Delivery:
    sent = {"X-GitHub-Event": name, "X-GitHub-Delivery": "d-1", "X-Hub-Signature-256": sign(body), **headers}
    return read_delivery(sent, body, [SECRET])


def event_of(name: str, **payload: Any) -> Event:
    event = deliver(name, json.dumps({**COMMON, **payload}).encode()).event
    assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event
    return event


def push(**change: Any) -> dict[str, Any]:
    told = {
        "ref": "refs/heads/staging",
        "before": BASE,
        "after": MERGE,
        "created": False,
        "deleted": False,
        "forced": False,
        "pusher": {"name": "anna", "email": "anna@example.com"},
        "commits": [{"id": "not read"}],
    }
    return {**told, **change}
