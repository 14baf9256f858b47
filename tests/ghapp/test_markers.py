"""Markers: each kind has a typed key and a typed value, and is stored in the words of the first version."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from ghapp.sealing import Sealer
from ghapp.store import Store, tables
from ghapp.store.delivery_markers import (
    DeliveriesProbed,
    DeliveriesReconciled,
    Probe,
    RedeliveryMarker,
    RedeliveryRequest,
)
from ghapp.store.marker_key import MarkerKey, PullRequestKey
from ghapp.store.marker_kinds import (
    Adopted,
    CommentMarker,
    Created,
    Creating,
    DeploymentMarker,
    DeploymentStatus,
    DeploymentStatusMarker,
    EntryReviewed,
    EnvironmentHolder,
    MessageMarker,
    PromotionMarker,
    UnknownCommandMarker,
    read_key,
)
from ghapp.store.message_subjects import AboutPlan, AboutPromotion, AboutRun, read_subject
from ghapp.values import CommitSha, EnvironmentName, RepositoryId, RunId

REPOSITORY = RepositoryId(7)
RUN = RunId("b" * 24)
SHA = CommitSha("a" * 40)
ABOUT_RUN = AboutRun(run_id=RUN, occasion="applied")
ABOUT_PLAN = AboutPlan(repository_id=REPOSITORY, number=12, head_sha=SHA, cause="abc", occasion="waiting")
ABOUT_PROMOTION = AboutPromotion(repository_id=REPOSITORY, number=12, notice="green")
PULL_REQUEST = PullRequestKey(repository_id=REPOSITORY, number=12)

KINDS: list[tuple[MarkerKey[Any], str, Any, str, object]] = [
    (CommentMarker(REPOSITORY, 12), "comment:7:12", Creating(), "being made", PULL_REQUEST),
    (CommentMarker(REPOSITORY, 12), "comment:7:12", Created(id=99), "99", PULL_REQUEST),
    (UnknownCommandMarker(REPOSITORY, 12, "a1"), "unknown command:7:12:a1", 99, "99", PULL_REQUEST),
    (DeploymentMarker(RUN), f"deployment:{RUN}", Created(id=99), "99", RUN),
    *(
        (
            DeploymentStatusMarker(RUN),
            f"deployment:{RUN}:state",
            DeploymentStatus(state="success", confirmed=confirmed),
            stored,
            RUN,
        )
        for confirmed, stored in ((False, "saying success"), (True, "success"))
    ),
    (PromotionMarker(REPOSITORY, 12), "promotion:7:12", "decided", "decided", PULL_REQUEST),
    (MessageMarker(ABOUT_RUN, 0), f"said:{RUN}:applied:0", "not sent", "not sent", RUN),
    (MessageMarker(ABOUT_PLAN, 1), f"said:7:12:{SHA}:abc:waiting:1", "sending", "sending", PULL_REQUEST),
    (MessageMarker(ABOUT_PROMOTION, 2), "said:promotion:7:12:green:promotion:2", "sent", "sent", PULL_REQUEST),
    (
        EntryReviewed(REPOSITORY, EnvironmentName("qa"), CommitSha("c" * 40)),
        f"reviewed:7:qa:{'c' * 40}",
        5,
        "5",
        None,
    ),
    (EnvironmentHolder(REPOSITORY, EnvironmentName("a:b")), "applying:7:a:b", RUN, RUN, None),
    (Adopted(REPOSITORY), "adopted:7", True, "all", None),
    (RedeliveryMarker("1-2:3"), "redelivered:1-2:3", RedeliveryRequest(times=1, after=2, at=3), "1:2:3", None),
    (DeliveriesReconciled(), "looked for missed deliveries", 1_700_000_000, "1700000000", None),
    (DeliveriesProbed(), "probed deliveries", Probe(at=1, arrived_at=2), "1:2", None),
]


def test_there_is_a_line_here_for_each_kind_of_marker() -> None:
    assert {type(key).__name__ for key, *_ in KINDS} == {kind.__name__ for kind in MarkerKey.__subclasses__()}


@pytest.mark.parametrize(("key", "text", "value", "stored", "owner"), KINDS, ids=str)
def test_a_marker_is_stored_as_the_first_version_stored_it_and_read_back(
    key: MarkerKey[Any], text: str, value: Any, stored: str, owner: object, tmp_path: Path
) -> None:
    assert (key.text, read_key(text), key.owner) == (text, key, owner)
    store = Store(f"sqlite:///{tmp_path / 'planward.db'}", Sealer(("k" * 32,)))
    assert asyncio.run(store.markers.find(key)) is None
    asyncio.run(store.markers.keep(key, value))
    with store._database.engine.connect() as connection:
        assert connection.execute(select(tables.markers.c.key, tables.markers.c.value)).all() == [(text, stored)]
    assert asyncio.run(store.markers.find(key)) == value
    store.close()


def test_exactly_one_of_several_claims_of_a_marker_succeeds_and_succeeds_again(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'planward.db'}", Sealer(("k" * 32,)))
    key = UnknownCommandMarker(REPOSITORY, 12, "a1")

    async def claims() -> list[bool]:
        return list(await asyncio.gather(*(store.markers.claim(key, comment) for comment in range(8))))

    async def kept() -> int | None:
        return await store.markers.find(key)

    claimed = asyncio.run(claims())
    assert claimed.count(True) == 1
    assert asyncio.run(claims()) == claimed
    assert asyncio.run(kept()) == claimed.index(True)
    store.close()


def test_a_redelivery_of_the_first_version_had_no_time() -> None:
    assert RedeliveryMarker("guid").read("1:2") == RedeliveryRequest(times=1, after=2, at=0)


@pytest.mark.parametrize(
    ("key", "stored"),
    [
        (CommentMarker(REPOSITORY, 12), "being unmade"),
        (DeploymentMarker(RUN), "being made"),
        (DeploymentStatusMarker(RUN), "saying nothing"),
        (PromotionMarker(REPOSITORY, 12), "red"),
        (MessageMarker(ABOUT_RUN, 0), "maybe"),
        (RedeliveryMarker("guid"), "1"),
        (DeliveriesReconciled(), "yesterday"),
        (DeliveriesProbed(), "1"),
    ],
    ids=str,
)
def test_a_value_that_this_version_does_not_know_is_refused(key: MarkerKey[Any], stored: str) -> None:
    with pytest.raises(ValueError):
        key.read(stored)


@pytest.mark.parametrize(
    "text",
    ["", "comment:7", "comment:7:12:3", "comment:7:x", "comment: 7:12", "said:0", "said:a:b:c:0", "of tomorrow:7:12"],
)
def test_a_key_that_this_version_does_not_know_has_no_meaning(text: str) -> None:
    assert read_key(text) is None


@pytest.mark.parametrize("subject", [ABOUT_RUN, ABOUT_PLAN, ABOUT_PROMOTION], ids=str)
def test_a_subject_is_read_as_it_was_written(subject: AboutRun | AboutPlan | AboutPromotion) -> None:
    assert read_subject(subject.text) == subject
