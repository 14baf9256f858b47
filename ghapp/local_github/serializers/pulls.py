"""Pull requests, issues, comments and reviews as JSON."""

from __future__ import annotations

from ghapp.local_github.serializers.accounts import app, maybe_timestamp, timestamp, user
from ghapp.local_github.serializers.repositories import html_url, repository, repository_url
from ghapp.local_github.state import (
    JSON,
    Account,
    Comment,
    Issue,
    PullRequest,
    Reaction,
    Repository,
    Review,
    ReviewThread,
)
from ghapp.local_github.world import World, node_id

_CONTENTS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")


def minimal_pull(world: World, pull: PullRequest) -> JSON:
    """Return a pull request as check runs and check suites show it."""

    def side(value: Repository, ref: str, sha: str) -> JSON:
        return {
            "ref": ref,
            "sha": sha,
            "repo": {"id": value.id, "url": repository_url(world, value), "name": value.name},
        }

    return {
        "url": f"{repository_url(world, pull.repository)}/pulls/{pull.number}",
        "id": pull.id,
        "number": pull.number,
        "head": side(pull.head_repository or pull.repository, pull.head_ref, pull.head_sha),
        "base": side(pull.repository, pull.base_ref, pull.base_sha),
    }


def author_association(world: World, value: Repository, account: Account) -> str:
    if account is value.owner:
        return "OWNER"
    if account.id in world.organization_members.get(value.owner.id, {}):
        return "MEMBER"
    if account.id in value.collaborators:
        return "COLLABORATOR"
    merged = any(pull.merged_at is not None and pull.issue.author is account for pull in value.pulls)
    return "CONTRIBUTOR" if merged else "NONE"


def _side(world: World, value: Repository | None, owner: Account, ref: str, sha: str) -> JSON:
    return {
        "label": f"{owner.login}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": user(world, owner),
        "repo": None if value is None else repository(world, value),
    }


def pull_in_list(world: World, pull: PullRequest) -> JSON:
    """Return a pull request as lists show it in REST version 2022-11-28. See `for_version` for 2026-03-10."""
    value, issue = pull.repository, pull.issue
    url, page = repository_url(world, value), f"{html_url(world, value)}/pull/{pull.number}"
    own = f"{url}/pulls/{pull.number}"
    links = {
        "self": own,
        "html": page,
        "issue": f"{url}/issues/{pull.number}",
        "comments": f"{url}/issues/{pull.number}/comments",
        "review_comments": f"{own}/comments",
        "review_comment": f"{url}/pulls/comments{{/number}}",
        "commits": f"{own}/commits",
        "statuses": f"{url}/statuses/{pull.head_sha}",
    }
    return {
        "url": own,
        "id": pull.id,
        "node_id": node_id("PR", pull.id),
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": links["issue"],
        "number": pull.number,
        "state": issue.state,
        "locked": False,
        "title": issue.title,
        "user": user(world, issue.author),
        "body": issue.body,
        "created_at": timestamp(issue.created_at),
        "updated_at": timestamp(issue.updated_at),
        "closed_at": maybe_timestamp(issue.closed_at),
        "merged_at": maybe_timestamp(pull.merged_at),
        "merge_commit_sha": pull.merge_commit_sha,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "labels": [],
        "milestone": None,
        "draft": pull.draft,
        "commits_url": links["commits"],
        "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"],
        "comments_url": links["comments"],
        "statuses_url": links["statuses"],
        "head": _side(world, pull.head_repository, pull.head_owner, pull.head_ref, pull.head_sha),
        "base": _side(world, value, value.owner, pull.base_ref, pull.base_sha),
        "_links": {name: {"href": link} for name, link in links.items()},
        "author_association": author_association(world, value, issue.author),
        "auto_merge": None,
        "assignee": None,
        "active_lock_reason": None,
    }


def full_pull(world: World, pull: PullRequest, *, mergeable: bool | None, mergeable_state: str) -> JSON:
    git = pull.repository.git
    base = git.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha
    files = git.changed_files(base, pull.head_sha)
    return {
        **pull_in_list(world, pull),
        "merged": pull.merged_at is not None,
        "mergeable": mergeable,
        "rebaseable": mergeable,
        "mergeable_state": mergeable_state,
        "merged_by": None if pull.merged_by is None else user(world, pull.merged_by),
        "comments": len(pull.issue.comments),
        "review_comments": len(pull.threads),
        "maintainer_can_modify": pull.maintainer_can_modify,
        "commits": git.count(f"{pull.base_sha}..{pull.head_sha}"),
        "additions": sum(file.additions for file in files),
        "deletions": sum(file.deletions for file in files),
        "changed_files": len(files),
    }


def issue(world: World, value: Repository, item: Issue) -> JSON:
    url = f"{repository_url(world, value)}/issues/{item.number}"
    page = f"{html_url(world, value)}/{'issues' if item.pull is None else 'pull'}/{item.number}"
    body: JSON = {
        "url": url,
        "repository_url": repository_url(world, value),
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "html_url": page,
        "id": item.id,
        "node_id": node_id("I" if item.pull is None else "PR", item.id),
        "number": item.number,
        "title": item.title,
        "user": user(world, item.author),
        "labels": [],
        "state": item.state,
        "locked": False,
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "comments": len(item.comments),
        "created_at": timestamp(item.created_at),
        "updated_at": timestamp(item.updated_at),
        "closed_at": maybe_timestamp(item.closed_at),
        "author_association": author_association(world, value, item.author),
        "active_lock_reason": None,
        "body": item.body,
        "reactions": reactions(f"{url}/reactions", []),
        "timeline_url": f"{url}/timeline",
        "performed_via_github_app": None,
        "state_reason": None,
    }
    if item.pull is not None:
        own = f"{repository_url(world, value)}/pulls/{item.number}"
        body["draft"] = item.pull.draft
        body["pull_request"] = {
            "url": own,
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": maybe_timestamp(item.pull.merged_at),
        }
    return body


def comment(world: World, value: Repository, item: Comment) -> JSON:
    url = f"{repository_url(world, value)}/issues/comments/{item.id}"
    on = value.issues[item.number]
    page = f"{html_url(world, value)}/{'issues' if on.pull is None else 'pull'}/{item.number}"
    return {
        "url": url,
        "html_url": f"{page}#issuecomment-{item.id}",
        "issue_url": f"{repository_url(world, value)}/issues/{item.number}",
        "id": item.id,
        "node_id": node_id("IC", item.id),
        "user": user(world, item.author),
        "created_at": timestamp(item.created_at),
        "updated_at": timestamp(item.updated_at),
        "body": item.body,
        "author_association": author_association(world, value, item.author),
        "reactions": reactions(f"{url}/reactions", item.reactions),
        "performed_via_github_app": None if item.via_app is None else app(world, item.via_app),
    }


def reactions(url: str, items: list[Reaction]) -> JSON:
    counts = {name: sum(item.content == name for item in items) for name in _CONTENTS}
    return {"url": url, "total_count": len(items), **counts}


def reaction(world: World, item: Reaction) -> JSON:
    return {
        "id": item.id,
        "node_id": node_id("REA", item.id),
        "user": user(world, item.author),
        "content": item.content,
        "created_at": timestamp(item.created_at),
    }


def review(world: World, pull: PullRequest, item: Review) -> JSON:
    own = f"{repository_url(world, pull.repository)}/pulls/{pull.number}"
    page = f"{html_url(world, pull.repository)}/pull/{pull.number}#pullrequestreview-{item.id}"
    body: JSON = {
        "id": item.id,
        "node_id": node_id("PRR", item.id),
        "user": user(world, item.author),
        "body": item.body,
        "state": item.state,
        "html_url": page,
        "pull_request_url": own,
        "author_association": author_association(world, pull.repository, item.author),
        "_links": {"html": {"href": page}, "pull_request": {"href": own}},
        "commit_id": item.commit_id,
    }
    return body if item.submitted_at is None else {**body, "submitted_at": timestamp(item.submitted_at)}


def review_comment(world: World, pull: PullRequest, item: ReviewThread) -> JSON:
    url = f"{repository_url(world, pull.repository)}/pulls/comments/{item.id}"
    own = f"{repository_url(world, pull.repository)}/pulls/{pull.number}"
    page = f"{html_url(world, pull.repository)}/pull/{pull.number}#discussion_r{item.id}"
    return {
        "url": url,
        "pull_request_review_id": None,
        "id": item.id,
        "node_id": node_id("PRRC", item.id),
        "diff_hunk": "",
        "path": item.path,
        "commit_id": pull.head_sha,
        "original_commit_id": pull.head_sha,
        "user": user(world, item.author),
        "body": item.body,
        "created_at": timestamp(item.created_at),
        "updated_at": timestamp(item.created_at),
        "html_url": page,
        "pull_request_url": own,
        "author_association": author_association(world, pull.repository, item.author),
        "_links": {"self": {"href": url}, "html": {"href": page}, "pull_request": {"href": own}},
        "line": item.line,
        "original_line": item.line,
        "side": "RIGHT",
        "subject_type": "line",
        "reactions": reactions(f"{url}/reactions", []),
    }
