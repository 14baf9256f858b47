"""Sign in to an App as the person who is chosen in the header."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from ghapp.local_github import sign_in
from ghapp.local_github.errors import ApiError
from ghapp.local_github.pages.view import Answer, Data, Page, PageRoute, Redirect, View

_KEPT = ("client_id", "redirect_uri", "state", "code_challenge", "code_challenge_method")


def authorize(view: View) -> Answer:
    """Ask for consent once for each App and person; after that, redirect straight back."""
    app = sign_in.app_of_client(view.world, view.query.get("client_id"))
    if (app.id, view.account.id) in view.world.authorized:
        return _back(view, view.query)
    fields = {name: view.query[name] for name in _KEPT if name in view.query}
    return Page(template="authorize.html", values={"app": app, "fields": fields})


def decide(view: View) -> Answer:
    return _back(view, view.form, denied=view.form.get("answer") != "yes")


def _back(view: View, values: Mapping[str, str], *, denied: bool = False) -> Redirect:
    app = sign_in.app_of_client(view.world, values.get("client_id"))
    place = sign_in.callback(app, values.get("redirect_uri"))
    if place is None:
        raise ApiError(422, "The redirect_uri is not associated with this application.")
    challenge = values.get("code_challenge")
    if challenge is not None and values.get("code_challenge_method") != "S256":
        raise ApiError(422, "code_challenge_method has to be S256.")
    state = {"state": values["state"]} if "state" in values else {}
    if denied:
        answer = {"error": "access_denied", "error_description": "The user has denied your application access."}
    else:
        code = sign_in.new_code(view.world, app, view.account, redirect_uri=place, code_challenge=challenge)
        answer = {"code": code}
    joint = "&" if urlsplit(place).query else "?"
    return Redirect(url=f"{place}{joint}{urlencode({**answer, **state})}")


def exchange(view: View) -> Answer:
    return Data(body=sign_in.exchange(view.world, {**view.query, **view.form}))


ROUTES = (
    PageRoute("GET", "/login/oauth/authorize", authorize),
    PageRoute("POST", "/login/oauth/authorize", decide),
    PageRoute("POST", "/login/oauth/access_token", exchange),
)
