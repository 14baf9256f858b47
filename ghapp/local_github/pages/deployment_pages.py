"""Environments and their deployments."""

from __future__ import annotations

from ghapp.local_github.pages.view import Answer, Page, PageRoute, View
from ghapp.local_github.state import Deployment, Repository


def environments(repository: Repository) -> dict[str, list[Deployment]]:
    """Return the deployments of each environment, newest first."""
    found: dict[str, list[Deployment]] = {}
    for item in reversed(repository.deployments):
        found.setdefault(item.environment, []).append(item)
    return found


def deployments(view: View) -> Answer:
    found = environments(view.repository)
    chosen = view.params.get("environment")
    shown = [item for item in view.repository.deployments[::-1] if chosen in (None, item.environment)]
    values = {"environments": found, "chosen": chosen, "deployments": shown}
    return Page(template="deployments.html", values=values)


ROUTES = (
    PageRoute("GET", "/{owner}/{repo}/deployments", deployments),
    PageRoute("GET", "/{owner}/{repo}/deployments/{environment}", deployments),
)
