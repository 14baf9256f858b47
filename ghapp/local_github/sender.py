"""The thread that posts signed deliveries to Apps, one after another and without retries."""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
import ssl
import threading
import time

import httpx

from ghapp.local_github.state import Delivery
from ghapp.local_github.world import World


@functools.cache
def _authorities() -> ssl.SSLContext:
    """Return a TLS context with certifi's certificate authorities. Reading them takes 20 ms, so they are read once."""
    return httpx.create_ssl_context(trust_env=False)


class DeliverySender:
    """The only place that posts to an App."""

    def __init__(self, world: World, *, timeout_s: float) -> None:
        self._world = world
        self._timeout_s = timeout_s
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="local-github-deliveries", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._thread is not None:
            self._world.outbox.close()
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        outbox = self._world.outbox
        with httpx.Client(timeout=self._timeout_s, trust_env=False, verify=_authorities()) as client:
            while (delivery := outbox.next()) is not None:
                try:
                    self._post(client, delivery)
                finally:
                    outbox.sent()
        outbox.sent()

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
            if delivery.lost:
                raise httpx.ConnectError("lost on purpose")
            answer = client.post(url, content=body, headers=headers)
        except httpx.TimeoutException:
            status, code, text = "timed out", 504, ""
        except httpx.HTTPError:
            status, code, text = "failed to connect to host", 502, ""
        else:
            status, code, text = (
                ("OK" if answer.is_success else f"Invalid HTTP Response: {answer.status_code}"),
                answer.status_code,
                answer.text[:65_536],
            )
            response_headers = dict(answer.headers)
        with self._world.lock:
            delivery.status, delivery.status_code, delivery.response_body = status, code, text
            delivery.response_headers = response_headers
            delivery.duration_s = round(time.monotonic() - started, 2)


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
