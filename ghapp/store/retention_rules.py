"""Conditions for removing rows: rows that are still needed are kept, whatever their age.

LAST and its history are never removed: a promotion compares with every commit that once was LAST.
"""

from sqlalchemy import ColumnElement, FromClause, and_, exists, func, not_, or_, select

from ghapp.store.tables import approvals, commit_writers, lasts, pull_requests, pushes, runs, verdicts

_LONGEST_APPLY_S = 7 * 24 * 3600.0
"""No apply takes this long. So if LAST moves this long after a merge, the apply began after the merge, and LAST
contains the merge, since only a branch's tip is applied."""


def of_past_pull_request(p: FromClause) -> ColumnElement[bool]:
    """Whether this pull request can no longer explain a push: it is closed, or its merge is in LAST."""
    c, last = p.c, lasts.alias()
    of_branch = and_(last.c.repository_id == c.repository_id, last.c.branch == c.base_branch)
    waits = and_(exists().where(of_branch), not_(exists().where(of_branch, last.c.at > c.merged_at + _LONGEST_APPLY_S)))
    return or_(c.state == "closed", and_(c.state == "merged", c.merged_at.is_not(None), not_(waits)))


def attempt_is_needed(since: float) -> ColumnElement[bool]:
    """Whether a run, or another attempt at the same commit, is unfinished, ended after `since`, or may still decide
    something."""
    c, other = runs.c, runs.alias()
    o = other.c
    return exists().where(
        o.repository_id == c.repository_id,
        o.head_sha == c.head_sha,
        o.check_run_name == c.check_run_name,
        or_(
            o.status != "completed",
            o.finished_at >= since,
            _of_open_head(o.repository_id, o.head_sha),
            _of_verdict(o.id),
            _of_newest_apply(other),
        ),
    )


def verdict_is_needed() -> ColumnElement[bool]:
    """Whether a verdict's pull request may still be merged, or waits to be applied."""
    c, p = verdicts.c, pull_requests.alias()
    return exists().where(
        p.c.repository_id == c.repository_id, p.c.number == c.pull_request, not_(of_past_pull_request(p))
    )


def pull_request_is_needed() -> ColumnElement[bool]:
    """Whether a pull request is open, waits to be applied, or has other rows that are kept."""
    c = pull_requests.c
    of_run = and_(runs.c.repository_id == c.repository_id, runs.c.pull_request == c.number)
    of_verdict = and_(verdicts.c.repository_id == c.repository_id, verdicts.c.pull_request == c.number)
    return or_(not_(of_past_pull_request(pull_requests)), exists().where(of_run), exists().where(of_verdict))


def push_is_needed() -> ColumnElement[bool]:
    """Whether a push may be newer than LAST. If so, the person who pushed it must not approve its apply."""
    c, last, of_last = pushes.c, lasts.alias(), pushes.alias()
    newest = select(last.c.sha).where(last.c.repository_id == c.repository_id, last.c.branch == c.branch)
    newest_sha = newest.order_by(last.c.id.desc()).limit(1).scalar_subquery()
    newest_at = (
        select(func.max(last.c.at)).where(last.c.repository_id == c.repository_id, last.c.branch == c.branch)
    ).scalar_subquery()
    pushed_as = (
        select(func.max(of_last.c.id)).where(
            of_last.c.repository_id == c.repository_id, of_last.c.branch == c.branch, of_last.c.after == newest_sha
        )
    ).scalar_subquery()
    return and_(newest_at.is_not(None), or_(newest_at <= c.at + _LONGEST_APPLY_S, c.id >= pushed_as))


def writers_are_needed() -> ColumnElement[bool]:
    """Whether a commit may still enter an environment: some LAST has not moved since the commit was seen."""
    c, last, later = commit_writers.c, lasts.alias(), lasts.alias()
    moved = exists().where(
        later.c.repository_id == last.c.repository_id,
        later.c.environment == last.c.environment,
        later.c.at > c.at + _LONGEST_APPLY_S,
    )
    return exists().where(last.c.repository_id == c.repository_id, not_(moved))


def approval_is_needed() -> ColumnElement[bool]:
    """Whether the approved commit still has a run, or is the head of an open pull request."""
    c = approvals.c
    of_run = and_(runs.c.repository_id == c.repository_id, runs.c.head_sha == c.sha)
    return or_(exists().where(of_run), _of_open_head(c.repository_id, c.sha))


def _of_open_head(repository_id: ColumnElement[int], sha: ColumnElement[str]) -> ColumnElement[bool]:
    p = pull_requests.alias()
    return exists().where(p.c.repository_id == repository_id, p.c.head_sha == sha, p.c.state == "open")


def _of_verdict(run_id: ColumnElement[str]) -> ColumnElement[bool]:
    v, p = verdicts.alias(), pull_requests.alias()
    of_pull_request = and_(p.c.repository_id == v.c.repository_id, p.c.number == v.c.pull_request)
    return exists().where(v.c.run_id == run_id, of_pull_request, not_(of_past_pull_request(p)))


def _of_newest_apply(run: FromClause) -> ColumnElement[bool]:
    """Whether no other commit was applied or held in the environment later, so that the run may be a pending hold."""
    c, newer = run.c, runs.alias()
    later = and_(
        newer.c.repository_id == c.repository_id,
        newer.c.environment == c.environment,
        newer.c.operation == "apply",
        newer.c.head_sha != c.head_sha,
        newer.c.created_at > c.created_at,
    )
    return and_(c.operation == "apply", not_(exists().where(later)))
