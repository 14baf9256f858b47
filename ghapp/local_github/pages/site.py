"""The pages as an ASGI application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import jinja2
from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from ghapp.local_github.access import has_role
from ghapp.local_github.errors import ApiError
from ghapp.local_github.pages import app_pages, code, deployment_pages, pull_pages, sign_in_pages
from ghapp.local_github.pages.avatars import avatar_svg
from ghapp.local_github.pages.template_functions import GLOBALS
from ghapp.local_github.pages.view import VIEWER_COOKIE, Data, Page, PageRoute, Redirect, View
from ghapp.local_github.state import Account
from ghapp.local_github.world import World

_HOSTS = ("127.0.0.1", "localhost", "::1")
_FROM_ELSEWHERE = ("/settings/apps/new",)
"""The page to which forms of other sites may post, since the manifest flow begins on a page of the App."""

_POLICY = (
    "default-src 'self'; style-src 'self'; img-src * data:; form-action *; frame-ancestors 'none'; base-uri 'none'"
)


class Pages:
    def __init__(self, world: World) -> None:
        self._world = world
        loader = jinja2.PackageLoader("ghapp.local_github.pages")
        self._templates = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
        self._templates.globals.update(GLOBALS)
        routes: list[BaseRoute] = [
            Mount("/-/static", StaticFiles(packages=[("ghapp.local_github.pages", "static")])),
            Route("/-/viewer", self._choose_viewer, methods=["POST"]),
            Route("/avatars/{account_id:int}", self._avatar),
        ]
        known = (
            *sign_in_pages.ROUTES,
            *app_pages.ROUTES,
            *code.ROUTES[:1],
            *deployment_pages.ROUTES,
            *pull_pages.ROUTES,
            *code.ROUTES[1:],
        )
        routes += [Route(route.path, self._endpoint(route), methods=[route.method]) for route in known]
        self._app = Starlette(routes=routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        if request.url.hostname not in _HOSTS:
            await HTMLResponse("This GitHub is local.", 421)(scope, receive, send)
        elif request.method == "POST" and not self._same_site(request):
            await HTMLResponse("Only forms of these pages are accepted.", 403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _same_site(self, request: Request) -> bool:
        origin = request.headers.get("origin")
        if origin in (None, f"{request.url.scheme}://{request.url.netloc}"):
            return True
        return request.url.path.endswith(_FROM_ELSEWHERE)

    def _endpoint(self, route: PageRoute) -> Any:
        async def endpoint(request: Request) -> Response:
            form = await _read_form(request) if request.method == "POST" else {}
            return await to_thread.run_sync(self._serve, route, request, form)

        return endpoint

    def _serve(self, route: PageRoute, request: Request, form: Mapping[str, str]) -> Response:
        with self._world.lock:
            view = View(
                world=self._world,
                viewer=self._viewer(request),
                params={name: str(value) for name, value in request.path_params.items()},
                query=dict(request.query_params),
                form=form,
            )
            try:
                answer = route.handler(view)
            except ApiError as error:
                answer = self._refusal(request, error)
            if isinstance(answer, Redirect):
                return _redirect(answer)
            if isinstance(answer, Data):
                return _data(request, answer)
            return self._render(request, view, answer)

    def _refusal(self, request: Request, error: ApiError) -> Page | Redirect:
        """Go back to the page whose button was pressed and show the reason there, or show a page with the status."""
        referrer = urlsplit(request.headers.get("referer", ""))
        if request.method == "POST" and referrer.netloc == request.url.netloc:
            texts = [one if isinstance(one, str) else one.get("message", "") for one in error.errors]
            message = ". ".join(text for text in texts if text) or error.message
            return Redirect(url=referrer.path, message=message)
        return Page(
            template="refusal.html", values={"status": error.status, "text": error.message}, status=error.status
        )

    def _render(self, request: Request, view: View, page: Page) -> Response:
        context: dict[str, Any] = {
            "world": self._world,
            "view": view,
            "viewer": view.viewer,
            "people": [account for account in self._world.accounts.values() if account.type == "User"],
            "path": request.url.path,
            "repository": None,
            "message": request.query_params.get("message"),
        }
        if "owner" in view.params and "repo" in view.params and page.status == 200:
            context["repository"] = view.repository
        html = self._templates.get_template(page.template).render({**context, **page.values})
        headers = {
            "Content-Security-Policy": _POLICY,
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        }
        return HTMLResponse(html, page.status, headers)

    def _viewer(self, request: Request) -> Account | None:
        people = [account for account in self._world.accounts.values() if account.type == "User"]
        chosen = request.cookies.get(VIEWER_COOKIE)
        return next((account for account in people if account.login == chosen), self._most_trusted(people))

    def _most_trusted(self, people: list[Account]) -> Account | None:
        """Return the person who administers the most repositories, who is the viewer at first."""

        def administered(account: Account) -> int:
            return sum(has_role(self._world, account, item, "admin") for item in self._world.repositories.values())

        return max(people, key=administered, default=None)

    async def _choose_viewer(self, request: Request) -> Response:
        form = await _read_form(request)
        login, back = form.get("login", ""), form.get("back", "/")
        return _redirect(
            Redirect(url=back if back.startswith("/") and not back.startswith("//") else "/", cookie=login)
        )

    async def _avatar(self, request: Request) -> Response:
        svg = avatar_svg(self._world.accounts.get(request.path_params["account_id"]))
        return Response(svg, media_type="image/svg+xml", headers={"Cache-Control": "max-age=3600"})


def _data(request: Request, answer: Data) -> Response:
    if "json" in request.headers.get("accept", ""):
        return JSONResponse(dict(answer.body))
    return Response(urlencode(answer.body), media_type="application/x-www-form-urlencoded")


async def _read_form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))


def _redirect(answer: Redirect) -> Response:
    url = answer.url
    if answer.message is not None:
        url = f"{url}?{urlencode({'message': answer.message})}"
    response = RedirectResponse(quote(url, safe=":/%#?=@[]!$&'()*+,;~"), 303)
    if answer.cookie is not None:
        response.set_cookie(VIEWER_COOKIE, answer.cookie, httponly=True, samesite="lax")
    return response
