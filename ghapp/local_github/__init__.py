"""A local GitHub with state behind a real socket: REST, git over HTTP, signed deliveries, pages.

It follows GitHub's documented REST API (2022-11-28 and 2026-03-10): an unknown route is answered
404, an invalid request 422, and a token may do only what its permissions allow. A test uses it like this:

    with LocalGitHub(tmp_path) as github:                       # `async with` is the same
        for login in ("ada", "grace"):
            github.create_user(login)
        github.create_organization("acme", owners=["ada"], members=["grace"])
        github.create_repository("acme/infra", files={"network/main.tf": "..."}, default_branch="staging")
        github.grant("acme/infra", "grace", "write")
        app = github.create_app("Planward", owner="acme", webhook_url=..., webhook_secret="s3cret",
                                permissions={"checks": "write", "contents": "read", "pull_requests": "write", ...},
                                events=["pull_request", "push", "issue_comment"])
        github.install(app, "acme", repositories=["acme/infra"])
        # app.id, app.private_key_pem, github.api_url and github.url are what the App is configured with

        github.commit("acme/infra", "topic", {"network/main.tf": "..."}, by="grace")      # a push, without git
        github.commit(..., by="grace", author="ada", co_authors=["Nobody <nobody@example.org>"])   # grace pushes
        # or by git itself: `git push {github.clone_url("acme/infra", "grace")}`
        pull = github.rest("grace").post("/repos/acme/infra/pulls",
                                         json={"title": "Widen", "head": "topic", "base": "staging"}).json()
        github.wait_for_deliveries()                            # or `await github.delivered()`
        github.rest("ada").put(f"/repos/acme/infra/pulls/{pull['number']}/merge", json={"merge_method": "squash"})
        github.press("acme/infra", check_run_id, "approve", by="ada")                     # REST cannot press a button
        github.rerun("acme/infra", check_run_id, by="ada")
        github.edit_comment("acme/infra", comment_id, "another text", by="ada", same_second=True)
        github.rename_repository(...); github.transfer_repository(...); github.delete_repository(...)

        github.hold_deliveries(event="push"); ...; github.release(reversed)
        github.lose_deliveries(event="push", times=1); github.duplicate_deliveries(); github.redeliver(guid)
        github.hide_deliveries(event="check_run"); ...; github.show_deliveries()          # sent, not in the log yet
        github.fail("POST", r"/check-runs$", status=502); github.lose_answer("POST", r"/deployments$")
        github.set_limits(DOCUMENTED)                           # github.com's; `Limits()` is generous
        # people sign in to the App through /login/oauth/authorize, if create_app got `callback_urls`
        assert github.unexpected == []                          # requests to unknown REST paths

State that REST does not show is in `github.world`, as objects of the classes in the package `state`. Hold
`github.world.lock` to use it.
"""

from ghapp.local_github.git import Entry
from ghapp.local_github.limits import DOCUMENTED, Limits
from ghapp.local_github.server import LocalGitHub

__all__ = ["DOCUMENTED", "Entry", "Limits", "LocalGitHub"]
