"""Keys of jobs name the work, not the delivery."""

import msgspec
import pytest

from ghapp import events
from ghapp.jobs import (
    Cleanup,
    Comment,
    Discover,
    EventJob,
    Job,
    NotifyApply,
    PlanRun,
    Reconcile,
    ReconcileDeliveries,
    Replan,
    ReplanGroup,
    SendChatMessage,
    SettleBranch,
    jobs_for,
    queue_of,
    read_job,
)
from ghapp.jobs.causes import (
    Abandoned,
    Approved,
    Discovered,
    EnvironmentBusy,
    EnvironmentWanted,
    Missed,
    PullRequestMerged,
    Pushed,
    Rerun,
    WaitEnded,
)
from ghapp.values import NO_COMMIT, BranchName, CommitSha, EnvironmentName, InstallationId, RepositoryId, RunId
from ghapp.webhook import Delivery

A, B, C = (CommitSha(letter * 40) for letter in "abc")
REPOSITORY = events.Repository(
    id=RepositoryId(7),
    full_name="acme/infra",
    clone_url="https://github.com/acme/infra.git",
    default_branch=BranchName("staging"),
)
ADA = events.Person(login="ada", id=1)


def changed(action: str = "opened", *, head: CommitSha = A, base: CommitSha = B) -> events.PullRequestChanged:
    return events.PullRequestChanged(
        installation_id=InstallationId(3),
        repository=REPOSITORY,
        number=12,
        title="Widen",
        url="https://github.com/acme/infra/pull/12",
        author=ADA,
        sender=ADA,
        head=events.Head(sha=head, ref=BranchName("topic"), repository_id=REPOSITORY.id),
        base=events.Base(sha=base, ref=BranchName("staging")),
        action=action,  # type: ignore[arg-type]
        draft=False,
        base_changed=False,
    )


def pushed(before: CommitSha = A, after: CommitSha = B) -> events.BranchPushed:
    return events.BranchPushed(
        installation_id=InstallationId(3),
        repository=REPOSITORY,
        branch=BranchName("staging"),
        before=before,
        after=after,
        created=before == NO_COMMIT,
        deleted=after == NO_COMMIT,
        forced=False,
        pusher=ADA,
    )


def commented(body: str, *, is_bot: bool = False, is_pull_request: bool = True) -> events.CommentCreated:
    return events.CommentCreated(
        installation_id=InstallationId(3),
        repository=REPOSITORY,
        number=12,
        is_pull_request=is_pull_request,
        comment_id=99,
        body=body,
        author=events.Person(login="ada", id=1, is_bot=is_bot),
    )


def key(event: events.Event, delivery: str = "guid-1") -> str | None:
    jobs = jobs_for(Delivery(id=delivery, event=event))
    return jobs[0].key if jobs else None


@pytest.mark.parametrize("event", [changed(), changed("synchronize"), pushed(), commented("planward plan")])
def test_the_same_work_in_another_delivery_is_the_same_job(event: events.Event) -> None:
    assert key(event, "guid-1") == key(event, "guid-2")


@pytest.mark.parametrize("action", ["reopened", "ready_for_review", "edited", "converted_to_draft"])
def test_the_same_request_made_twice_is_a_new_job_but_a_redelivery_is_not(action: str) -> None:
    event = changed(action)
    assert key(event, "guid-1") == key(event, "guid-1")
    assert key(event, "guid-1") != key(event, "guid-2")


def test_another_head_or_base_is_another_job() -> None:
    assert len({key(changed()), key(changed(head=C)), key(changed(base=C))}) == 3


def test_another_push_is_another_job() -> None:
    assert len({key(pushed()), key(pushed(after=C)), key(pushed(before=C))}) == 3


@pytest.mark.parametrize(
    "event",
    [
        events.Ping(),
        events.Ignored(reason="nobody asked"),
        commented("looks good"),
        commented("planward plan", is_bot=True),
        commented("planward plan", is_pull_request=False),
    ],
)
def test_an_event_that_asks_for_nothing_enqueues_no_job(event: events.Event) -> None:
    assert jobs_for(Delivery(id="guid-1", event=event)) == ()


def test_each_branch_has_at_most_one_running_settle_job() -> None:
    job = SettleBranch(repository_id=RepositoryId(7), branch=BranchName("staging"), cause=Missed(tip=CommitSha("push")))
    assert queue_of(job) == ("branches", "7:staging")


@pytest.mark.parametrize(
    ("job", "queue"),
    [
        (EventJob(key="1", event=pushed()), ("events", "7")),
        (EventJob(key="1", event=changed()), ("events", "7")),
        (
            EventJob(
                key="1",
                event=events.InstallationChanged(
                    installation_id=InstallationId(3), sender=ADA, action="created", repositories=()
                ),
            ),
            ("events", "installation 3"),
        ),
        (Replan(repository_id=RepositoryId(7), number=1, cause="c"), ("events", "7")),
        (ReplanGroup(run_id=RunId("r"), cause="c"), ("events", "-")),
        (NotifyApply(run_id=RunId("r")), ("events", "-")),
        (PlanRun(run_id=RunId("r"), repository_id=RepositoryId(7)), ("plans", "7")),
        (Reconcile(repository_id=RepositoryId(7), cause="c"), ("background", None)),
        (Discover(repository_id=RepositoryId(7), full_name="a/b", installation_id=3, cause="c"), ("background", None)),
        (ReconcileDeliveries(at=0), ("background", None)),
        (Cleanup(at=0), ("background", None)),
        (Comment(repository_id=RepositoryId(7), number=1, at=0), ("events", "7")),
    ],
)
def test_short_jobs_do_not_wait_for_long_ones_nor_one_repository_for_another(
    job: Job, queue: tuple[str, str | None]
) -> None:
    assert queue_of(job) == queue


@pytest.mark.parametrize(
    ("stored", "job", "key"),
    [
        (
            '{"type":"plan_anew","repository_id":7,"number":12,"cause":"c","debounced":true}',
            Replan(repository_id=RepositoryId(7), number=12, cause="c", debounced=True),
            "plan_anew:7:12:c",
        ),
        (
            '{"type":"plan_group_anew","run_id":"r","cause":"c"}',
            ReplanGroup(run_id=RunId("r"), cause="c"),
            "plan_group_anew:r:c",
        ),
        *(
            (
                '{"type":"settle","repository_id":7,"branch":"staging","cause":"' + text + '"}',
                SettleBranch(repository_id=RepositoryId(7), branch=BranchName("staging"), cause=cause),
                f"settle:7:staging:{text}",
            )
            for text, cause in (
                (f"push:{A}:{B}", Pushed(before=A, after=B)),
                (f"closed:12:{A}", PullRequestMerged(number=12, merge_sha=A)),
                ("closed:12:None", PullRequestMerged(number=12, merge_sha=None)),
                ("due:r", WaitEnded(run_id=RunId("r"))),
                ("approved:act:9:0", Approved(decision="act:9:0")),
                ("rerun:act:9:planward/apply (staging)", Rerun(decision="act:9:planward/apply (staging)")),
                ("busy:r:2", EnvironmentBusy(run_id=RunId("r"), attempt=2)),
                ("free:r:h", EnvironmentWanted(run_id=RunId("r"), holder=RunId("h"))),
                ("abandoned:r", Abandoned(run_id=RunId("r"))),
                (f"missed:{A}", Missed(tip=A)),
                (f"seen:{A}:{B}", Discovered(tip=A, last=B)),
            )
        ),
        ('{"type":"tell","run_id":"r","attempt":1}', NotifyApply(run_id=RunId("r"), attempt=1), "tell:r:1"),
        ('{"type":"look_for_missed","at":5}', ReconcileDeliveries(at=5), "look_for_missed:5"),
        ('{"type":"tidy_up","at":5}', Cleanup(at=5), "tidy_up:5"),
        (
            '{"type":"say","about":"a","repository_id":7,"environment":"staging","config_sha":"'
            + A
            + '","message":"{}","attempt":2}',
            SendChatMessage(
                about="a",
                repository_id=RepositoryId(7),
                environment=EnvironmentName("staging"),
                config_sha=A,
                message="{}",
                attempt=2,
            ),
            "say:a:2",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, msgspec.Struct) else "",
)
def test_a_job_that_an_older_version_stored_is_the_same_job_under_the_same_key(stored: str, job: Job, key: str) -> None:
    read = read_job(msgspec.json.decode(stored))
    assert (read, read.key) == (job, key)
