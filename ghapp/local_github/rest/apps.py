"""Requests of an App about itself: its installations, its tokens, the conversion of its manifest."""

from __future__ import annotations

import secrets
from datetime import timedelta

from ghapp.local_github.access import InstallationAccess
from ghapp.local_github.errors import ApiError, Unprocessable, field_error, not_found
from ghapp.local_github.fields import Fields
from ghapp.local_github.routing import Call, Reply, Route
from ghapp.local_github.serializers import accounts
from ghapp.local_github.serializers.repositories import full_repository, repository
from ghapp.local_github.state import JSON, Installation, InstallationToken, Repository

_LEVELS = {"read": 1, "write": 2, "admin": 3}
TOKEN_LIFE = timedelta(hours=1)


def read_app(call: Call) -> Reply:
    count = sum(installation.app is call.app for installation in call.world.installations.values())
    return Reply(body={**accounts.app(call.world, call.app), "installations_count": count})


def read_public_app(call: Call) -> Reply:
    for app in call.world.apps.values():
        if app.slug == call.params["slug"]:
            return Reply(body=accounts.app(call.world, app))
    raise not_found()


def list_installations(call: Call) -> Reply:
    own = [item for item in call.world.installations.values() if item.app is call.app]
    return call.page(own, lambda item: accounts.installation(call.world, item))


def _installation(call: Call) -> Installation:
    number = call.params["installation_id"]
    found = call.world.installations.get(int(number)) if number.isdigit() else None
    if found is None or found.app is not call.app:
        raise not_found()
    return found


def read_installation(call: Call) -> Reply:
    return Reply(body=accounts.installation(call.world, _installation(call)))


def installation_of_repository(call: Call) -> Reply:
    found = call.world.find_repository(f"{call.params['owner']}/{call.params['repo']}")
    installation = None if found is None else call.world.installation_of(call.app, found)
    if installation is None:
        raise not_found()
    return Reply(body=accounts.installation(call.world, installation))


def installation_of_account(call: Call) -> Reply:
    for installation in call.world.installations.values():
        if installation.app is call.app and installation.account.login.lower() == call.params["login"].lower():
            return Reply(body=accounts.installation(call.world, installation))
    raise not_found()


def create_token(call: Call) -> Reply:
    installation = _installation(call)
    if installation.suspended_at is not None:
        raise ApiError(403, "This installation has been suspended")
    fields = Fields(call.body, "Installation")
    names, numbers = fields.items("repositories"), fields.items("repository_ids")
    permissions = fields.mapping("permissions")
    fields.raise_errors()
    chosen = None if names is None and numbers is None else _chosen(call, installation, names or [], numbers or [])
    token = InstallationToken(
        value=f"ghs_{secrets.token_urlsafe(36)}",
        installation=installation,
        repository_ids=None if chosen is None else {item.id for item in chosen},
        permissions=_narrowed(installation, permissions),
        expires_at=(call.world.now() + TOKEN_LIFE).replace(microsecond=0),
    )
    call.world.installation_tokens[token.value] = token
    body = accounts.installation_token(token)
    if chosen is not None:
        body["repositories"] = [repository(call.world, item) for item in chosen]
    return Reply(body=body, status=201)


def _chosen(call: Call, installation: Installation, names: list[str], numbers: list[int]) -> list[Repository]:
    reachable = call.world.installed_repositories(installation)
    by_name = {item.name.lower(): item for item in reachable}
    by_id = {item.id: item for item in reachable}
    found = [by_name.get(str(name).lower()) for name in names] + [by_id.get(number) for number in numbers]
    if len(found) > 500 or any(item is None for item in found):
        text = "There is at least one repository that does not exist or is not accessible to the parent installation."
        raise ApiError(422, text)
    return list({item.id: item for item in found if item is not None}.values())


def _narrowed(installation: Installation, requested: JSON | None) -> dict[str, str]:
    if requested is None:
        return dict(installation.permissions)
    for name, level in requested.items():
        if level not in _LEVELS:
            raise Unprocessable(field_error("Installation", f"permissions.{name}", "invalid"))
        if _LEVELS[level] > _LEVELS.get(installation.permissions.get(name, ""), 0):
            raise ApiError(422, "The permissions requested are not granted to this installation.")
    return {"metadata": "read", **requested}


def revoke_token(call: Call) -> Reply:
    if isinstance(call.actor, InstallationAccess):
        del call.world.installation_tokens[call.actor.token.value]
    return Reply(status=204)


def installation_repositories(call: Call) -> Reply:
    token = call.actor.token if isinstance(call.actor, InstallationAccess) else None
    if token is None:
        raise not_found()
    found = [
        item
        for item in call.world.installed_repositories(token.installation)
        if token.repository_ids is None or item.id in token.repository_ids
    ]
    shape = lambda item: full_repository(call.world, item, call.actor)  # noqa: E731
    selection = "selected" if token.repository_ids is not None else token.installation.repository_selection
    return call.page(found, shape, wrapped="repositories", repository_selection=selection)


# -- the manifest flow ---------------------------------------------------------------------------------------------


def convert_manifest(call: Call) -> Reply:
    number = call.world.manifest_codes.pop(call.params["code"], None)
    if number is None:
        raise not_found()
    app = call.world.apps[number]
    body = {
        **accounts.app(call.world, app),
        "client_secret": app.client_secret,
        "webhook_secret": app.webhook_secret,
        "pem": app.private_key_pem,
    }
    return Reply(body=body, status=201)


ROUTES = (
    Route("GET", "/app", read_app, kind="app"),
    Route("GET", "/apps/{slug}", read_public_app),
    Route("GET", "/app/installations", list_installations, kind="app"),
    Route("GET", "/app/installations/{installation_id}", read_installation, kind="app"),
    Route("POST", "/app/installations/{installation_id}/access_tokens", create_token, kind="app"),
    Route("GET", "/repos/{owner}/{repo}/installation", installation_of_repository, kind="app"),
    Route("GET", "/orgs/{login}/installation", installation_of_account, kind="app"),
    Route("GET", "/users/{login}/installation", installation_of_account, kind="app"),
    Route("DELETE", "/installation/token", revoke_token, kind="installation"),
    Route("GET", "/installation/repositories", installation_repositories, kind="installation"),
    Route("POST", "/app-manifests/{code}/conversions", convert_manifest),
)
