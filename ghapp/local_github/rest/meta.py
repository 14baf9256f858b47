"""GitHub's information about itself: addresses and versions."""

from __future__ import annotations

from ghapp.local_github.routing import VERSIONS, Call, Reply, Route


def root(call: Call) -> Reply:
    url = call.world.api_url
    return Reply(
        body={
            "current_user_url": f"{url}/user",
            "rate_limit_url": f"{url}/rate_limit",
            "repository_url": f"{url}/repos/{{owner}}/{{repo}}",
            "user_url": f"{url}/users/{{user}}",
        }
    )


def versions(call: Call) -> Reply:
    return Reply(body=list(VERSIONS))


def meta(call: Call) -> Reply:
    return Reply(body={"verifiable_password_authentication": False, "installed_version": "3.19.0"})


def zen(call: Call) -> Reply:
    return Reply(body="Keep it logically awesome.")


ROUTES = (
    Route("GET", "/", root),
    Route("GET", "/versions", versions),
    Route("GET", "/meta", meta),
    Route("GET", "/zen", zen),
)
