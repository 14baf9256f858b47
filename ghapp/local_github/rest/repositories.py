"""Repositories, branches, commits, comparisons and contents."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from urllib.parse import quote

from ghapp.local_github.errors import ApiError, not_found
from ghapp.local_github.objects import Commit
from ghapp.local_github.protection import sources
from ghapp.local_github.routing import Call, Reply, Route
from ghapp.local_github.serializers import repositories as serializers
from ghapp.local_github.serializers.pulls import pull_in_list
from ghapp.local_github.state import JSON, PullRequest


def read_repository(call: Call) -> Reply:
    return Reply(body=serializers.full_repository(call.world, call.repository, call.actor))


def list_branches(call: Call) -> Reply:
    return call.page(sorted(call.repository.git.branches().items()), lambda item: _branch(call, *item))


def _branch(call: Call, name: str, sha: str) -> JSON:
    url = serializers.repository_url(call.world, call.repository)
    own = f"{url}/branches/{quote(name)}"
    return {
        "name": name,
        "commit": {"sha": sha, "url": f"{url}/commits/{sha}"},
        "protected": bool(sources(call.repository, name)),
        "protection": {
            "enabled": name in call.repository.protections,
            "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []},
        },
        "protection_url": f"{own}/protection",
    }


def read_branch(call: Call) -> Reply:
    name = call.params["branch"]
    sha = call.repository.git.tip(name)
    if sha is None:
        raise ApiError(404, "Branch not found")
    body = _branch(call, name, sha)
    body["commit"] = serializers.commit(call.world, call.repository, call.repository.git.commit(sha))
    body["_links"] = {
        "html": f"{serializers.html_url(call.world, call.repository)}/tree/{quote(name)}",
        "self": f"{serializers.repository_url(call.world, call.repository)}/branches/{quote(name)}",
    }
    return Reply(body=body)


def list_commits(call: Call) -> Reply:
    sha = call.repository.git.resolve(call.query.get("sha", call.repository.default_branch))
    if sha is None:
        raise not_found()
    commits = call.repository.git.commits(sha, limit=1_000)
    return call.page(commits, lambda item: serializers.commit(call.world, call.repository, item))


def read_commit(call: Call) -> Reply:
    sha = call.commit(call.params["ref"])
    item = call.repository.git.commit(sha)
    parent = item.parents[0] if item.parents else "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    files = call.repository.git.changed_files(parent, sha)
    additions, deletions = sum(file.additions for file in files), sum(file.deletions for file in files)
    body = {
        **serializers.commit(call.world, call.repository, item),
        "stats": {"total": additions + deletions, "additions": additions, "deletions": deletions},
        "files": [serializers.changed_file(call.world, call.repository, sha, file) for file in files[:300]],
    }
    return Reply(body=body)


def pulls_of_commit(call: Call) -> Reply:
    """Return the merged pull requests that contain a commit; if it is not on the default branch, also open ones."""
    sha = call.commit(call.params["sha"])
    git = call.repository.git
    default = git.tip(call.repository.default_branch)
    on_default = default is not None and git.is_ancestor(sha, default)
    found = [pull for pull in call.repository.pulls if _brings(call, pull, sha, open_too=not on_default)]
    return call.page(found[::-1], lambda pull: pull_json(call, pull))


def _brings(call: Call, pull: PullRequest, sha: str, *, open_too: bool) -> bool:
    git = call.repository.git
    if pull.merged_at is None and not (open_too and pull.state == "open"):
        return False
    if pull.merged_at is not None and sha == pull.merge_commit_sha:
        return True
    return git.is_ancestor(sha, pull.head_sha) and not git.is_ancestor(sha, pull.base_sha)


def pull_json(call: Call, pull: PullRequest) -> JSON:
    return for_version(call, pull_in_list(call.world, pull))


def for_version(call: Call, body: JSON) -> JSON:
    """API version 2026-03-10 has neither `merge_commit_sha` nor `assignee`."""
    if call.version != "2022-11-28":
        body = {name: value for name, value in body.items() if name not in ("merge_commit_sha", "assignee")}
    return body


def _listed(call: Call, item: Commit) -> JSON:
    return serializers.commit(call.world, call.repository, item)


def compare(call: Call) -> Reply:
    base_name, dots, head_name = call.params["basehead"].partition("...")
    git = call.repository.git
    base, head = git.resolve(base_name), git.resolve(head_name.split(":")[-1])
    fork_point = git.merge_base(base, head) if base and head else None
    if not dots or base is None or head is None or fork_point is None:
        raise not_found()
    ahead, behind = git.count(f"{base}..{head}"), git.count(f"{head}..{base}")
    status = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind"}.get(
        (ahead > 0, behind > 0), "identical"
    )
    url, page = (
        f"{place(call.world, call.repository)}/compare" for place in (serializers.repository_url, serializers.html_url)
    )
    commits, headers = _compared_commits(call, base, head)
    first_page = call.page_number == 1
    body = {
        "url": f"{url}/{call.params['basehead']}",
        "html_url": f"{page}/{call.params['basehead']}",
        "permalink_url": f"{page}/{base[:7]}...{head[:7]}",
        "diff_url": f"{page}/{call.params['basehead']}.diff",
        "patch_url": f"{page}/{call.params['basehead']}.patch",
        "base_commit": _listed(call, git.commit(base)),
        "merge_base_commit": _listed(call, git.commit(fork_point)),
        "status": status,
        "ahead_by": ahead,
        "behind_by": behind,
        "total_commits": ahead,
        "commits": [_listed(call, item) for item in commits],
        "files": [
            serializers.changed_file(call.world, call.repository, head, file)
            for file in (git.changed_files(fork_point, head)[:300] if first_page else ())
        ],
    }
    return Reply(body=body, headers=headers)


def _compared_commits(call: Call, base: str, head: str) -> tuple[Sequence[Commit], dict[str, str]]:
    """Return the commits oldest first; without a paging parameter, the newest 250."""
    git = call.repository.git
    if not {"page", "per_page"} & set(call.query):
        return git.commits(f"{base}..{head}", limit=250)[::-1], {}
    return call.page_of(git.commits(f"{base}..{head}")[::-1])


def read_contents(call: Call) -> Reply:
    git, path = call.repository.git, call.params.get("path", "").strip("/")
    ref = call.query.get("ref", call.repository.default_branch)
    sha = git.resolve(ref.removeprefix("refs/heads/"))
    if sha is None:
        raise ApiError(404, f"No commit found for the ref {ref}")
    content = git.blob(sha, path) if path else None
    if content is not None:
        return Reply(body=_file(call, path, ref, git.ref(f"{sha}:{path}") or "", content))
    entries = git.tree(sha, path)
    if not entries:
        raise not_found()
    prefix = f"{path}/" if path else ""
    return Reply(
        body=[
            _entry(call, f"{prefix}{name}", ref, blob, "dir" if kind == "tree" else "file", 0)
            for _, kind, blob, name in entries
        ]
    )


def _entry(call: Call, path: str, ref: str, blob: str, kind: str, size: int) -> JSON:
    url, page = (
        serializers.repository_url(call.world, call.repository),
        serializers.html_url(call.world, call.repository),
    )
    own, git_url = (
        f"{url}/contents/{quote(path)}?ref={quote(ref)}",
        f"{url}/git/{'trees' if kind == 'dir' else 'blobs'}/{blob}",
    )
    html = f"{page}/{'tree' if kind == 'dir' else 'blob'}/{quote(ref)}/{quote(path)}"
    return {
        "name": path.rsplit("/", 1)[-1],
        "path": path,
        "sha": blob,
        "size": size,
        "url": own,
        "html_url": html,
        "git_url": git_url,
        "download_url": None if kind == "dir" else f"{page}/raw/{quote(ref)}/{quote(path)}",
        "type": kind,
        "_links": {"self": own, "git": git_url, "html": html},
    }


def _file(call: Call, path: str, ref: str, blob: str, content: bytes) -> JSON:
    encoded = base64.encodebytes(content).decode()
    return {**_entry(call, path, ref, blob, "file", len(content)), "content": encoded, "encoding": "base64"}


_R = "/repos/{owner}/{repo}"

ROUTES = (
    Route("GET", _R, read_repository),
    Route("GET", f"{_R}/branches", list_branches, "contents:read"),
    Route("GET", f"{_R}/commits", list_commits, "contents:read"),
    Route("GET", f"{_R}/commits/{{sha}}/pulls", pulls_of_commit, "pull_requests:read"),
    Route("GET", f"{_R}/compare/{{basehead:path}}", compare, "contents:read"),
    Route("GET", f"{_R}/contents", read_contents, "contents:read"),
    Route("GET", f"{_R}/contents/{{path:path}}", read_contents, "contents:read"),
)

LAST_ROUTES = (
    Route("GET", f"{_R}/branches/{{branch:path}}", read_branch, "contents:read"),
    Route("GET", f"{_R}/commits/{{ref:path}}", read_commit, "contents:read"),
)
"""Branch names may contain slashes, so these patterns are tried last."""
