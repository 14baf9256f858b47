"""Open, edit and close pull requests, update them after a push, and report whether they can be merged."""

from __future__ import annotations

from ghapp.local_github import events, reviews
from ghapp.local_github.access import Actor
from ghapp.local_github.errors import Unprocessable, field_error
from ghapp.local_github.git import BareRepository
from ghapp.local_github.protection import dismisses_stale_reviews, is_behind, merge_violations, must_be_up_to_date
from ghapp.local_github.state import JSON, Account, Issue, PullRequest, Repository
from ghapp.local_github.world import World


def new_issue(world: World, repository: Repository, *, title: str, body: str | None, author: Account) -> Issue:
    now = world.now()
    issue = Issue(
        id=world.new_id(),
        number=len(repository.issues) + 1,
        title=title,
        body=body,
        author=author,
        created_at=now,
        updated_at=now,
    )
    repository.issues[issue.number] = issue
    return issue


def open_pull(
    world: World,
    repository: Repository,
    *,
    title: str,
    body: str | None,
    head: str,
    base: str,
    draft: bool,
    author: Account,
    maintainer_can_modify: bool = True,
) -> PullRequest:
    """Open a pull request from `BRANCH` or `OWNER:BRANCH`. Raises 422 as GitHub does."""
    source, branch = _head_of(world, repository, head)
    base_sha = repository.git.tip(base)
    if base_sha is None:
        raise Unprocessable(field_error("PullRequest", "base", "invalid"))
    head_sha = source.git.tip(branch)
    if head_sha is None:
        raise Unprocessable(field_error("PullRequest", "head", "invalid"))
    for other in repository.pulls:
        if (
            other.state == "open"
            and other.head_repository is source
            and (other.head_ref, other.base_ref) == (branch, base)
        ):
            text = f"A pull request already exists for {source.owner.login}:{branch}."
            raise Unprocessable({"resource": "PullRequest", "code": "custom", "message": text})
    if source is not repository:
        repository.git.fetch(source.git, head_sha)
    if repository.git.is_ancestor(head_sha, base_sha):
        text = f"No commits between {base} and {branch}"
        raise Unprocessable({"resource": "PullRequest", "code": "custom", "message": text})
    issue = new_issue(world, repository, title=title, body=body, author=author)
    pull = PullRequest(
        id=world.new_id(),
        issue=issue,
        repository=repository,
        head_repository=source,
        head_owner=source.owner,
        head_ref=branch,
        head_sha=head_sha,
        base_ref=base,
        base_sha=base_sha,
        draft=draft,
        maintainer_can_modify=maintainer_can_modify and source is not repository,
    )
    issue.pull = pull
    repository.git.update_ref(f"refs/pull/{pull.number}/head", head_sha)
    events.pull_request(world, pull, "opened", author)
    return pull


def _head_of(world: World, repository: Repository, head: str) -> tuple[Repository, str]:
    owner, colon, branch = head.partition(":")
    if not colon:
        return repository, head
    if owner.lower() == repository.owner.login.lower():
        return repository, branch
    root = repository.parent or repository
    for other in world.repositories.values():
        if other.owner.login.lower() == owner.lower() and (other.parent or other) is root:
            return other, branch
    raise Unprocessable(field_error("PullRequest", "head", "invalid"))


def synchronize(world: World, pull: PullRequest, after: str, sender: Account) -> None:
    before, repository = pull.head_sha, pull.repository
    if pull.head_repository is not None and pull.head_repository is not repository:
        repository.git.fetch(pull.head_repository.git, after)
    pull.head_sha = after
    pull.base_sha = repository.git.tip(pull.base_ref) or pull.base_sha
    repository.git.update_ref(f"refs/pull/{pull.number}/head", after)
    _touch(world, pull)
    events.pull_request(world, pull, "synchronize", sender, before=before, after=after)
    if dismisses_stale_reviews(repository, pull.base_ref):
        reviews.dismiss_stale(world, pull, sender)


def change_base(world: World, pull: PullRequest, base: str, sender: Account) -> None:
    tip = pull.repository.git.tip(base)
    if tip is None or pull.state != "open":
        text = (
            f"Proposed base branch '{base}' was not found"
            if tip is None
            else "Cannot change base branch of a closed pull request."
        )
        raise Unprocessable({**field_error("PullRequest", "base", "invalid"), "message": text})
    changes = {"base": {"ref": {"from": pull.base_ref}, "sha": {"from": pull.base_sha}}}
    pull.base_ref, pull.base_sha = base, tip
    _touch(world, pull)
    events.pull_request(world, pull, "edited", sender, changes=changes)


def change_text(world: World, pull: PullRequest, *, title: str | None, body: str | None, sender: Account) -> None:
    changes: JSON = {}
    if title is not None and title != pull.issue.title:
        changes["title"] = {"from": pull.issue.title}
        pull.issue.title = title
    if body is not None and body != pull.issue.body:
        changes["body"] = {"from": pull.issue.body}
        pull.issue.body = body
    if changes:
        _touch(world, pull)
        events.pull_request(world, pull, "edited", sender, changes=changes)


def close(world: World, pull: PullRequest, sender: Account) -> None:
    if pull.state == "open":
        pull.issue.state = "closed"
        pull.issue.closed_at = world.now()
        _touch(world, pull)
        events.pull_request(world, pull, "closed", sender)


def reopen(world: World, pull: PullRequest, sender: Account) -> None:
    if pull.merged_at is not None:
        raise Unprocessable(
            {
                **field_error("PullRequest", "state", "invalid"),
                "message": "state cannot be changed. The pull request is already merged.",
            }
        )
    tip = None if pull.head_repository is None else pull.head_repository.git.tip(pull.head_ref)
    if tip is None or pull.repository.git.tip(pull.base_ref) is None:
        raise Unprocessable(
            {
                **field_error("PullRequest", "state", "invalid"),
                "message": f"state cannot be changed. The {pull.head_ref} branch has been deleted.",
            }
        )
    pull.issue.state, pull.issue.closed_at = "open", None
    pull.head_sha = tip
    _touch(world, pull)
    events.pull_request(world, pull, "reopened", sender)


def set_draft(world: World, pull: PullRequest, draft: bool, sender: Account) -> None:
    if pull.draft != draft:
        pull.draft = draft
        _touch(world, pull)
        events.pull_request(world, pull, "converted_to_draft" if draft else "ready_for_review", sender)


def _touch(world: World, pull: PullRequest) -> None:
    pull.issue.updated_at = world.now()


# -- whether it can be merged --------------------------------------------------------------------------------------


def test_merge(world: World, pull: PullRequest) -> bool | None:
    """Return GitHub's `mergeable`: None at the first request for this base and head, then True unless they conflict.

    `refs/pull/N/merge` moves only here, so it may be stale.
    """
    git = pull.repository.git
    tip = git.tip(pull.base_ref)
    if pull.state != "open" or tip is None:
        return None
    pair = (tip, pull.head_sha)
    if pull.mergeable_for != pair:
        pull.mergeable_for = pair
        pull.mergeable = _make_test_merge(world, git, pull, tip)
        return None
    return pull.mergeable


def _make_test_merge(world: World, git: BareRepository, pull: PullRequest, tip: str) -> bool:
    tree = git.merge_tree(tip, pull.head_sha)
    if tree is None:
        return False
    signature = world.signature_of(pull.issue.author)
    message = f"Merge {pull.head_sha} into {tip}"
    sha = git.commit_tree(tree, [tip, pull.head_sha], message, author=signature, committer=signature)
    git.update_ref(f"refs/pull/{pull.number}/merge", sha)
    pull.merge_commit_sha = sha
    return True


def mergeable_state(world: World, pull: PullRequest, mergeable: bool | None, actor: Actor) -> str:
    """Return clean, blocked, behind, dirty, draft, unstable or unknown."""
    if mergeable is None:
        return "unknown"
    if not mergeable:
        return "dirty"
    if pull.draft:
        return "draft"
    found = merge_violations(world, pull, actor, method="squash")
    if must_be_up_to_date(pull.repository, pull.base_ref) and is_behind(pull):
        return "behind"
    if found:
        return "blocked"
    runs = [run for run in pull.repository.check_runs if run.head_sha == pull.head_sha]
    newest = {(run.app.id, run.name): run for run in sorted(runs, key=lambda run: run.id)}.values()
    return "clean" if all(run.conclusion in ("success", "neutral", "skipped") for run in newest) else "unstable"
