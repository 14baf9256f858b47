"""Create deliveries: which Apps receive an event, and the common parts of every payload."""

from __future__ import annotations

import uuid

from ghapp.local_github.serializers.accounts import organization, timestamp, user
from ghapp.local_github.serializers.repositories import repository as repository_json
from ghapp.local_github.state import JSON, Account, App, Delivery, Installation, Repository
from ghapp.local_github.world import World, covers, node_id

_BY_PERMISSION = {"check_run": "checks", "check_suite": "checks"}
_ALWAYS = frozenset({"installation", "installation_repositories", "github_app_authorization", "ping"})


def emit(world: World, event: str, action: str | None, body: JSON, *, repository: Repository, sender: Account) -> None:
    """Deliver to every App that is installed on the repository and listens to the event.

    An App with `checks: write` gets the events of checks even if it does not subscribe to them.
    """
    for installation in list(world.installations.values()):
        if covers(installation, repository) and installation.suspended_at is None and _listens(installation, event):
            emit_to(world, installation, event, action, body, repository=repository, sender=sender)


def _listens(installation: Installation, event: str) -> bool:
    if event in _ALWAYS or event in installation.events:
        return True
    permission = _BY_PERMISSION.get(event)
    return permission is not None and installation.permissions.get(permission) == "write"


def emit_to(
    world: World,
    installation: Installation,
    event: str,
    action: str | None,
    body: JSON,
    *,
    sender: Account,
    repository: Repository | None = None,
    brief: bool = True,
) -> None:
    """Deliver to one installation. If `brief`, the payload has only its ids; otherwise `body` has all of it."""
    payload: JSON = {"action": action} if action is not None else {}
    payload |= body
    if repository is not None:
        payload.setdefault("repository", repository_json(world, repository))
        if repository.owner.type == "Organization":
            payload["organization"] = organization(world, repository.owner)
    payload["sender"] = user(world, sender)
    if brief:
        number = installation.id
        payload["installation"] = {"id": number, "node_id": node_id("MDIzOkludGVncmF0aW9uSW5zdGFsbGF0aW9u", number)}
    delivery = Delivery(
        id=world.new_id(),
        guid=str(uuid.uuid4()),
        app=installation.app,
        event=event,
        action=action,
        installation_id=installation.id,
        repository_id=None if repository is None else repository.id,
        payload=payload,
    )
    if world.outbox.put(delivery):
        redeliver(world, delivery)


def ping(world: World, app: App) -> None:
    """Deliver the first event of a new webhook."""
    body = {
        "zen": "Non-blocking is better than blocking.",
        "hook_id": app.id,
        "hook": {
            "type": "App",
            "id": app.id,
            "name": "web",
            "active": True,
            "events": list(app.events),
            "config": {"content_type": "json", "insecure_ssl": "0", "url": app.webhook_url, "secret": "********"},
            "updated_at": timestamp(app.created_at),
            "created_at": timestamp(app.created_at),
            "app_id": app.id,
            "deliveries_url": f"{world.api_url}/app/hook/deliveries",
        },
    }
    delivery = Delivery(
        id=world.new_id(),
        guid=str(uuid.uuid4()),
        app=app,
        event="ping",
        action=None,
        installation_id=None,
        repository_id=None,
        payload=body,
    )
    world.outbox.put(delivery)


def redeliver(world: World, delivery: Delivery) -> Delivery:
    """Send the same payload again under the same guid."""
    again = Delivery(
        id=world.new_id(),
        guid=delivery.guid,
        app=delivery.app,
        event=delivery.event,
        action=delivery.action,
        installation_id=delivery.installation_id,
        repository_id=delivery.repository_id,
        payload=delivery.payload,
        redelivery=True,
    )
    world.outbox.put_again(again)
    return again
