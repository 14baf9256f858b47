"""Register Apps and install them, for the pages and the controls."""

from __future__ import annotations

import functools
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Literal

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ghapp.local_github import deliveries
from ghapp.local_github.errors import ApiError
from ghapp.local_github.serializers.accounts import installation as installation_json
from ghapp.local_github.serializers.repositories import minimal_repository
from ghapp.local_github.state import Account, App, Installation, Repository
from ghapp.local_github.world import World

PERMISSION_OF_EVENT = {
    "check_run": "checks",
    "check_suite": "checks",
    "deployment": "deployments",
    "deployment_status": "deployments",
    "issue_comment": "issues",
    "issues": "issues",
    "merge_group": "merge_queues",
    "pull_request": "pull_requests",
    "pull_request_review": "pull_requests",
    "push": "contents",
    "repository": "metadata",
    "status": "statuses",
}
"""The events that an App can subscribe to, each with the permission that it needs for that."""

_LEVELS = ("read", "write", "admin")


def check_permissions(permissions: Mapping[str, str], events: Sequence[str]) -> None:
    """Raises 422 on an unknown level, an unknown event, or an event whose permission is not among `permissions`."""
    for name, level in permissions.items():
        if level not in _LEVELS:
            raise ApiError(422, f"Default permission {name}: {level} is not an access level")
    for event in events:
        needed = PERMISSION_OF_EVENT.get(event)
        also = ("pull_requests",) if event == "issue_comment" else ()
        if needed is None:
            raise ApiError(422, f"Default events unsupported: {event}")
        if needed != "metadata" and not any(name in permissions for name in (needed, *also)):
            raise ApiError(422, f"Default events are not supported by permissions: {event}")


def register(
    world: World,
    name: str,
    *,
    owner: Account,
    permissions: Mapping[str, str],
    events: Sequence[str],
    webhook_url: str | None,
    webhook_secret: str | None,
    external_url: str = "",
    description: str = "",
    callback_urls: Sequence[str] = (),
) -> App:
    """Register an App. Raises 422 if the name is taken."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    with world.lock:
        private_key_pem, public_key_pem = _key_pair(len(world.apps))
        if any(app.slug == slug for app in world.apps.values()):
            raise ApiError(422, "Name is already taken")
        now = world.now()
        bot = Account(id=world.new_id(), login=f"{slug}[bot]", type="Bot", name=None, created_at=now)
        world.new_account(bot)
        app = App(
            id=world.new_id(),
            slug=slug,
            name=name,
            owner=owner,
            bot=bot,
            client_id=f"Iv23li{secrets.token_hex(7)}",
            client_secret=secrets.token_hex(20),
            private_key_pem=private_key_pem,
            public_key_pem=public_key_pem,
            webhook_url=webhook_url,
            webhook_secret=webhook_secret,
            permissions={"metadata": "read", **permissions},
            events=list(events),
            created_at=now,
            external_url=external_url,
            description=description,
            callback_urls=list(callback_urls),
        )
        world.apps[app.id] = app
        if webhook_url is not None:
            deliveries.ping(world, app)
        return app


@functools.cache
def _key_pair(number: int) -> tuple[str, str]:
    """Return the private and the public key of the App of this number, as PEM.

    Making a key takes 0.1 s, so all worlds of a process use the same keys: the first App of every world has the first
    key, the second App has the second key, and so on.
    """
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def install(
    world: World, app: App, target: Account, *, repositories: Sequence[str] | None, sender: Account
) -> Installation:
    """Install an App on the named repositories of an account, or on all. Raises 422 if it is installed already."""
    with world.lock:
        if any(item.app is app and item.account is target for item in world.installations.values()):
            raise ApiError(422, f"{app.name} is already installed on {target.login}.")
        chosen = [world.repository(name) for name in repositories or ()]
        installation = Installation(
            id=world.new_id(),
            app=app,
            account=target,
            repository_selection="all" if repositories is None else "selected",
            repository_ids={repository.id for repository in chosen},
            permissions=dict(app.permissions),
            events=list(app.events),
            created_at=world.now(),
        )
        world.installations[installation.id] = installation
        emit_with_repositories(world, installation, "created", sender)
        return installation


def emit_with_repositories(world: World, installation: Installation, action: str, sender: Account) -> None:
    listed = [minimal_repository(world, item) for item in world.installed_repositories(installation)]
    _emit(world, installation, "installation", action, sender, repositories=listed, requester=None)


def _emit(world: World, installation: Installation, event: str, action: str, sender: Account, **more: object) -> None:
    body = {"installation": installation_json(world, installation), **more}
    deliveries.emit_to(world, installation, event, action, body, sender=sender, brief=False)


def uninstall(world: World, installation: Installation, sender: Account) -> None:
    with world.lock:
        emit_with_repositories(world, installation, "deleted", sender)
        del world.installations[installation.id]


def suspend(world: World, installation: Installation, sender: Account) -> None:
    with world.lock:
        installation.suspended_at, installation.suspended_by = world.now(), sender
        _emit(world, installation, "installation", "suspend", sender)


def unsuspend(world: World, installation: Installation, sender: Account) -> None:
    with world.lock:
        installation.suspended_at = installation.suspended_by = None
        _emit(world, installation, "installation", "unsuspend", sender)


def accept_permissions(world: World, installation: Installation, sender: Account) -> None:
    """Grant the App the permissions that it requests now."""
    with world.lock:
        installation.permissions, installation.events = (
            dict(installation.app.permissions),
            list(installation.app.events),
        )
        _emit(world, installation, "installation", "new_permissions_accepted", sender)


def change_repositories(
    world: World, installation: Installation, *, add: Sequence[str], remove: Sequence[str], sender: Account
) -> None:
    with world.lock:
        added = [world.repository(name) for name in add]
        removed = [world.repository(name) for name in remove]
        installation.repository_ids |= {item.id for item in added}
        installation.repository_ids -= {item.id for item in removed}
        emit_repositories(world, installation, "added", added, sender)
        emit_repositories(world, installation, "removed", removed, sender)


def emit_repositories(
    world: World,
    installation: Installation,
    action: Literal["added", "removed"],
    repositories: Sequence[Repository],
    sender: Account,
) -> None:
    """Send `installation_repositories`: the repositories that the App can reach have changed."""
    shown = [minimal_repository(world, item) for item in repositories]
    if shown and installation.suspended_at is None:
        _emit(
            world,
            installation,
            "installation_repositories",
            action,
            sender,
            repository_selection=installation.repository_selection,
            repositories_added=shown if action == "added" else [],
            repositories_removed=shown if action == "removed" else [],
            requester=None,
        )
