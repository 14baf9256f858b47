"""Pages about code: repositories, directories, files, commits, and editing a file."""

from __future__ import annotations

from typing import Any

from ghapp.local_github.access import Person, has_role
from ghapp.local_github.errors import ApiError, not_found
from ghapp.local_github.git import NO_SHA
from ghapp.local_github.pages.diffs import file_diffs
from ghapp.local_github.pages.merge_box import check_rows, newest_runs
from ghapp.local_github.pages.view import Answer, Page, PageRoute, Redirect, View
from ghapp.local_github.protection import push_violations
from ghapp.local_github.pushes import QUEUE_PREFIX, ref_moved
from ghapp.local_github.state import Repository

_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def home(view: View) -> Answer:
    visible = [item for item in view.world.repositories.values() if _may_see(view, item)]
    return Page(template="home.html", values={"repositories": visible, "apps": list(view.world.apps.values())})


def _may_see(view: View, repository: Repository) -> bool:
    if view.viewer is None:
        return not repository.private
    return has_role(view.world, view.viewer, repository, "read")


def account(view: View) -> Answer:
    found = view.world.account(view.params["owner"])
    own = [item for item in view.world.repositories.values() if item.owner is found and _may_see(view, item)]
    return Page(template="account.html", values={"shown": found, "repositories": own})


def branches(repository: Repository) -> list[str]:
    names = [name for name in repository.git.branches() if not name.startswith(QUEUE_PREFIX)]
    return sorted(names, key=lambda name: (name != repository.default_branch, name))


def split_ref(repository: Repository, rest: str) -> tuple[str, str]:
    """Split a branch, which may contain slashes, or a SHA from the path after it. Raises 404."""
    for name in sorted(repository.git.branches(), key=len, reverse=True):
        if rest == name or rest.startswith(f"{name}/"):
            return name, rest[len(name) :].strip("/")
    ref, _, path = rest.partition("/")
    if repository.git.resolve(ref) is None:
        raise not_found()
    return ref, path.strip("/")


def tree(view: View) -> Answer:
    repository = view.repository
    ref, path = split_ref(repository, view.params.get("rest", repository.default_branch))
    sha = repository.git.resolve(ref)
    if sha is None:
        raise not_found()
    entries = sorted(repository.git.tree(sha, path), key=lambda entry: (entry[1] != "tree", entry[3]))
    prefix = f"{path}/" if path else ""
    readme = repository.git.blob(sha, f"{prefix}README.md")
    values: dict[str, Any] = {
        "ref": ref,
        "path": path,
        "entries": [(kind, name, f"{prefix}{name}") for _, kind, _, name in entries],
        "head": repository.git.commit(sha),
        "count": repository.git.count(sha),
        "branches": branches(repository),
        "readme": None if readme is None else readme.decode(errors="replace"),
        "rows": check_rows(repository, sha, None),
        "proposals": [] if path else _proposals(view),
    }
    return Page(template="tree.html", values=values)


def _proposals(view: View) -> list[str]:
    """Return the branches for which the page proposes a pull request: those ahead of the default branch.

    Left out are usual base branches, and branches whose pull request is open or contains their last commit.
    """
    repository = view.repository
    tips = repository.git.branches()
    base = tips.get(repository.default_branch)
    own = [pull for pull in repository.pulls if not pull.from_fork]
    opened = {pull.head_ref for pull in own if pull.state == "open" or tips.get(pull.head_ref) == pull.head_sha}
    guarded = {"production", "staging", "main", repository.default_branch}
    return [
        name
        for name, sha in tips.items()
        if base is not None
        and name not in opened | guarded
        and not name.startswith(QUEUE_PREFIX)
        and not repository.git.is_ancestor(sha, base)
    ]


def blob(view: View) -> Answer:
    ref, path = split_ref(view.repository, view.params["rest"])
    sha = view.repository.git.resolve(ref)
    content = None if sha is None else view.repository.git.blob(sha, path)
    if content is None:
        raise not_found()
    text = content.decode(errors="replace")
    values = {"ref": ref, "path": path, "lines": text.splitlines(), "text": text, "branches": branches(view.repository)}
    return Page(template="blob.html", values=values)


def edit(view: View) -> Answer:
    page = blob(view)
    assert isinstance(page, Page)
    direct = not push_violations(view.world, view.repository, page.values["ref"], view.actor, after=NO_SHA)
    number = len(view.repository.issues) + 1
    suggested = f"{view.account.login}-patch-{number}"
    return Page(template="edit.html", values={**page.values, "direct": direct, "suggested": suggested})


def save(view: View) -> Answer:
    """Commit an edited file to the branch itself, or to a new branch from which a pull request is proposed."""
    view.require_role("write")
    repository = view.repository
    ref, path = split_ref(repository, view.params["rest"])
    branch = view.form.get("branch", "").strip() or ref
    if branch == ref:
        found = push_violations(view.world, repository, branch, Person(view.account), after=NO_SHA)
        if found:
            raise ApiError(403, found[0].message)
    if branch != ref and (
        repository.git.tip(branch) is not None or not repository.git.is_ref_name(f"refs/heads/{branch}")
    ):
        raise ApiError(422, f"{branch} cannot be the name of a new branch.")
    content = view.form.get("content", "").replace("\r\n", "\n").encode()
    signature = view.world.signature_of(view.account)
    message = view.form.get("message", "").strip() or f"Update {path.rsplit('/', 1)[-1]}"
    parent = repository.git.resolve(ref)
    sha = repository.git.commit_files(
        {path: content}, parent=parent, message=message, author=signature, committer=view.world.web_flow_signature()
    )
    before = repository.git.tip(branch) or NO_SHA
    repository.git.update_ref(f"refs/heads/{branch}", sha)
    ref_moved(view.world, repository, f"refs/heads/{branch}", before, sha, view.account)
    if branch == ref:
        return Redirect(url=f"{view.home}/blob/{branch}/{path}")
    return Redirect(url=f"{view.home}/compare/{ref}...{branch}")


def commits(view: View) -> Answer:
    ref, _ = split_ref(view.repository, view.params.get("rest", view.repository.default_branch))
    sha = view.repository.git.resolve(ref)
    assert sha is not None
    found = view.repository.git.commits(sha, limit=50)
    return Page(template="commits.html", values={"ref": ref, "commits": found, "branches": branches(view.repository)})


def commit(view: View) -> Answer:
    git = view.repository.git
    sha = git.resolve(view.params["sha"])
    if sha is None:
        raise not_found()
    item = git.commit(sha)
    changed = git.changed_files(item.parents[0] if item.parents else _EMPTY_TREE, sha)
    merged = [pull for pull in view.repository.pulls if pull.merge_commit_sha == sha and pull.merged_at is not None]
    values = {
        "commit": item,
        "rows": check_rows(view.repository, sha, None),
        "diffs": file_diffs(changed, newest_runs(view.repository, sha)),
        "merged": merged,
        "deployments": [one for one in view.repository.deployments if one.sha == sha],
    }
    return Page(template="commit.html", values=values)


_R = "/{owner}/{repo}"

ROUTES = (
    PageRoute("GET", "/", home),
    PageRoute("GET", "/{owner}", account),
    PageRoute("GET", _R, tree),
    PageRoute("GET", f"{_R}/tree/{{rest:path}}", tree),
    PageRoute("GET", f"{_R}/blob/{{rest:path}}", blob),
    PageRoute("GET", f"{_R}/edit/{{rest:path}}", edit),
    PageRoute("POST", f"{_R}/edit/{{rest:path}}", save),
    PageRoute("GET", f"{_R}/commits", commits),
    PageRoute("GET", f"{_R}/commits/{{rest:path}}", commits),
    PageRoute("GET", f"{_R}/commit/{{sha}}", commit),
)
