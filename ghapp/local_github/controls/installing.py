"""Register, install and suspend Apps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ghapp.local_github import apps
from ghapp.local_github.state import App, Installation
from ghapp.local_github.world import World


class AppControls:
    world: World

    def create_app(
        self,
        name: str,
        *,
        owner: str,
        permissions: Mapping[str, str],
        events: Sequence[str] = (),
        webhook_url: str | None = None,
        webhook_secret: str | None = None,
        external_url: str = "",
        description: str = "",
        callback_urls: Sequence[str] = (),
    ) -> App:
        """Register an App; its private key is `app.private_key_pem`. No ping is sent, unlike in the manifest flow."""
        with self.world.lock:
            app = apps.register(
                self.world,
                name,
                owner=self.world.account(owner),
                permissions=permissions,
                events=events,
                webhook_url=None,
                webhook_secret=webhook_secret,
                external_url=external_url,
                description=description,
                callback_urls=callback_urls,
            )
            app.webhook_url = webhook_url
            return app

    def install(
        self, app: App, account: str, *, repositories: Sequence[str] | None = None, by: str | None = None
    ) -> Installation:
        """Install an App on the named repositories of an account, or on all."""
        target, sender = self.world.account(account), self.world.account(by or account)
        return apps.install(self.world, app, target, repositories=repositories, sender=sender)

    def uninstall(self, installation: Installation, *, by: str) -> None:
        apps.uninstall(self.world, installation, self.world.account(by))

    def suspend(self, installation: Installation, *, by: str) -> None:
        apps.suspend(self.world, installation, self.world.account(by))

    def unsuspend(self, installation: Installation, *, by: str) -> None:
        apps.unsuspend(self.world, installation, self.world.account(by))

    def accept_permissions(self, installation: Installation, *, by: str) -> None:
        """Accept the App's permissions and events, after `app.permissions` or `app.events` were changed."""
        apps.accept_permissions(self.world, installation, self.world.account(by))

    def change_installed_repositories(
        self, installation: Installation, *, add: Sequence[str] = (), remove: Sequence[str] = (), by: str
    ) -> None:
        apps.change_repositories(self.world, installation, add=add, remove=remove, sender=self.world.account(by))
