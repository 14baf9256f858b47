"""A small merge queue: groups of one pull request each, built on top of one another.

https://docs.github.com/repositories/configuring-branches-and-merges-in-your-repository/configuring-pull-request-merges/managing-a-merge-queue
"""

from __future__ import annotations

from ghapp.local_github import events
from ghapp.local_github.access import Person
from ghapp.local_github.errors import ApiError
from ghapp.local_github.git import NO_SHA
from ghapp.local_github.merge import MergeRequest, make_merge, violation_text
from ghapp.local_github.protection import check_states, merge_violations
from ghapp.local_github.pushes import QUEUE_PREFIX, ref_moved
from ghapp.local_github.state import Account, PullRequest, QueueEntry, Repository
from ghapp.local_github.world import World


def enqueue(world: World, pull: PullRequest, account: Account) -> None:
    """Press "Merge when ready". Raises 405 if a rule other than the queue forbids the merge."""
    if pull.state != "open" or pull.draft:
        raise ApiError(405, "Pull Request is not mergeable")
    found = merge_violations(world, pull, Person(account), method="merge")
    found = [violation for violation in found if violation.type != "merge_queue"]
    if found:
        raise ApiError(405, violation_text(found))
    _add(world, pull, account)
    advance(world, pull.repository)


def _add(world: World, pull: PullRequest, account: Account) -> None:
    repository = pull.repository
    waiting = repository.merge_queues.setdefault(pull.base_ref, [])
    base = waiting[-1].head_sha if waiting else repository.git.tip(pull.base_ref) or NO_SHA
    head = make_merge(world, pull, MergeRequest(), account, onto=base)
    if head is None:
        raise ApiError(405, "Pull Request is not mergeable")
    ref = f"{QUEUE_PREFIX}{pull.base_ref}/pr-{pull.number}-{base}"
    entry = QueueEntry(pull=pull, enqueued_by=account, head_ref=ref, head_sha=head, base_sha=base)
    waiting.append(entry)
    repository.git.update_ref(f"refs/heads/{ref}", head)
    ref_moved(world, repository, f"refs/heads/{ref}", NO_SHA, head, account)
    events.merge_group(world, repository, entry, "checks_requested", account)


def remove(world: World, pull: PullRequest) -> None:
    """Take a pull request out of the queue, and rebuild the later groups without it."""
    for entry in pull.repository.merge_queues.get(pull.base_ref, []):
        if entry.pull is pull:
            _drop(world, pull.repository, entry)
            return


def advance(world: World, repository: Repository) -> None:
    """Merge the green groups at the front of each queue in one push. If the first group is red, drop it."""
    for branch, waiting in list(repository.merge_queues.items()):
        green = 0
        for entry in waiting:
            states = set(check_states(repository, branch, entry.head_sha))
            if "failing" in states and green == 0:
                _drop(world, repository, entry)
                return
            if states - {"successful"}:
                break
            green += 1
        if green:
            _merge(world, repository, branch, waiting[:green])


def _merge(world: World, repository: Repository, branch: str, entries: list[QueueEntry]) -> None:
    del repository.merge_queues[branch][: len(entries)]
    last, ref = entries[-1], f"refs/heads/{branch}"
    before = repository.git.ref(ref) or NO_SHA
    for entry in entries:
        pull = entry.pull
        pull.merged_at, pull.merged_by = world.now(), entry.enqueued_by
        pull.merge_commit_sha, pull.base_sha = entry.head_sha, entry.base_sha
        pull.issue.state, pull.issue.closed_at = "closed", pull.merged_at
    repository.git.update_ref(ref, last.head_sha)
    ref_moved(world, repository, ref, before, last.head_sha, last.enqueued_by, from_queue=True)
    for entry in entries:
        events.pull_request(world, entry.pull, "closed", entry.enqueued_by)
        _end(world, repository, entry, "merged")


def _drop(world: World, repository: Repository, entry: QueueEntry) -> None:
    waiting = repository.merge_queues[entry.pull.base_ref]
    later = waiting[waiting.index(entry) + 1 :]
    del waiting[waiting.index(entry) :]
    _end(world, repository, entry, "dequeued")
    for other in later:
        _end(world, repository, other, "invalidated")
    for other in later:
        _add(world, other.pull, other.enqueued_by)


def _end(world: World, repository: Repository, entry: QueueEntry, reason: str) -> None:
    events.merge_group(world, repository, entry, "destroyed", entry.enqueued_by, reason=reason)
    ref = f"refs/heads/{entry.head_ref}"
    repository.git.delete_ref(ref)
    ref_moved(world, repository, ref, entry.head_sha, NO_SHA, entry.enqueued_by)


def position(pull: PullRequest) -> int | None:
    """Return the place of a pull request in the queue, from 1."""
    waiting = [entry.pull for entry in pull.repository.merge_queues.get(pull.base_ref, [])]
    return waiting.index(pull) + 1 if pull in waiting else None
