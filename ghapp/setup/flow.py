"""The flow of `planward setup`: prepare, send the user to GitHub, exchange the code, store the credentials."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ghapp.errors import JobError, PlanwardError
from ghapp.github import API_VERSION, PUBLIC_API
from ghapp.github.app_manifest import read_app_manifest
from ghapp.github.manifest import RegisteredApp, exchange_code
from ghapp.setup.keeping import Keeper
from ghapp.setup.manifest import fill_manifest, form_url, require_reachable
from ghapp.setup.page import SetupPage, serve_setup_page

_PATIENCE_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The App to register, the API of the GitHub that hosts it, and the port of the setup page (0: any free port)."""

    api_url: str
    public_url: str
    organization: str | None
    name: str
    port: int


async def set_up(plan: Plan, keeper: Keeper, say: Callable[[str], None]) -> None:
    """Register the App and store its credentials. `say` receives the next step for the user.

    Raises SettingsError, GitHubError and VaultError; JobError if GitHub returns no webhook secret, or if nobody creates
    the App within an hour.
    """
    require_reachable(plan.public_url, plan.api_url)
    await keeper.prepare(_known(plan))
    async with serve_setup_page(plan.port, on_refusal=lambda why: say(f"Refused: {why}.")) as page:
        action = form_url(plan.api_url, plan.organization, page.state)
        manifest = read_app_manifest()
        page.offer(
            action,
            fill_manifest(manifest, name=plan.name, public_url=plan.public_url, redirect_url=page.redirect_url),
        )
        say(f"Open {page.url} in a browser on this machine, and create the App there.")
        try:
            app = await _register(plan, page)
            kept = await keeper.keep(_values(plan, app))
        except PlanwardError as error:
            page.show(done=False, text=str(error))
            raise
        page.show(done=True, text=f"{app.name} is registered. Go back to the terminal.")
    say(f"{app.name} is registered as {app.html_url}; its credentials are in {kept.place}.")
    if app.webhook_secret is None:
        raise JobError(
            f"GitHub made no webhook secret, and Planward does not start without one: set one in the settings of "
            f"{app.name} → Webhook, and store it with the others as PLANWARD_GITHUB_WEBHOOK_SECRET"
        )
    say("Next:")
    say(f"  1. {kept.next_step}")
    say(f"  2. install the App: {app.html_url}/installations/new")
    say("  3. planward doctor OWNER/REPO")


async def _register(plan: Plan, page: SetupPage) -> RegisteredApp:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            code = await page.code()
    except TimeoutError:
        raise JobError("nobody created the App within an hour: run planward setup again") from None
    return await exchange_code(plan.api_url, API_VERSION, code)


def _values(plan: Plan, app: RegisteredApp) -> dict[str, str]:
    values = {
        "PLANWARD_GITHUB_APP_ID": str(app.id),
        "PLANWARD_GITHUB_PRIVATE_KEY": app.private_key,
        "PLANWARD_GITHUB_CLIENT_ID": app.client_id,
        "PLANWARD_GITHUB_CLIENT_SECRET": app.client_secret,
    }
    if app.webhook_secret is not None:
        values["PLANWARD_GITHUB_WEBHOOK_SECRET"] = app.webhook_secret
    return values | _known(plan)


def _known(plan: Plan) -> dict[str, str]:
    """The settings that are known before GitHub answers."""
    api = {"PLANWARD_GITHUB_API_URL": plan.api_url} if plan.api_url != PUBLIC_API else {}
    return {"PLANWARD_PUBLIC_URL": plan.public_url, **api}
