"""The data that is removed with age and the data that is kept whatever its age, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from ghapp.sealing import Sealer
from ghapp.store import ApplyState, Store
from ghapp.store.delivery_markers import RedeliveryMarker, RedeliveryRequest
from ghapp.store.marker_kinds import Created, DeploymentMarker
from ghapp.store.tables import explained_pull_requests, markers, pull_requests
from ghapp.values import CommitSha, InstallationId, RunId, TreeId
from tests.databases import new_sqlite
from tests.ghapp.past_store import BRANCH, DAY, NEW, OLD, REPOSITORY, STAGING, Past


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def urls(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "sqlite":
        yield new_sqlite(tmp_path_factory.mktemp("past"))
    else:
        yield str(request.getfixturevalue("postgres").prepared())


@pytest.fixture
def past(urls: str) -> Iterator[Past]:
    """A store without rows. It is emptied for each test, since creating the tables again would take longer."""
    past = Past(urls)
    past.empty()
    yield past
    past.close()


def test_a_run_is_removed_with_everything_of_it_when_it_is_old(past: Past) -> None:
    past.ended("old")
    past.ended("old apply", "apply", state=ApplyState(explains=(1,)))
    past.wait(1)
    past.ended("newer apply", "apply", head=NEW)
    past.wait(31)
    past.ended("young", head=NEW)
    past.tidy()
    assert (past.has("old"), past.has("young")) == (False, True)
    with past.store._database.engine.connect() as connection:
        assert connection.execute(select(explained_pull_requests)).all() == []
    assert past.do(past.store.runs.read_log(RunId("old"))) == ()
    assert past.do(past.store.runs.root_reports(RunId("old"))) == {}
    assert past.do(past.store.runs.report(RunId("old"))) is None


def test_removed_runs_are_still_counted(past: Past) -> None:
    past.ended("1")
    past.ended("2", head=NEW, as_="failure")
    before = past.do(past.store.overview.count_runs())
    past.wait(31)
    past.tidy()
    assert past.do(past.store.overview.count_runs()) == before == {("plan", "success"): 1, ("plan", "failure"): 1}
    past.ended("3")
    past.wait(31)
    past.tidy()
    assert past.do(past.store.overview.count_runs())["plan", "success"] == 2


def test_an_unfinished_run_is_kept_whatever_its_age(past: Past) -> None:
    past.run("going")
    past.wait(9999)
    past.tidy()
    assert past.has("going")


def test_data_of_open_pull_requests_is_kept(past: Past) -> None:
    past.pull_request(1, "open")
    past.judged(1, past.ended("judged", pull_request=1))
    past.do(past.store.approvals.add(REPOSITORY, kind="confirm", environment=STAGING, sha=OLD, by="mona"))
    past.wait(9999)
    past.tidy()
    assert past.has("judged")
    assert past.verdicts(1) == 1
    assert len(past.do(past.store.approvals.of(REPOSITORY, OLD, kind="confirm", environment=STAGING))) == 1
    past.pull_request(1, "closed")
    past.wait(31)
    past.tidy()
    assert not past.has("judged")
    assert past.verdicts(1) == 0
    assert past.do(past.store.approvals.of(REPOSITORY, OLD, kind="confirm", environment=STAGING)) == ()
    assert past.do(past.store.pull_requests.find(REPOSITORY, 1)) is None


def test_the_explanation_of_an_unapplied_merge_is_kept(past: Past) -> None:
    past.last(NEW)
    past.wait(1)
    past.judged(1, past.ended("judged", pull_request=1))
    past.merged(1)
    past.wait(9999)
    past.tidy()
    assert past.has("judged")
    assert past.verdicts(1) == 1
    past.last(OLD)
    past.tidy()
    assert not past.has("judged")
    assert past.verdicts(1) == 0


def test_an_apply_that_began_before_a_merge_does_not_count_as_the_apply_of_the_merge(past: Past) -> None:
    past.judged(1, past.ended("judged", pull_request=1))
    past.merged(1)
    past.wait(0.1)
    past.last(NEW)
    past.wait(9999)
    past.tidy()
    assert past.verdicts(1) == 1


def test_the_verdict_of_a_merge_queue_is_kept_with_its_run(past: Past) -> None:
    past.last(NEW)
    past.judged(1, past.ended("group", head=CommitSha("d" * 40)))
    past.merged(1)
    past.wait(9999)
    past.tidy()
    assert past.has("group")


def test_a_hold_that_waits_is_kept_until_another_commit_is_applied(past: Past) -> None:
    past.ended("before", "apply", CommitSha("c" * 40))
    past.wait(1)
    past.ended("held", "apply", OLD, as_="action_required")
    past.do(past.store.approvals.add(REPOSITORY, kind="apply", environment=STAGING, sha=OLD, by="mona"))
    past.wait(9999)
    past.tidy()
    assert (past.has("before"), past.has("held")) == (False, True)
    assert len(past.do(past.store.approvals.of(REPOSITORY, OLD, kind="apply", environment=STAGING))) == 1
    past.ended("newer", "apply", NEW)
    past.tidy()
    assert (past.has("held"), past.has("newer")) == (False, True)


def test_attempts_at_one_commit_go_together(past: Past) -> None:
    past.ended("0", "apply", OLD)
    past.ended("1", "apply", OLD, attempt=1)
    past.wait(20)
    past.ended("2", "apply", OLD, attempt=2)
    past.wait(1)
    past.ended("newer", "apply", NEW)
    past.wait(20)
    past.tidy()
    assert [past.has(id) for id in "012"] == [True, True, True]
    past.wait(20)
    past.do(past.store.retention.remove_runs(before=past.now - 30 * DAY, limit=1))
    # If a removal is interrupted in the middle, the remaining numbers have no gap.
    assert [past.has(id) for id in "012"] == [True, True, False]


def test_each_commit_that_once_was_LAST_is_kept(past: Past) -> None:  # noqa: N802
    for sha in (OLD, NEW, OLD):
        past.last(sha)
        past.wait(500)
    past.tidy()
    history = past.do(past.store.branches.with_tree(REPOSITORY, STAGING, TreeId("f" * 40)))
    assert [each.sha for each in history] == [OLD, NEW, OLD]


def test_pushers_are_known_from_LAST_on(past: Past) -> None:  # noqa: N802
    def push(before: str, after: str, pusher: str) -> None:
        note = past.store.branches.record_push
        past.do(note(REPOSITORY, BRANCH, CommitSha(before * 40), CommitSha(after * 40), pusher))

    past.last(CommitSha("1" * 40))
    past.wait(1)
    push("1", "2", "ada")
    push("2", "3", "bob")
    past.wait(20)
    past.last(CommitSha("3" * 40))
    push("3", "4", "cem")
    past.wait(9999)
    past.tidy()
    pushed = tuple(CommitSha(each * 40) for each in "1234")
    assert past.do(past.store.branches.pushers(REPOSITORY, BRANCH, pushed)) == {"3" * 40: "bob", "4" * 40: "cem"}
    last = past.do(past.store.branches.last(REPOSITORY, STAGING))
    assert past.do(past.store.branches.pushers_since(REPOSITORY, BRANCH, last)) == ("cem",)


def test_the_authors_of_a_commit_are_known_until_every_environment_has_passed_it(past: Past) -> None:
    people = past.store.commit_people
    past.last(CommitSha("1" * 40))
    past.wait(1)
    past.do(people.record_writers(REPOSITORY, {CommitSha("2" * 40): {7: "ada"}}))
    past.wait(400)
    past.tidy()
    assert past.do(people.writers(REPOSITORY, [CommitSha("2" * 40)])) == {"2" * 40: {7: "ada"}}
    past.last(CommitSha("2" * 40))
    past.tidy()
    assert past.do(people.writers(REPOSITORY, [CommitSha("2" * 40)])) == {}


def test_a_created_object_is_remembered_as_long_as_its_owner(past: Past) -> None:
    past.pull_request(1, "open")
    past.pull_request(2, "closed", NEW)
    run = past.ended("a" * 24, "apply")
    keys = {
        "deployment:" + run.id: True,
        "deployment:" + run.id + ":state": True,
        f"said:{run.id}:applied:0": True,
        "deployment:" + "b" * 24: False,
        "said:" + "b" * 24 + ":applied:0": False,
        "comment:7:1": True,
        "promotion:7:1": True,
        "said:promotion:7:1:green:promotion:0": True,
        f"said:7:1:{OLD}:abc:waiting:0": True,
        "comment:7:2": False,
        "promotion:7:2": False,
        "said:promotion:7:2:green:promotion:0": False,
        f"said:7:2:{OLD}:abc:waiting:0": False,
        "adopted:7": True,
        "applying:7:staging": True,
        "looked for missed deliveries": True,
        "of a newer version:7:2": True,
    }
    for key in keys:
        past.execute(markers.insert().values(key=key, value="1", at=past.now))
    past.wait(500)
    young = DeploymentMarker(RunId("c" * 24))  # of a run that has not begun yet
    past.do(past.store.markers.keep(young, Created(id=1)))
    past.tidy()
    with past.store._database.engine.connect() as connection:
        kept = set(connection.scalars(select(markers.c.key)))
    assert kept == {key for key, is_kept in keys.items() if is_kept} | {young.text}


def test_marks_of_redeliveries_are_kept_longer_than_github_keeps_deliveries(past: Past) -> None:
    redelivery = RedeliveryMarker("guid")
    past.do(past.store.markers.keep(redelivery, RedeliveryRequest(times=1, after=2)))
    past.wait(29)
    past.do(past.store.retention.remove_redelivery_markers())
    young = past.store.markers.find(redelivery)
    assert past.do(young) == RedeliveryRequest(times=1, after=2)
    past.wait(2)
    past.do(past.store.retention.remove_redelivery_markers())
    old = past.store.markers.find(redelivery)
    assert past.do(old) is None


def test_a_log_is_removed_before_its_run(past: Past) -> None:
    past.ended("old")
    past.run("going", head=NEW)
    past.wait(31)
    past.do(past.store.retention.remove_logs(before=past.now - 30 * DAY, limit=10))
    run = past.do(past.store.runs.load(RunId("old")))
    assert run.log_removed_at == past.now
    assert past.do(past.store.runs.read_log(run.id)) == ()
    assert past.do(past.store.runs.report(run.id)) == b"[]"
    assert past.do(past.store.runs.read_log(RunId("going"))) != ()
    assert past.do(past.store.retention.remove_logs(before=past.now - 30 * DAY, limit=10)) == 0


def test_the_audit_log_has_an_age_of_its_own(past: Past) -> None:
    past.do(past.store.approvals.audit(REPOSITORY, who="mona", did="cancel", sha=OLD))
    past.wait(500)
    past.tidy()
    assert past.do(past.store.retention.remove_audit_entries(before=past.now - 501 * DAY, limit=10)) == 0
    assert past.do(past.store.retention.remove_audit_entries(before=past.now - 499 * DAY, limit=10)) == 1


def test_a_pull_request_that_an_older_version_noted_ages_from_when_it_is_found(past: Past) -> None:
    past.pull_request(1, "closed")
    past.execute(pull_requests.update().values(seen_at=None))
    past.wait(500)
    past.tidy()
    assert past.do(past.store.pull_requests.find(REPOSITORY, 1)) is not None
    past.wait(31)
    past.tidy()
    assert past.do(past.store.pull_requests.find(REPOSITORY, 1)) is None


def test_reports_and_logs_of_a_repository_that_was_left_are_erased(past: Past) -> None:
    def see() -> None:
        past.do(
            past.store.repositories.record(
                id=REPOSITORY,
                installation_id=InstallationId(3),
                full_name="acme/shop",
                clone_url="https://github.com/acme/shop.git",
                default_branch="staging",
            )
        )

    see()
    past.ended("done")
    past.do(past.store.repositories.deactivate(REPOSITORY, for_good=False))
    assert past.do(past.store.retention.erase_uninstalled(limit=10)) == 0
    past.do(past.store.repositories.deactivate(REPOSITORY, for_good=True))
    see()
    assert past.do(past.store.retention.erase_uninstalled(limit=10)) == 0
    past.do(past.store.repositories.deactivate(REPOSITORY, for_good=True))
    assert past.do(past.store.retention.erase_uninstalled(limit=10)) == 1
    assert past.do(past.store.runs.read_log(RunId("done"))) == ()
    assert past.do(past.store.runs.root_reports(RunId("done"))) == {}
    assert past.do(past.store.runs.report(RunId("done"))) is None
    assert past.has("done")
    assert past.do(past.store.retention.erase_uninstalled(limit=10)) == 0


def test_everything_is_encrypted_again_with_the_first_key(urls: str, past: Past, tmp_path: Path) -> None:
    past.ended("done")
    rotated = Store(urls, Sealer(("n" * 32, "k" * 32)))
    assert rotated.key_rotation.is_under_way
    assert past.do(rotated.key_rotation.reseal_rows(limit=2)) == 2
    assert past.do(rotated.key_rotation.reseal_rows(limit=9)) == 1
    assert past.do(rotated.key_rotation.reseal_rows(limit=9)) == 0
    rotated.close()
    alone = Store(urls, Sealer(("n" * 32,)))
    assert not alone.key_rotation.is_under_way
    assert past.do(alone.runs.report(RunId("done"))) == b"[]"
    assert past.do(alone.runs.root_reports(RunId("done"))) == {("1:staging", "network"): b"{}"}
    assert [text for _, _, text in past.do(alone.runs.read_log(RunId("done")))] == ["a line"]
    alone.close()
