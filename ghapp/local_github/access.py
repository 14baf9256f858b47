"""The sender of a request, and the sender's permissions: tokens of Apps, tokens of people, roles."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import jwt

from ghapp.local_github.errors import ApiError, not_accessible, not_found
from ghapp.local_github.state import BASE_ROLES, Account, App, InstallationToken, Repository
from ghapp.local_github.world import World, covers

_LEVELS = {"read": 1, "write": 2, "admin": 3}

_ROLE_NEEDED = {
    ("issues", "write"): "read",
    ("pull_requests", "write"): "read",
    ("administration", "read"): "admin",
    ("administration", "write"): "admin",
}


@dataclass(frozen=True, slots=True)
class Anonymous:
    pass


@dataclass(frozen=True, slots=True)
class Person:
    account: Account


@dataclass(frozen=True, slots=True)
class AppJwt:
    """An App that sends its JWT: it may read and manage only itself and its installations."""

    app: App


@dataclass(frozen=True, slots=True)
class InstallationAccess:
    """An App that sends an installation access token."""

    token: InstallationToken


@dataclass(frozen=True, slots=True)
class UserAccess:
    """A person who acts through an App's user access token, which may do what both the person and the App may."""

    account: Account
    app: App


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """An App that sends its client id and secret: it may check and revoke user access tokens."""

    app: App


Actor = Anonymous | Person | AppJwt | InstallationAccess | UserAccess | ClientCredentials


def authenticate(world: World, header: str | None) -> Actor:
    """Return the sender that an `Authorization` header names. Raises 401 if the credential is unknown, expired or
    malformed."""
    if not header:
        return Anonymous()
    scheme, _, value = header.partition(" ")
    value = value.strip()
    if scheme.lower() == "basic":
        name, value = _basic(value)
        for app in world.apps.values():
            if (app.client_id, app.client_secret) == (name, value):
                return ClientCredentials(app)
        value = value or name
    elif scheme.lower() not in ("bearer", "token"):
        raise _bad_credentials()
    if value.count(".") == 2 and not value.startswith("ghs_"):
        return AppJwt(_verify_jwt(world, value))
    return _token_actor(world, value)


def _token_actor(world: World, value: str) -> Actor:
    if value in world.people_tokens:
        return Person(world.people_tokens[value])
    signed_in = world.user_tokens.get(value)
    if signed_in is not None and signed_in.expires_at > world.now():
        return UserAccess(signed_in.account, signed_in.app)
    token = world.installation_tokens.get(value)
    if token is None or token.expires_at <= world.now() or token.installation.id not in world.installations:
        raise _bad_credentials()
    return InstallationAccess(token)


def _basic(value: str) -> tuple[str, str]:
    try:
        name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise _bad_credentials() from None
    return name, password


def _bad_credentials(message: str = "Bad credentials") -> ApiError:
    return ApiError(401, message)


def _verify_jwt(world: World, token: str) -> App:
    try:
        issuer = str(jwt.decode(token, options={"verify_signature": False}).get("iss", ""))
    except jwt.PyJWTError:
        raise _bad_credentials("A JSON web token could not be decoded") from None
    app = next((app for app in world.apps.values() if issuer in (str(app.id), app.client_id)), None)
    if app is None:
        raise ApiError(
            404 if issuer else 401, "Integration not found" if issuer else "'Issuer' claim ('iss') is missing"
        )
    unchecked = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_iss": False}
    try:
        claims = jwt.decode(token, app.public_key_pem, algorithms=["RS256"], options=unchecked)  # type: ignore[arg-type]
    except jwt.PyJWTError:
        raise _bad_credentials("A JSON web token could not be decoded") from None
    now = world.now().timestamp()
    expires, issued = claims.get("exp"), claims.get("iat")
    if not isinstance(expires, int) or expires <= now:
        raise _bad_credentials(
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the"
            " assertion expires"
        )
    if not isinstance(issued, int) or issued > now + 1:
        raise _bad_credentials(
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
        )
    if expires > now + 601:
        raise _bad_credentials("'Expiration time' claim ('exp') is too far in the future")
    return app


# -- roles of people -----------------------------------------------------------------------------------------------


def role_name(world: World, account: Account, repository: Repository) -> str:
    """Return the strongest role that somebody has in a repository; a custom role by its own name."""
    names = _roles(world, account, repository)
    return max(names, key=lambda name: BASE_ROLES.index(base_role(world, repository, name)), default="none")


def _roles(world: World, account: Account, repository: Repository) -> list[str]:
    names = [] if repository.private else ["read"]
    if account is repository.owner:
        names.append("admin")
    membership = world.organization_members.get(repository.owner.id, {}).get(account.id)
    if membership == "admin":
        names.append("admin")
    elif membership == "member":
        names.append("read")
    if account.id in repository.collaborators:
        names.append(repository.collaborators[account.id])
    names += [
        team.repositories[repository.id]
        for team in world.teams
        if repository.id in team.repositories and account.id in world.team_members(team)
    ]
    return names


def base_role(world: World, repository: Repository, name: str) -> str:
    if name in BASE_ROLES:
        return name
    roles = world.custom_roles.get(repository.owner.id, [])
    return next((role.base_role for role in roles if role.name == name), "read")


def has_role(world: World, account: Account, repository: Repository, needed: str) -> bool:
    held = base_role(world, repository, role_name(world, account, repository))
    return BASE_ROLES.index(held) >= BASE_ROLES.index(needed)


# -- permissions of actors -----------------------------------------------------------------------------------------


def require(world: World, actor: Actor, repository: Repository, permission: str, level: str) -> None:
    """Raises 404 if the actor may not see the repository, and 403 if the actor sees it but lacks the permission.

    Raises 401 if an App sends its own credentials, or if an anonymous sender has to authenticate first.
    """
    match actor:
        case InstallationAccess(token):
            _require_installed(token, repository, permission, level)
        case Person(account):
            _require_person(world, account, repository, permission, level)
        case UserAccess(account, app):
            _require_person(world, account, repository, permission, level)
            _require_app(world, app, repository, permission, level)
        case AppJwt() | ClientCredentials():
            raise ApiError(401, "A JSON web token could not be decoded" if repository.private else "Bad credentials")
        case Anonymous():
            if repository.private:
                raise not_found()
            if level != "read" or permission == "administration":
                raise ApiError(401, "Requires authentication")


def _require_installed(token: InstallationToken, repository: Repository, permission: str, level: str) -> None:
    if token.installation.suspended_at is not None:
        raise ApiError(403, "This installation has been suspended")
    reachable = covers(token.installation, repository) and (
        token.repository_ids is None or repository.id in token.repository_ids
    )
    if not reachable:
        if repository.private:
            raise not_found()
        if level == "read" and permission in (
            "metadata",
            "contents",
            "pull_requests",
            "issues",
            "checks",
            "statuses",
            "deployments",
        ):
            return
        raise not_accessible()
    granted = token.permissions.get(permission, "read" if permission == "metadata" else "")
    if _LEVELS.get(granted, 0) < _LEVELS[level]:
        raise not_accessible()


def _require_person(world: World, account: Account, repository: Repository, permission: str, level: str) -> None:
    if not has_role(world, account, repository, "read"):
        raise not_found()
    if permission == "checks" and level == "write":
        raise ApiError(403, "You must authenticate via a GitHub App.")
    needed = _ROLE_NEEDED.get((permission, level), "write" if level == "write" else "read")
    if not has_role(world, account, repository, needed):
        raise ApiError(
            403,
            "Must have admin rights to Repository."
            if needed == "admin"
            else "Resource not accessible by personal access token",
        )


def _require_app(world: World, app: App, repository: Repository, permission: str, level: str) -> None:
    """Any App may read public repositories; everything else needs an installation with the permission."""
    if not repository.private and level == "read" and permission != "administration":
        return
    installation = world.installation_of(app, repository)
    if installation is None:
        raise not_found() if repository.private else not_accessible()
    granted = installation.permissions.get(permission, "read" if permission == "metadata" else "")
    if _LEVELS.get(granted, 0) < _LEVELS[level]:
        raise not_accessible()


def actor_account(actor: Actor) -> Account:
    match actor:
        case InstallationAccess(token):
            return token.installation.app.bot
        case Person(account) | UserAccess(account, _):
            return account
        case AppJwt(app) | ClientCredentials(app):
            return app.bot
        case Anonymous():
            raise ApiError(401, "Requires authentication")


def actor_app(actor: Actor) -> App | None:
    """Return the App for `performed_via_github_app`: it acts by itself through an installation, or for a person."""
    match actor:
        case InstallationAccess(token):
            return token.installation.app
        case UserAccess(_, app):
            return app
        case Anonymous() | Person() | AppJwt() | ClientCredentials():
            return None


def may_push(world: World, actor: Actor, repository: Repository) -> bool:
    try:
        require(world, actor, repository, "contents", "write")
    except ApiError:
        return False
    return True
