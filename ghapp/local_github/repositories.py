"""Create, fork, rename, transfer, archive and delete repositories, and send the events of each.

A repository keeps its id through renames and transfers. Its old names lead to it until another repository takes them.

https://docs.github.com/en/repositories/creating-and-managing-repositories/renaming-a-repository
https://docs.github.com/en/repositories/creating-and-managing-repositories/transferring-a-repository
"""

from __future__ import annotations

from collections.abc import Mapping

from ghapp.local_github import apps, events
from ghapp.local_github.errors import Unprocessable
from ghapp.local_github.git import BareRepository, Entry
from ghapp.local_github.serializers.accounts import organization, user
from ghapp.local_github.state import Account, Installation, Repository
from ghapp.local_github.world import World


def create(
    world: World,
    owner: Account,
    name: str,
    *,
    files: Mapping[str, bytes | Entry | None],
    default_branch: str,
    private: bool,
    sender: Account,
) -> Repository:
    """Create a repository with one commit of these files on its default branch. Raises 422 if the name is taken."""
    _take_name(world, owner, name)
    repository = _new(world, owner, name, default_branch=default_branch, private=private)
    signature = world.signature_of(sender)
    sha = repository.git.commit_files(files, parent=None, message="Initial commit", author=signature)
    repository.git.update_ref(f"refs/heads/{default_branch}", sha)
    _announce(world, repository, sender)
    return repository


def fork(world: World, parent: Repository, owner: Account) -> Repository:
    """Copy a repository to another account. Raises 422 if the name is taken there."""
    _take_name(world, owner, parent.name)
    copy = _new(world, owner, parent.name, default_branch=parent.default_branch, private=parent.private)
    copy.parent = parent
    copy.git.run("fetch", "--quiet", str(parent.git.path), "+refs/heads/*:refs/heads/*")
    _announce(world, copy, owner)
    return copy


def _new(world: World, owner: Account, name: str, *, default_branch: str, private: bool) -> Repository:
    number, now = world.new_id(), world.now()
    repository = Repository(
        id=number,
        owner=owner,
        name=name,
        private=private,
        default_branch=default_branch,
        git=BareRepository.create(world.directory / "repositories" / f"{number}.git", default_branch),
        created_at=now,
        updated_at=now,
        pushed_at=now,
    )
    world.repositories[number] = repository
    return repository


def _announce(world: World, repository: Repository, sender: Account) -> None:
    events.repository_event(world, repository, "created", sender)
    for installation in world.installations_covering(repository):
        apps.emit_repositories(world, installation, "added", [repository], sender)


def _take_name(world: World, owner: Account, name: str) -> None:
    """Make sure that a name is free. Raises 422 if not. A former name no longer leads to the repository that had it."""
    full_name = f"{owner.login}/{name}"
    if world.find_repository(full_name) is not None:
        text = "name already exists on this account"
        raise Unprocessable({"resource": "Repository", "code": "custom", "field": "name", "message": text})
    world.former_names.pop(full_name.lower(), None)


def delete(world: World, repository: Repository, sender: Account) -> None:
    """Delete a repository. Pull requests from it stay, without a head repository."""
    events.repository_event(world, repository, "deleted", sender)
    installations = world.installations_covering(repository)
    del world.repositories[repository.id]
    for installation in installations:
        _withdraw(world, installation, repository, sender)
    for other in world.repositories.values():
        if other.parent is repository:
            other.parent = None
        for pull in other.pulls:
            if pull.head_repository is repository:
                pull.head_repository = None


def _withdraw(world: World, installation: Installation, repository: Repository, sender: Account) -> None:
    installation.repository_ids.discard(repository.id)
    apps.emit_repositories(world, installation, "removed", [repository], sender)


def rename(world: World, repository: Repository, name: str, sender: Account) -> None:
    """Rename a repository. Raises 422 if the name is taken."""
    if name.lower() != repository.name.lower():
        _take_name(world, repository.owner, name)
        world.former_names[repository.full_name.lower()] = repository.id
    before, repository.name = repository.name, name
    changes = {"repository": {"name": {"from": before}}}
    events.repository_event(world, repository, "renamed", sender, changes=changes)


def transfer(world: World, repository: Repository, owner: Account, sender: Account) -> None:
    """Give a repository to another account. `transferred` is sent only to Apps that the new owner has installed on all
    repositories.

    Teams of the old organization lose the repository; a person who gives it away stays as a collaborator. Raises 422
    if the new owner has a repository of that name.
    """
    _take_name(world, owner, repository.name)
    installations = world.installations_covering(repository)
    world.former_names[repository.full_name.lower()] = repository.id
    before, repository.owner = repository.owner, owner
    for team in world.teams:
        team.repositories.pop(repository.id, None)
    if before.type == "User":
        repository.collaborators[before.id] = "write"
    for installation in installations:
        _withdraw(world, installation, repository, sender)
    for installation in world.installations_covering(repository):
        apps.emit_repositories(world, installation, "added", [repository], sender)
    kind = "organization" if before.type == "Organization" else "user"
    shown = organization(world, before) if kind == "organization" else user(world, before)
    events.repository_event(world, repository, "transferred", sender, changes={"owner": {"from": {kind: shown}}})


def archive(world: World, repository: Repository, sender: Account) -> None:
    repository.archived = True
    events.repository_event(world, repository, "archived", sender)
