"""Check and revoke the tokens that people gave an App. The App sends its client id and secret."""

from __future__ import annotations

from ghapp.local_github.errors import not_found
from ghapp.local_github.routing import Call, Reply, Route
from ghapp.local_github.serializers import accounts
from ghapp.local_github.state import UserToken


def _token(call: Call) -> UserToken:
    token = call.world.user_tokens.get(str(call.body.get("access_token")))
    if token is None or token.app is not call.app or call.params["client_id"] != call.app.client_id:
        raise not_found()
    return token


def check(call: Call) -> Reply:
    token = _token(call)
    body = {
        "token": token.value,
        "user": accounts.user(call.world, token.account),
        "app": {"name": token.app.name, "client_id": token.app.client_id, "url": token.app.external_url},
        "expires_at": accounts.timestamp(token.expires_at),
        "scopes": [],
    }
    return Reply(body=body)


def revoke(call: Call) -> Reply:
    del call.world.user_tokens[_token(call).value]
    return Reply(status=204)


def revoke_grant(call: Call) -> Reply:
    """Revoke all tokens that the person gave the App, and the person's authorization of the App."""
    token = _token(call)
    for value, other in list(call.world.user_tokens.items()):
        if (other.app, other.account) == (token.app, token.account):
            del call.world.user_tokens[value]
    call.world.authorized.discard((token.app.id, token.account.id))
    return Reply(status=204)


ROUTES = (
    Route("POST", "/applications/{client_id}/token", check, kind="client"),
    Route("DELETE", "/applications/{client_id}/token", revoke, kind="client"),
    Route("DELETE", "/applications/{client_id}/grant", revoke_grant, kind="client"),
)
