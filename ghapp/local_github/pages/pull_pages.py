"""Pages about pull requests, and the buttons on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ghapp.local_github import checks, comments, pulls, queue, reviews
from ghapp.local_github.errors import ApiError, not_found
from ghapp.local_github.git import NO_SHA
from ghapp.local_github.merge import MergeRequest, merge_pull, update_branch
from ghapp.local_github.pages.code import branches
from ghapp.local_github.pages.diffs import file_diffs
from ghapp.local_github.pages.merge_box import check_rows, merge_box, newest_runs
from ghapp.local_github.pages.view import Answer, Page, PageRoute, Redirect, View
from ghapp.local_github.protection import push_violations
from ghapp.local_github.pushes import ref_moved
from ghapp.local_github.state import PullRequest
from ghapp.local_github.world import find_check_run, find_check_suite


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One entry of the timeline. `pull.html` shows each `kind` in its own way."""

    at: datetime
    kind: str
    item: Any


def list_pulls(view: View) -> Answer:
    state = view.query.get("state", "open")
    found = [pull for pull in view.repository.pulls if (pull.state == "open") is (state == "open")][::-1]
    counts = {name: sum(pull.state == name for pull in view.repository.pulls) for name in ("open", "closed")}
    shown = [(pull, check_rows(view.repository, pull.head_sha, None)) for pull in found]
    return Page(template="pulls.html", values={"pulls": shown, "state": state, "counts": counts})


def compare(view: View) -> Answer:
    repository = view.repository
    base, dots, head = view.params["basehead"].partition("...")
    if not dots:
        base, head = repository.default_branch, base
    git = repository.git
    base_sha, head_sha = git.tip(base), git.tip(head)
    if base_sha is None or head_sha is None:
        raise not_found()
    fork_point = git.merge_base(base_sha, head_sha) or base_sha
    commits = git.commits(f"{base_sha}..{head_sha}", limit=250)[::-1]
    existing = [p for p in repository.pulls if p.state == "open" and (p.head_ref, p.base_ref) == (head, base)]
    values = {
        "base": base,
        "head": head,
        "commits": commits,
        "diffs": file_diffs(git.changed_files(fork_point, head_sha), []),
        "mergeable": git.merge_tree(base_sha, head_sha) is not None,
        "branches": branches(repository),
        "existing": existing[0] if existing else None,
    }
    return Page(template="compare.html", values=values)


def create(view: View) -> Answer:
    view.require_role("write")
    pull = pulls.open_pull(
        view.world,
        view.repository,
        title=view.form.get("title", "").strip() or view.form["head"],
        body=view.form.get("body") or None,
        head=view.form["head"],
        base=view.form["base"],
        draft="draft" in view.form,
        author=view.account,
    )
    return _back(view, pull)


def _back(view: View, pull: PullRequest) -> Redirect:
    return Redirect(url=f"{view.home}/pull/{pull.number}")


def _common(view: View, tab: str) -> dict[str, Any]:
    pull = view.pull
    git = pull.repository.git
    fork_point = git.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha
    changed = git.changed_files(fork_point, pull.head_sha)
    return {
        "pull": pull,
        "tab": tab,
        "commits": git.commits(f"{pull.base_sha}..{pull.head_sha}", limit=250)[::-1],
        "changed": changed,
        "additions": sum(item.additions for item in changed),
        "deletions": sum(item.deletions for item in changed),
        "rows": check_rows(pull.repository, pull.head_sha, pull.base_ref if pull.state == "open" else None),
    }


def conversation(view: View) -> Answer:
    values = _common(view, "conversation")
    pull: PullRequest = values["pull"]
    values["timeline"] = _timeline(pull, values["commits"])
    values["box"] = merge_box(view.world, pull, view.actor)
    head = pull.head_repository
    values["deletable"] = pull.state == "closed" and head is not None and head.git.tip(pull.head_ref) is not None
    return Page(template="pull.html", values=values)


def _timeline(pull: PullRequest, commits: list[Any]) -> list[TimelineEntry]:
    entries = [
        TimelineEntry(at=datetime.fromisoformat(item.committer.date), kind="commit", item=item) for item in commits
    ]
    entries += [TimelineEntry(at=item.created_at, kind="comment", item=item) for item in pull.issue.comments]
    entries += [
        TimelineEntry(at=item.submitted_at, kind="review", item=item)
        for item in pull.reviews
        if item.submitted_at is not None
    ]
    entries += [TimelineEntry(at=item.created_at, kind="thread", item=item) for item in pull.threads]
    shas = {pull.head_sha, pull.merge_commit_sha}
    entries += [
        TimelineEntry(at=item.created_at, kind="deployment", item=item)
        for item in pull.repository.deployments
        if item.sha in shas
    ]
    if pull.merged_at is not None:
        entries.append(TimelineEntry(at=pull.merged_at, kind="merged", item=pull))
    elif pull.issue.closed_at is not None:
        entries.append(TimelineEntry(at=pull.issue.closed_at, kind="closed", item=pull))
    return sorted(entries, key=lambda entry: entry.at)


def commits_tab(view: View) -> Answer:
    return Page(template="pull_commits.html", values=_common(view, "commits"))


def files_tab(view: View) -> Answer:
    values = _common(view, "files")
    pull: PullRequest = values["pull"]
    values["diffs"] = file_diffs(values["changed"], newest_runs(pull.repository, pull.head_sha))
    return Page(template="pull_files.html", values=values)


def checks_tab(view: View) -> Answer:
    values = _common(view, "checks")
    pull: PullRequest = values["pull"]
    runs = newest_runs(pull.repository, pull.head_sha)
    wanted = view.query.get("check_run_id")
    chosen = find_check_run(view.repository, wanted) if wanted else (runs[-1] if runs else None)
    return Page(template="pull_checks.html", values={**values, "runs": runs, "run": chosen, "old": chosen not in runs})


def run_page(view: View) -> Answer:
    run = find_check_run(view.repository, view.params["check_run_id"])
    runs = newest_runs(view.repository, run.head_sha)
    related = [pull for pull in view.repository.pulls if _brings(pull, run.head_sha)]
    values = {"run": run, "runs": runs, "old": run not in runs, "related": related}
    return Page(template="run.html", values={**values, "commit": view.repository.git.commit(run.head_sha)})


def _brings(pull: PullRequest, sha: str) -> bool:
    git = pull.repository.git
    if pull.merge_commit_sha == sha and pull.merged_at is not None:
        return True
    return git.is_ancestor(sha, pull.head_sha) and not git.is_ancestor(sha, pull.base_sha)


# -- buttons -------------------------------------------------------------------------------------------------------


def _merge(view: View) -> None:
    view.require_role("write")
    pull = view.pull
    if queue_wanted := view.form.get("queue"):
        queue.enqueue(view.world, pull, view.account) if queue_wanted == "in" else queue.remove(view.world, pull)
        return
    merge_pull(view.world, pull, MergeRequest(method=view.form.get("method", "merge")), view.actor)


def _comment(view: View) -> None:
    body = view.form.get("body", "").strip().replace("\r\n", "\n")
    if body:
        comments.add(view.world, view.repository, view.pull.issue, body, author=view.account)


def _edit_comment(view: View) -> None:
    comment = next((one for one in view.pull.issue.comments if str(one.id) == view.form.get("id")), None)
    if comment is None:
        raise not_found()
    if comment.author is not view.account:
        view.require_role("write")
    comments.edit(view.world, view.repository, comment, view.form["body"].replace("\r\n", "\n"), sender=view.account)


def _review(view: View) -> None:
    reviews.create(view.world, view.pull, view.form["event"], view.form.get("body", ""), author=view.account)


def _state(view: View) -> None:
    if view.account is not view.pull.issue.author:
        view.require_role("triage")
    change = pulls.reopen if view.form["state"] == "open" else pulls.close
    change(view.world, view.pull, view.account)


def _draft(view: View) -> None:
    if view.account is not view.pull.issue.author:
        view.require_role("write")
    pulls.set_draft(view.world, view.pull, view.form["draft"] == "true", view.account)


def _base(view: View) -> None:
    view.require_role("write")
    pulls.change_base(view.world, view.pull, view.form["base"], view.account)


def _update_branch(view: View) -> None:
    view.require_role("write")
    update_branch(view.world, view.pull, None, view.account)


def _delete_branch(view: View) -> None:
    view.require_role("write")
    pull = view.pull
    repository = pull.head_repository
    if pull.state == "open" or repository is None:
        raise ApiError(422, "The branch is still needed.")
    found = push_violations(view.world, repository, pull.head_ref, view.actor, after=None)
    if found:
        raise ApiError(403, found[0].message)
    tip = repository.git.tip(pull.head_ref) or NO_SHA
    repository.git.delete_ref(f"refs/heads/{pull.head_ref}")
    ref_moved(view.world, repository, f"refs/heads/{pull.head_ref}", tip, NO_SHA, view.account)


def _resolve(view: View) -> None:
    for thread in view.pull.threads:
        thread.resolved = thread.resolved or str(thread.id) == view.form.get("id")


def _then_back(act: Callable[[View], None]) -> Callable[[View], Answer]:
    def handler(view: View) -> Answer:
        act(view)
        return _back(view, view.pull)

    return handler


def press(view: View) -> Answer:
    view.require_role("write")
    run = find_check_run(view.repository, view.params["check_run_id"])
    try:
        checks.press(view.world, view.repository, run, view.form["identifier"], view.account)
    except KeyError as error:
        raise ApiError(422, str(error)) from None
    return Redirect(url=view.form.get("back") or f"{view.home}/runs/{run.id}")


def rerun(view: View) -> Answer:
    view.require_role("write")
    run = find_check_run(view.repository, view.params["check_run_id"])
    checks.rerequest(view.world, view.repository, run, view.account)
    return Redirect(url=view.form.get("back") or f"{view.home}/runs/{run.id}")


def rerun_all(view: View) -> Answer:
    view.require_role("write")
    suite = find_check_suite(view.repository, view.params["suite_id"])
    checks.rerequest_suite(view.world, view.repository, suite, view.account)
    return Redirect(url=view.form.get("back") or view.home)


_R = "/{owner}/{repo}"
_P = f"{_R}/pull/{{number}}"

_BUTTONS = {
    "merge": _merge,
    "comment": _comment,
    "edit-comment": _edit_comment,
    "review": _review,
    "state": _state,
    "draft": _draft,
    "base": _base,
    "update-branch": _update_branch,
    "delete-branch": _delete_branch,
    "resolve": _resolve,
}

ROUTES = (
    PageRoute("GET", f"{_R}/pulls", list_pulls),
    PageRoute("POST", f"{_R}/pulls", create),
    PageRoute("GET", f"{_R}/compare/{{basehead:path}}", compare),
    PageRoute("GET", _P, conversation),
    PageRoute("GET", f"{_P}/commits", commits_tab),
    PageRoute("GET", f"{_P}/files", files_tab),
    PageRoute("GET", f"{_P}/checks", checks_tab),
    *(PageRoute("POST", f"{_P}/{name}", _then_back(act)) for name, act in _BUTTONS.items()),
    PageRoute("GET", f"{_R}/runs/{{check_run_id}}", run_page),
    PageRoute("POST", f"{_R}/runs/{{check_run_id}}/press", press),
    PageRoute("POST", f"{_R}/runs/{{check_run_id}}/rerun", rerun),
    PageRoute("POST", f"{_R}/suites/{{suite_id}}/rerun", rerun_all),
)
