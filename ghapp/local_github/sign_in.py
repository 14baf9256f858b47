"""Sign people in to an App: the web flow's codes, and the tokens that they are exchanged for.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-user-access-token-for-a-github-app
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from ghapp.local_github.errors import not_found
from ghapp.local_github.state import JSON, Account, App, SignInCode, UserToken
from ghapp.local_github.world import World

_CODE_LIFE = timedelta(minutes=10)
_TOKEN_LIFE = timedelta(hours=8)
_REFRESH_LIFE = timedelta(days=184)


def app_of_client(world: World, client_id: str | None) -> App:
    for app in world.apps.values():
        if app.client_id == client_id:
            return app
    raise not_found()


def callback(app: App, redirect_uri: str | None) -> str | None:
    """Return the address to which the person is sent back, if the App registered it. On loopback, any port fits."""
    if redirect_uri is None:
        return app.callback_urls[0] if app.callback_urls else None
    return redirect_uri if any(_fits(redirect_uri, known) for known in app.callback_urls) else None


def _fits(requested: str, registered: str) -> bool:
    one, other = urlsplit(requested), urlsplit(registered)
    same_host = one.netloc == other.netloc or one.hostname == other.hostname in ("127.0.0.1", "localhost", "::1")
    return (one.scheme, one.path.rstrip("/")) == (other.scheme, other.path.rstrip("/")) and same_host


def new_code(world: World, app: App, account: Account, *, redirect_uri: str, code_challenge: str | None) -> str:
    code = secrets.token_hex(10)
    world.authorized.add((app.id, account.id))
    world.sign_in_codes[code] = SignInCode(
        app=app,
        account=account,
        redirect_uri=redirect_uri,
        code_challenge=code_challenge,
        expires_at=world.now() + _CODE_LIFE,
    )
    return code


def exchange(world: World, form: Mapping[str, str]) -> JSON:
    """Exchange a code or a refresh token for a user access token. As on GitHub, a refusal is a 200 with `error`."""
    app = next((app for app in world.apps.values() if app.client_id == form.get("client_id")), None)
    if app is None or not hmac.compare_digest(app.client_secret, form.get("client_secret", "")):
        return _refusal("incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect.")
    if form.get("grant_type") == "refresh_token":
        return _refresh(world, app, form.get("refresh_token", ""))
    code = world.sign_in_codes.pop(form.get("code", ""), None)
    if code is None or code.app is not app or code.expires_at <= world.now() or not _verified(code, form):
        return _refusal("bad_verification_code", "The code passed is incorrect or expired.")
    if form.get("redirect_uri", code.redirect_uri) != code.redirect_uri:
        return _refusal("redirect_uri_mismatch", "The redirect_uri MUST match the registered callback URL.")
    return _new_token(world, app, code.account)


def _verified(code: SignInCode, form: Mapping[str, str]) -> bool:
    if code.code_challenge is None:
        return True
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    return hmac.compare_digest(base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), code.code_challenge)


def _refresh(world: World, app: App, value: str) -> JSON:
    for token in list(world.user_tokens.values()):
        if token.app is app and token.refresh_value == value:
            del world.user_tokens[token.value]
            return _new_token(world, app, token.account)
    return _refusal("bad_refresh_token", "The refresh token passed is incorrect or expired.")


def _new_token(world: World, app: App, account: Account) -> JSON:
    token = UserToken(
        value=f"ghu_{secrets.token_hex(18)}",
        refresh_value=f"ghr_{secrets.token_hex(38)}",
        app=app,
        account=account,
        expires_at=world.now() + _TOKEN_LIFE,
    )
    world.user_tokens[token.value] = token
    return {
        "access_token": token.value,
        "expires_in": int(_TOKEN_LIFE.total_seconds()),
        "refresh_token": token.refresh_value,
        "refresh_token_expires_in": int(_REFRESH_LIFE.total_seconds()),
        "scope": "",
        "token_type": "bearer",
    }


def _refusal(error: str, description: str) -> JSON:
    return {"error": error, "error_description": description, "error_uri": "https://docs.github.com/apps"}
