"""A database after years of use: many runs of one repository, with all their rows."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Table

from ghapp.store import tables
from ghapp.values import BranchName, CommitSha, EnvironmentName, RepositoryId, RunId, TreeId

REPOSITORY = RepositoryId(7)
STAGING = EnvironmentName("staging")
BRANCH = BranchName("staging")
PLAN, APPLY = "planward/plan", "planward/apply (staging)"
UNFINISHED = 12
"""The number of newest runs that are not completed."""
_START = 1_600_000_000.0


def sha(number: int) -> CommitSha:
    """The commit of an apply run, and the base of a plan run."""
    return CommitSha(f"{number:040x}")


def head(number: int) -> CommitSha:
    """The head of a pull request. All its plans are of this commit; only their bases differ."""
    return CommitSha(f"a{number:039x}")


def run_id(number: int) -> RunId:
    """The id of a run."""
    return RunId(f"{number:024x}")


def tree(number: int) -> TreeId:
    """The tree of a commit."""
    return TreeId(f"{number:040x}")


def fill(connection: Connection, runs: int, *, attempts: int = 8) -> None:
    """Store `runs` runs: every fifth is an apply, the others are plans. Each pull request has `attempts` runs."""
    repository = {
        "id": REPOSITORY,
        "installation_id": 1,
        "full_name": "acme/network",
        "first_name": "network",
        "clone_url": "https://github.com/acme/network.git",
        "default_branch": BRANCH,
        "first_seen_at": _START,
        "active": True,
    }
    connection.execute(tables.repositories.insert().values(repository))
    _insert(connection, tables.runs, (_run(number, runs, attempts) for number in range(runs)))
    applies = range(0, runs, 5)
    explained = ({"run_id": run_id(each), "number": each // 5, "repository_id": REPOSITORY} for each in applies)
    _insert(connection, tables.explained_pull_requests, explained)
    _insert(connection, tables.lasts, (_last(each) for each in applies))
    _insert(connection, tables.pushes, (_push(each) for each in applies))
    _insert(connection, tables.pull_requests, (_pull_request(each, runs // 5) for each in range(runs // 5)))
    _insert(connection, tables.verdicts, (_verdict(each, attempts) for each in range(runs) if each % 5))


def _run(number: int, runs: int, attempts: int) -> dict[str, Any]:
    is_apply, completed = number % 5 == 0, number < runs - UNFINISHED
    return {
        "id": run_id(number),
        "repository_id": REPOSITORY,
        "operation": "apply" if is_apply else "plan",
        "environment": STAGING,
        "branch": BRANCH,
        "head_sha": sha(number) if is_apply else head(number // attempts),
        "base_sha": sha(number),
        "pull_request": None if is_apply else number // attempts,
        "attempt": 0 if is_apply else number % attempts,
        "check_run_name": APPLY if is_apply else PLAN,
        "check_run_id": number + 1,
        "status": "completed" if completed else "in_progress",
        "conclusion": "success" if completed else None,
        "title": "Applied: 1 to add" if is_apply else "1 to add",
        "created_at": _START + number,
        "finished_at": _START + number + 60 if completed else None,
        "data": {"explains": [number // 5]} if is_apply else {"bases": {str(number // attempts): sha(number)}},
    }


def _last(number: int) -> dict[str, Any]:
    return {
        "repository_id": REPOSITORY,
        "environment": STAGING,
        "branch": BRANCH,
        "sha": sha(number),
        "tree": tree(number),
        "applied": True,
        "at": _START + number + 60,
    }


def _push(number: int) -> dict[str, Any]:
    return {
        "repository_id": REPOSITORY,
        "branch": BRANCH,
        "before": sha(max(0, number - 5)),
        "after": sha(number),
        "pusher": f"person{number % 20}",
        "at": _START + number,
    }


def _pull_request(number: int, pull_requests: int) -> dict[str, Any]:
    is_open = number >= pull_requests - 10
    return {
        "repository_id": REPOSITORY,
        "number": number,
        "state": "open" if is_open else "merged",
        "head_sha": head(number),
        "head_repository_id": REPOSITORY,
        "base_branch": BRANCH,
        "url": f"https://github.com/acme/network/pull/{number}",
        "author": "ada",
        "author_id": 1,
        "author_is_bot": False,
        "draft": False,
        "title": "Add a network",
        "merge_sha": None if is_open else sha(number * 5),
        "merged_by": None if is_open else "bob",
        "merged_at": None if is_open else _START + number * 5,
        "seen_at": _START,
    }


def _verdict(number: int, attempts: int) -> dict[str, Any]:
    return {
        "repository_id": REPOSITORY,
        "pull_request": number // attempts,
        "base_branch": BRANCH,
        "head_sha": head(number // attempts),
        "base_sha": sha(number),
        "run_id": run_id(number),
        "conclusion": "success",
        "at": _START + number,
    }


def _insert(connection: Connection, table: Table, rows: Iterator[dict[str, Any]]) -> None:
    connection.execute(table.insert(), list(rows))
