"""Pages about Apps: register one from a manifest, install it, see its deliveries."""

from __future__ import annotations

import json
import re
import secrets
from urllib.parse import urlencode, urlsplit

from ghapp.local_github import apps, deliveries
from ghapp.local_github.errors import ApiError, not_found
from ghapp.local_github.pages.view import Answer, Page, PageRoute, Redirect, View
from ghapp.local_github.state import JSON, App, Repository

_MANIFEST_KEYS = ("name", "url", "hook_attributes")


def new_app(view: View) -> Answer:
    """Show the page to which the manifest is posted: the App's permissions, and the button that creates it."""
    text = view.form.get("manifest") or view.query.get("manifest")
    if text is None:
        return Page(template="app_new.html", values={"manifest": None})
    manifest = read_manifest(text)
    shown = {"manifest": manifest, "text": text, "state": view.query.get("state", view.form.get("state", ""))}
    return Page(template="app_new.html", values={**shown, "owner": view.params.get("organization")})


def read_manifest(text: str) -> JSON:
    """Read a manifest. Raises 422 if GitHub would refuse it."""
    try:
        manifest = json.loads(text)
    except ValueError:
        raise ApiError(422, "Manifest is not valid JSON") from None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("url"), str):
        raise ApiError(422, "Manifest needs a url")
    hook = manifest.get("hook_attributes")
    if hook is not None and not (isinstance(hook, dict) and isinstance(hook.get("url"), str)):
        raise ApiError(422, "Manifest's hook_attributes need a url")
    apps.check_permissions(manifest.get("default_permissions", {}), manifest.get("default_events", []))
    return manifest


def create_app(view: View) -> Answer:
    manifest = read_manifest(view.form["manifest"])
    owner = view.account if "organization" not in view.params else view.world.account(view.params["organization"])
    name = view.form.get("name", "").strip() or str(manifest.get("name", ""))
    if not re.search(r"[A-Za-z0-9]", name):
        raise ApiError(422, "Name can't be blank")
    hook = manifest.get("hook_attributes") or {}
    app = apps.register(
        view.world,
        name,
        owner=owner,
        permissions=manifest.get("default_permissions", {}),
        events=manifest.get("default_events", []),
        webhook_url=hook.get("url"),
        webhook_secret=secrets.token_hex(20) if hook.get("url") else None,
        external_url=manifest["url"],
        description=str(manifest.get("description", "")),
        callback_urls=[str(url) for url in manifest.get("callback_urls", [])],
    )
    redirect = manifest.get("redirect_url")
    if redirect is None:
        return Redirect(url=f"/settings/apps/{app.slug}")
    code = secrets.token_hex(20)
    view.world.manifest_codes[code] = app.id
    query = {"code": code} | ({"state": view.form["state"]} if view.form.get("state") else {})
    joint = "&" if urlsplit(redirect).query else "?"
    return Redirect(url=f"{redirect}{joint}{urlencode(query)}")


def _app(view: View) -> App:
    for app in view.world.apps.values():
        if app.slug == view.params["slug"]:
            return app
    raise not_found()


def public_page(view: View) -> Answer:
    app = _app(view)
    accounts = [
        account for account in view.world.accounts.values() if account.type != "Bot" and _administers(view, account.id)
    ]
    values = {
        "app": app,
        "installations": [item for item in view.world.installations.values() if item.app is app],
        "targets": [(account, _repositories(view, account.id)) for account in accounts],
    }
    return Page(template="app.html", values=values)


def _repositories(view: View, owner_id: int) -> list[Repository]:
    return [repository for repository in view.world.repositories.values() if repository.owner.id == owner_id]


def _administers(view: View, account_id: int) -> bool:
    if view.viewer is None:
        return False
    return (
        view.viewer.id == account_id
        or view.world.organization_members.get(account_id, {}).get(view.viewer.id) == "admin"
    )


def install(view: View) -> Answer:
    app, target = _app(view), view.world.account(view.form["account"])
    if not _administers(view, target.id):
        raise ApiError(403, f"Only an owner of {target.login} can install Apps there.")
    chosen = None
    if view.form.get("selection") == "selected":
        chosen = [item.full_name for item in _repositories(view, target.id) if f"repository-{item.id}" in view.form]
    apps.install(view.world, app, target, repositories=chosen, sender=view.account)
    return Redirect(url=f"/apps/{app.slug}")


def settings(view: View) -> Answer:
    app = _app(view)
    newest = [item for item in view.world.outbox.deliveries if item.app is app][-50:][::-1]
    return Page(template="app_settings.html", values={"app": app, "deliveries": newest})


def delivery(view: View) -> Answer:
    app = _app(view)
    for item in view.world.outbox.deliveries:
        if item.app is app and str(item.id) == view.params["delivery_id"]:
            body = json.dumps(item.payload, indent=2)
            return Page(template="delivery.html", values={"app": app, "delivery": item, "body": body})
    raise not_found()


def redeliver(view: View) -> Answer:
    app = _app(view)
    for item in view.world.outbox.deliveries:
        if item.app is app and str(item.id) == view.params["delivery_id"]:
            deliveries.redeliver(view.world, item)
    return Redirect(url=f"/settings/apps/{app.slug}")


ROUTES = (
    PageRoute("GET", "/settings/apps/new", new_app),
    PageRoute("POST", "/settings/apps/new", new_app),
    PageRoute("POST", "/settings/apps/create", create_app),
    PageRoute("GET", "/organizations/{organization}/settings/apps/new", new_app),
    PageRoute("POST", "/organizations/{organization}/settings/apps/new", new_app),
    PageRoute("POST", "/organizations/{organization}/settings/apps/create", create_app),
    PageRoute("GET", "/apps/{slug}", public_page),
    PageRoute("GET", "/apps/{slug}/installations/new", public_page),
    PageRoute("POST", "/apps/{slug}/installations", install),
    PageRoute("GET", "/settings/apps/{slug}", settings),
    PageRoute("GET", "/settings/apps/{slug}/deliveries/{delivery_id}", delivery),
    PageRoute("POST", "/settings/apps/{slug}/deliveries/{delivery_id}", redeliver),
)
