"""Deliveries: signed, recorded, sent one after the other by a thread of their own, never sent again by themselves."""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import httpx

from ghapp.local_github.shapes.accounts import organization, timestamp, user
from ghapp.local_github.shapes.repositories import repository as repository_json
from ghapp.local_github.state import JSON, Account, App, Installation, Repository
from ghapp.local_github.world import World, covers, node_id

_BY_PERMISSION = {"check_run": "checks", "check_suite": "checks"}
_ALWAYS = frozenset({"installation", "installation_repositories", "github_app_authorization", "ping"})


@dataclass(slots=True, kw_only=True, eq=False)
class Delivery:
    """One POST to an App; a redelivery is another one with the same guid."""

    id: int
    guid: str
    app: App
    event: str
    action: str | None
    installation_id: int | None
    repository_id: int | None
    payload: JSON = field(repr=False)
    request_headers: dict[str, str] = field(default_factory=dict, repr=False)
    response_headers: dict[str, str] = field(default_factory=dict, repr=False)
    response_body: str = ""
    redelivery: bool = False
    delivered_at: datetime | None = None
    duration_s: float = 0.0
    status: str = "pending"
    status_code: int = 0


@dataclass(slots=True, kw_only=True)
class _Trap:
    """What a test asked to happen to deliveries of an event: held back, lost, or sent twice."""

    event: str | None
    action: str | None
    kind: str
    times: int | None

    def takes(self, delivery: Delivery) -> bool:
        if self.times == 0 or self.event not in (None, delivery.event) or self.action not in (None, delivery.action):
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Hooks:
    """The only room that posts to an App."""

    def __init__(self, world: World, *, timeout_s: float = 10.0) -> None:
        self._world = world
        self._queue: queue.Queue[Delivery | None] = queue.Queue()
        self._traps: list[_Trap] = []
        self._timeout_s = timeout_s
        self._thread: threading.Thread | None = None
        self.deliveries: list[Delivery] = []
        self.held: list[Delivery] = []

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="local-github-hooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    # -- making ----------------------------------------------------------------------------------------------------

    def emit(self, event: str, action: str | None, body: JSON, *, repository: Repository, sender: Account) -> None:
        """Deliver to every App that is installed on the repository and listens to the event."""
        for installation in list(self._world.installations.values()):
            if covers(installation, repository) and installation.suspended_at is None and _listens(installation, event):
                self.emit_to(installation, event, action, body, repository=repository, sender=sender)

    def emit_to(
        self,
        installation: Installation,
        event: str,
        action: str | None,
        body: JSON,
        *,
        sender: Account,
        repository: Repository | None = None,
        brief: bool = True,
    ) -> None:
        world = self._world
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
        self._send(
            Delivery(
                id=world.new_id(),
                guid=str(uuid.uuid4()),
                app=installation.app,
                event=event,
                action=action,
                installation_id=installation.id,
                repository_id=None if repository is None else repository.id,
                payload=payload,
            )
        )

    def ping(self, app: App) -> None:
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
                "deliveries_url": f"{self._world.api_url}/app/hook/deliveries",
            },
        }
        self._send(
            Delivery(
                id=self._world.new_id(),
                guid=str(uuid.uuid4()),
                app=app,
                event="ping",
                action=None,
                installation_id=None,
                repository_id=None,
                payload=body,
            )
        )

    def redeliver(self, delivery: Delivery) -> Delivery:
        """Send the same payload again under the same guid."""
        again = Delivery(
            id=self._world.new_id(),
            guid=delivery.guid,
            app=delivery.app,
            event=delivery.event,
            action=delivery.action,
            installation_id=delivery.installation_id,
            repository_id=delivery.repository_id,
            payload=delivery.payload,
            redelivery=True,
        )
        self.deliveries.append(again)
        self._queue.put(again)
        return again

    # -- what tests do to them -------------------------------------------------------------------------------------

    def trap(self, kind: str, event: str | None, action: str | None, times: int | None) -> None:
        self._traps.append(_Trap(event=event, action=action, kind=kind, times=times))

    def release(self, choose: Callable[[list[Delivery]], list[Delivery]]) -> None:
        """Let go of what was held back, in the order that `choose` gives; nothing is held any longer."""
        self._traps = [trap for trap in self._traps if trap.kind != "hold"]
        held, self.held = self.held, []
        for delivery in choose(held):
            self._queue.put(delivery)

    def let_through(self) -> None:
        """Nothing is held back, lost or doubled any longer."""
        self._traps.clear()
        self.release(lambda held: held)

    def wait(self, timeout_s: float) -> None:
        """Return once everything that is not held back was sent. Raises TimeoutError."""
        deadline = time.monotonic() + timeout_s
        with self._queue.all_tasks_done:
            while self._queue.unfinished_tasks:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"{self._queue.unfinished_tasks} deliveries are still under way")
                self._queue.all_tasks_done.wait(left)

    # -- sending ---------------------------------------------------------------------------------------------------

    def _send(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        kind = next((trap.kind for trap in self._traps if trap.takes(delivery)), None)
        if kind == "hold":
            self.held.append(delivery)
        elif kind == "lose":
            delivery.status = "failed to connect to host"
        else:
            self._queue.put(delivery)
            if kind == "duplicate":
                self.redeliver(delivery)

    def _run(self) -> None:
        with httpx.Client(timeout=self._timeout_s, trust_env=False) as client:
            while (delivery := self._queue.get()) is not None:
                try:
                    self._post(client, delivery)
                finally:
                    self._queue.task_done()
        self._queue.task_done()

    def _post(self, client: httpx.Client, delivery: Delivery) -> None:
        body = json.dumps(delivery.payload, separators=(",", ":")).encode()
        headers = _headers(delivery, body)
        started = time.monotonic()
        with self._world.lock:
            delivery.request_headers = headers
            delivery.delivered_at = self._world.now()
            url = delivery.app.webhook_url
        if url is None:
            delivery.status = "no webhook URL"
            return
        response_headers: dict[str, str] = {}
        try:
            answer = client.post(url, content=body, headers=headers)
        except httpx.TimeoutException:
            status, code, text = "timed out", 504, ""
        except httpx.HTTPError:
            status, code, text = "failed to connect to host", 502, ""
        else:
            status, code, text = (
                ("OK" if answer.is_success else _phrase(answer)),
                answer.status_code,
                answer.text[:65_536],
            )
            response_headers = dict(answer.headers)
        with self._world.lock:
            delivery.status, delivery.status_code, delivery.response_body = status, code, text
            delivery.response_headers = response_headers
            delivery.duration_s = round(time.monotonic() - started, 2)


def _phrase(answer: httpx.Response) -> str:
    return f"Invalid HTTP Response: {answer.status_code}"


def _listens(installation: Installation, event: str) -> bool:
    if event in _ALWAYS or event in installation.events:
        return True
    permission = _BY_PERMISSION.get(event)
    return permission is not None and installation.permissions.get(permission) == "write"


def _headers(delivery: Delivery, body: bytes) -> dict[str, str]:
    app = delivery.app
    headers = {
        "Accept": "*/*",
        "Content-Type": "application/json",
        "User-Agent": f"GitHub-Hookshot/{delivery.guid[:7]}",
        "X-GitHub-Delivery": delivery.guid,
        "X-GitHub-Event": delivery.event,
        "X-GitHub-Hook-ID": str(app.id),
        "X-GitHub-Hook-Installation-Target-ID": str(app.id),
        "X-GitHub-Hook-Installation-Target-Type": "integration",
    }
    if app.webhook_secret is not None:
        secret = app.webhook_secret.encode()
        headers["X-Hub-Signature"] = f"sha1={hmac.new(secret, body, hashlib.sha1).hexdigest()}"
        headers["X-Hub-Signature-256"] = f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"
    return headers
