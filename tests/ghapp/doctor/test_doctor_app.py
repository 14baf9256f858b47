"""The App, its installation and the repository, compared with what Planward needs."""

from typing import Any

import msgspec
import pytest

from ghapp.doctor.app_checks import check_app, check_repository
from ghapp.doctor.protection_check import State
from ghapp.github import AppSeen, InstallationSeen, RepositoryAllows
from ghapp.github.app_manifest import read_app_manifest
from ghapp.values import BranchName, InstallationId, RepositoryId
from tests.ghapp.doctor.protection import APP_ID, not_met


def seen(**differs: Any) -> AppSeen:
    manifest = read_app_manifest()
    told = {"permissions": dict(manifest.permissions), "events": manifest.events, **differs}
    return AppSeen(id=APP_ID, slug="planward", name="Planward", **told)


def installed(**permissions: str | None) -> InstallationSeen:
    given = {**read_app_manifest().permissions, **permissions}
    kept = {name: level for name, level in given.items() if level}
    return InstallationSeen(id=InstallationId(1), account="acme", suspended=False, permissions=kept)


def without(name: str) -> dict[str, str]:
    return {each: level for each, level in read_app_manifest().permissions.items() if each != name}


ALL = dict(read_app_manifest().permissions)


@pytest.mark.parametrize(
    ("app", "installation", "expected"),
    [
        (seen(), installed(), {}),
        (
            seen(permissions=without("checks")),
            installed(),
            {"permissions": ("missing", "the App is registered without checks: write")},
        ),
        (
            seen(permissions={**ALL, "checks": "read"}),
            installed(),
            {"permissions": ("missing", "the App is registered without checks: write")},
        ),
        (
            seen(permissions=without("administration")),
            installed(administration=None),
            {
                "permission_administration": (
                    "advice",
                    "the App has no administration: read, so classic branch protection cannot be checked",
                )
            },
        ),
        (
            seen(permissions={**ALL, "contents": "write", "secrets": "read"}),
            installed(contents="write", secrets="read"),
            {
                "permissions_to_spare": (
                    "advice",
                    "the App has permissions that Planward does not need: contents: write, secrets: read",
                )
            },
        ),
        (
            seen(),
            installed(deployments=None),
            {"accepted": ("missing", "acme has not accepted deployments: write yet")},
        ),
        (
            seen(),
            installed(administration=None),
            {"accepted": ("advice", "acme has not accepted administration: read yet")},
        ),
        (
            seen(events=("push", "pull_request")),
            installed(),
            {
                "events": (
                    "missing",
                    "the App does not subscribe to pull_request_review, issue_comment, merge_group, repository",
                )
            },
        ),
        (
            seen(events=("push", "pull_request", "issue_comment", "merge_group", "repository")),
            installed(),
            {
                "events": (
                    "advice",
                    "the App does not subscribe to pull_request_review: an approving review does "
                    "not allow a preview; only the button and the comment do",
                )
            },
        ),
    ],
)
def test_the_app_is_compared_with_app_yml(
    app: AppSeen, installation: InstallationSeen, expected: dict[str, tuple[str, str]]
) -> None:
    assert not_met(check_app(read_app_manifest(), app, installation)) == expected


def test_an_archived_repository_is_reported() -> None:
    shop = RepositoryAllows(id=RepositoryId(1), full_name="acme/shop", default_branch=BranchName("staging"))
    assert check_repository(shop) == ()
    [gate] = check_repository(msgspec.structs.replace(shop, archived=True))
    assert (gate.state, gate.setting) == (
        State.MISSING,
        "Settings → General → Unarchive this repository, or uninstall the App from it",
    )
