"""The merge button: merge, squash and rebase, subject to the protection of the base branch."""

from __future__ import annotations

from dataclasses import dataclass

from ghapp.local_github import pulls
from ghapp.local_github.access import Actor, actor_account
from ghapp.local_github.errors import ApiError
from ghapp.local_github.git import NO_SHA
from ghapp.local_github.protection import Violation, merge_violations
from ghapp.local_github.pushes import ref_moved
from ghapp.local_github.state import Account, PullRequest
from ghapp.local_github.world import World

METHODS = ("merge", "squash", "rebase")


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRequest:
    method: str = "merge"
    sha: str | None = None
    title: str | None = None
    message: str | None = None


def merge_pull(world: World, pull: PullRequest, request: MergeRequest, actor: Actor) -> str:
    """Merge, and return the merge SHA. Raises 405 if the rules forbid it, and 409 if `sha` is not the head."""
    if pull.merged_at is not None or pull.state != "open":
        raise ApiError(405, "Pull Request is not mergeable")
    if pull.draft:
        raise ApiError(405, "Pull Request is still a draft")
    if request.sha is not None and request.sha != pull.head_sha:
        raise ApiError(409, "Head branch was modified. Review and try the merge again.")
    _refuse_method(pull, request.method)
    found = merge_violations(world, pull, actor, method=request.method)
    if found:
        raise ApiError(405, violation_text(found))
    account = actor_account(actor)
    merged = make_merge(world, pull, request, account, onto=pull.repository.git.tip(pull.base_ref) or NO_SHA)
    if merged is None:
        raise ApiError(405, "Pull Request is not mergeable")
    finish_merge(world, pull, merged, account)
    return merged


def violation_text(found: list[Violation]) -> str:
    """Return GitHub's text: all violations of rulesets as a list, or the first violation of classic protection."""
    by_ruleset = [violation.message for violation in found if violation.by_ruleset]
    if by_ruleset:
        return "Repository rule violations found\n\n" + "".join(f"{message}\n\n" for message in by_ruleset)
    return found[0].message


def _refuse_method(pull: PullRequest, method: str) -> None:
    repository = pull.repository
    allowed = {
        "merge": repository.allow_merge_commit,
        "squash": repository.allow_squash_merge,
        "rebase": repository.allow_rebase_merge,
    }
    names = {"merge": "Merge commits", "squash": "Squash merges", "rebase": "Rebase merges"}
    if not allowed[method]:
        raise ApiError(405, f"{names[method]} are not allowed on this repository.")


def make_merge(world: World, pull: PullRequest, request: MergeRequest, account: Account, *, onto: str) -> str | None:
    """Return the commit to which the base would move, or None if there are conflicts. No ref moves."""
    if request.method == "rebase":
        return _rebase(world, pull, account, onto)
    git = pull.repository.git
    tree = git.merge_tree(onto, pull.head_sha)
    if tree is None:
        return None
    author = world.signature_of(account if request.method == "merge" else pull.issue.author)
    committer = world.web_flow_signature()
    if request.method == "squash":
        title = request.title or f"{pull.issue.title} (#{pull.number})"
        body = request.message if request.message is not None else _squash_body(pull)
        return git.commit_tree(tree, [onto], _joined(title, body), author=author, committer=committer)
    title = request.title or f"Merge pull request #{pull.number} from {pull.head_owner.login}/{pull.head_ref}"
    body = request.message if request.message is not None else pull.issue.title
    return git.commit_tree(tree, [onto, pull.head_sha], _joined(title, body), author=author, committer=committer)


def _joined(title: str, body: str | None) -> str:
    return f"{title}\n\n{body}" if body else title


def _squash_body(pull: PullRequest) -> str:
    commits = pull.repository.git.commits(pull.head_sha, f"^{pull.repository.git.tip(pull.base_ref)}")[::-1]
    return "" if len(commits) == 1 else "\n\n".join(f"* {commit.message}" for commit in commits)


def _rebase(world: World, pull: PullRequest, account: Account, onto: str) -> str | None:
    git = pull.repository.git
    committer = world.signature_of(account)
    for commit in git.commits("--no-merges", pull.head_sha, f"^{onto}")[::-1]:
        # git 2.39 has no `merge-tree --merge-base`. So merge `commit` with a temporary commit, which has the tree of
        # `onto` and the same parent as `commit`. This parent is then the merge base.
        parents = list(commit.parents[:1])
        stand_in = git.commit_tree(git.tree_of(onto), parents, "base", author=committer, committer=committer)
        tree = git.merge_tree(stand_in, commit.sha)
        if tree is None:
            return None
        if tree != git.tree_of(onto):
            onto = git.commit_tree(tree, [onto], commit.message, author=commit.author, committer=committer)
    return onto


def finish_merge(world: World, pull: PullRequest, merged: str, account: Account) -> None:
    """Move the base, mark the pull request as merged, and send the events."""
    repository = pull.repository
    ref = f"refs/heads/{pull.base_ref}"
    before = repository.git.ref(ref) or NO_SHA
    repository.git.update_ref(ref, merged)
    pull.merged_at, pull.merged_by, pull.merge_commit_sha, pull.base_sha = world.now(), account, merged, before
    ref_moved(world, repository, ref, before, merged, account, merged=pull)
    pulls.close(world, pull, account)
    if repository.delete_branch_on_merge and not pull.from_fork and repository.git.tip(pull.head_ref) is not None:
        tip = repository.git.tip(pull.head_ref) or NO_SHA
        repository.git.delete_ref(f"refs/heads/{pull.head_ref}")
        ref_moved(world, repository, f"refs/heads/{pull.head_ref}", tip, NO_SHA, account)


def update_branch(world: World, pull: PullRequest, expected: str | None, account: Account) -> None:
    """Merge the base into the head. Raises 422 if the head is not `expected`, or if there are conflicts."""
    source = pull.head_repository
    if expected is not None and expected != pull.head_sha:
        raise ApiError(422, "expected head sha didn’t match current head ref.")
    git = pull.repository.git
    tip = git.tip(pull.base_ref) or NO_SHA
    if git.is_ancestor(tip, pull.head_sha):
        raise ApiError(422, "There are no new commits on the base branch.")
    tree = git.merge_tree(pull.head_sha, tip)
    if tree is None or source is None:
        raise ApiError(422, "merge conflict between base and head")
    author = world.signature_of(account)
    message = f"Merge branch '{pull.base_ref}' into {pull.head_ref}"
    sha = git.commit_tree(tree, [pull.head_sha, tip], message, author=author, committer=world.web_flow_signature())
    before = pull.head_sha
    if source is not pull.repository:
        source.git.fetch(pull.repository.git, sha)
    source.git.update_ref(f"refs/heads/{pull.head_ref}", sha)
    ref_moved(world, source, f"refs/heads/{pull.head_ref}", before, sha, account)
