"""A repository on the local GitHub, and `planward doctor` run on it."""

import json
from typing import Any

import anyio
import httpx
from click.testing import CliRunner, Result

from ghapp.cli import planward
from ghapp.doctor import Diagnosis, examine
from ghapp.doctor.protection_check import ProtectionCheck
from ghapp.github import GitHubApp
from ghapp.github.app_manifest import read_app_manifest
from ghapp.local_github import LocalGitHub
from ghapp.local_github.state import App
from tests.ghapp.github.scripted_github import signed_by_pem


class Shop:
    """acme/shop on a local GitHub, owned by grace, with the App installed."""

    def __init__(self, github: LocalGitHub, **permissions: str | None) -> None:
        self.github = github
        github.create_user("grace")
        github.create_organization("acme", owners=["grace"])
        self.repository = github.create_repository(
            "acme/shop",
            files={"main.tf": "", ".github/CODEOWNERS": "* @grace\n"},
            default_branch="staging",
            by="grace",
        )
        manifest = read_app_manifest()
        asked = {**manifest.permissions, **permissions}
        self.app: App = github.create_app(
            "Planward",
            owner="grace",
            permissions={name: level for name, level in asked.items() if level},
            events=list(manifest.events),
        )
        self.installation = github.install(self.app, "acme", by="grace")
        self.protect_nothing()

    def protect_nothing(self) -> None:
        tip = self.rest("GET", "/branches/staging").json()["commit"]["sha"]
        self.github.move("acme/shop", "production", tip, by="grace")

    def rest(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.ask(method, f"/repos/acme/shop{path}", **options)

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        with self.github.rest("grace") as rest:
            answer = rest.request(method, path, **options)
        assert answer.is_success, answer.text
        return answer

    def gates(self, branch: str) -> tuple[ProtectionCheck, ...]:
        """The gates of one branch, read with an administrator's token.

        Reading a key and loading certificates take as long as all the requests. So the key is read only once, and no
        certificates are loaded.
        """

        async def asking() -> Diagnosis:
            key, transport = signed_by_pem(self.app.private_key_pem), httpx.AsyncHTTPTransport(verify=False)
            async with GitHubApp(self.github.api_url, self.app.id, key, transport=transport) as github:
                administrator = self.github.token("grace")
                return await examine(github, self.app.id, "acme/shop", administrator=administrator)

        diagnosis = anyio.run(asking)
        return next(gates for guarded, gates in diagnosis.branches if guarded.branch == branch)

    def doctor(self, *arguments: str) -> Result:
        environ = {
            "PLANWARD_GITHUB_API_URL": self.github.api_url,
            "PLANWARD_GITHUB_APP_ID": str(self.app.id),
            "PLANWARD_GITHUB_PRIVATE_KEY": self.app.private_key_pem,
            "PLANWARD_GITHUB_WEBHOOK_SECRET": "secret",
            "VAULT_ADDR": None,
            "PLANWARD_SANDBOX": "none",
        }
        return CliRunner().invoke(planward, ["doctor", "acme/shop", *arguments], env=environ)

    def calls(self, output: str) -> list[dict[str, Any]]:
        """The bodies of the calls that doctor prints."""
        return [json.loads(part.partition("\nJSON")[0]) for part in output.split("<<'JSON'\n")[1:]]
