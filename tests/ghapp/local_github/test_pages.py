"""The pages of the local GitHub: their content, and buttons that do the same as GitHub's."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from ruamel.yaml import YAML

from ghapp.local_github import LocalGitHub
from ghapp.local_github.pages.markdown import render
from ghapp.local_github.state import Installation
from tests.ghapp.local_github.acme import Receiver, client, installed, propose

PULL = "/acme/infra/pull/1"
MANIFEST = Path(__file__).parents[3] / "app.yml"


@pytest.fixture
def browser(github: LocalGitHub) -> Iterator[httpx.Client]:
    """A browser, signed in as grace at first."""
    with httpx.Client(base_url=github.url, follow_redirects=True, trust_env=False, verify=False) as one:
        become(one, "grace")
        yield one


def become(browser: httpx.Client, login: str) -> None:
    browser.post("/-/viewer", data={"login": login, "back": "/"}).raise_for_status()


def press(browser: httpx.Client, path: str, **fields: str) -> str:
    answer = browser.post(path, data=fields, headers={"Referer": f"{browser.base_url}{PULL}"})
    assert answer.status_code == 200, answer.text
    return answer.text


def test_every_page_is_there(github: LocalGitHub, installation: Installation, browser: httpx.Client) -> None:
    sha = propose(github)["head"]["sha"]
    with installed(github, installation) as speaker:
        output = {"title": "1 to change in testing", "summary": "s", "text": "t"}
        note = {
            "path": "network/main.tf",
            "start_line": 3,
            "end_line": 3,
            "annotation_level": "warning",
            "message": "Look",
        }
        run = {
            "name": "planward/plan",
            "head_sha": sha,
            "conclusion": "success",
            "output": {**output, "annotations": [note]},
        }
        number = speaker.post("/repos/acme/infra/check-runs", json=run).json()["id"]
        body = {"ref": sha, "environment": "staging", "auto_merge": False, "required_contexts": []}
        speaker.post("/repos/acme/infra/deployments", json=body).raise_for_status()
    shown = {
        "/": "acme/<b>infra</b>",
        "/acme": "infra",
        "/acme/infra": "topic",
        "/acme/infra/tree/topic/network": "main.tf",
        "/acme/infra/blob/topic/network/main.tf": 'id="L3"',
        "/acme/infra/edit/topic/network/main.tf": "Commit changes",
        "/acme/infra/commits": "Initial commit",
        f"/acme/infra/commit/{sha}": "planward/plan",
        "/acme/infra/pulls": "1 to change in testing",
        "/acme/infra/compare/staging...topic": "three",
        PULL: "Successful in 0s — 1 to change in testing",
        f"{PULL}/commits": "Change files",
        f"{PULL}/files": "Look",
        f"{PULL}/checks": "1 to change in testing",
        f"/acme/infra/runs/{number}": "Re-run",
        "/acme/infra/deployments": "Pending",
        "/apps/planward": "Installed on",
        "/settings/apps/planward": "check_run.completed",
        f"/settings/apps/planward/deliveries/{github.deliveries[0].id}": "X-Hub-Signature-256",
    }
    for path, text in shown.items():
        answer = browser.get(path)
        assert answer.status_code == 200, path
        assert text in answer.text, path
    assert browser.get("/acme/nowhere").status_code == 404


def test_the_merge_button_says_why_it_does_not_work(github: LocalGitHub, browser: httpx.Client) -> None:
    propose(github)
    protection = {"required_status_checks": {"strict": False, "contexts": ["ci"]}, "enforce_admins": True}
    with github.rest("ada") as speaker:
        body = {**protection, "required_pull_request_reviews": None, "restrictions": None}
        speaker.put("/repos/acme/infra/branches/staging/protection", json=body).raise_for_status()
    page = browser.get(PULL).text
    assert "Merging is blocked: Required status check &#34;ci&#34; is expected." in page
    assert re.search(r'<button class="button primary" disabled>Merge</button>', page)
    assert "Expected — Waiting for status to be reported" in page
    refused = press(browser, f"{PULL}/merge", method="merge")
    assert "Required status check &#34;ci&#34; is expected." in refused.split("</main>")[0].split('role="alert"')[1]


def test_a_pull_request_is_discussed_approved_and_merged_by_its_buttons(
    github: LocalGitHub, installation: Installation, receiver: Receiver, browser: httpx.Client
) -> None:
    propose(github)
    press(browser, f"{PULL}/comment", body="planward plan")
    assert "Can not approve your own pull request" in press(browser, f"{PULL}/review", event="APPROVE")
    become(browser, "ada")
    press(browser, f"{PULL}/review", event="APPROVE")
    merged = press(browser, f"{PULL}/merge", method="squash")
    assert "Pull request successfully merged and closed" in merged
    press(browser, f"{PULL}/delete-branch")
    github.wait_for_deliveries()
    assert receiver.last("issue_comment")["comment"]["body"] == "planward plan"
    assert receiver.last("pull_request")["pull_request"]["merged_by"]["login"] == "ada"
    assert receiver.last("push")["deleted"] is True


def test_a_button_of_a_check_run_and_rerun_are_pressed(
    github: LocalGitHub, installation: Installation, receiver: Receiver, browser: httpx.Client
) -> None:
    sha = propose(github)["head"]["sha"]
    with installed(github, installation) as speaker:
        action = {"label": "Approve plan", "description": "d", "identifier": "approve"}
        run = {"name": "planward/plan", "head_sha": sha, "conclusion": "action_required", "actions": [action]}
        number = speaker.post("/repos/acme/infra/check-runs", json=run).json()["id"]
    assert "Approve plan" in browser.get(f"{PULL}/checks").text
    press(browser, f"/acme/infra/runs/{number}/press", identifier="approve")
    press(browser, f"/acme/infra/runs/{number}/rerun")
    become(browser, "linus")
    assert "linus needs the role write" in press(browser, f"/acme/infra/runs/{number}/press", identifier="approve")
    github.wait_for_deliveries()
    told = [event for event in receiver.events() if event.startswith("check_run.")]
    assert told == ["check_run.created", "check_run.completed", "check_run.requested_action", "check_run.rerequested"]


def test_a_file_is_edited_on_a_branch_of_its_own_and_proposed(github: LocalGitHub, browser: httpx.Client) -> None:
    path = "/acme/infra/edit/staging/network/main.tf"
    proposed = browser.post(path, data={"branch": "grace-patch-1", "message": "Edit", "content": "edited\r\n"})
    assert urlsplit(str(proposed.url)).path == "/acme/infra/compare/staging...grace-patch-1"
    opened = browser.post("/acme/infra/pulls", data={"base": "staging", "head": "grace-patch-1", "title": "Edit it"})
    assert urlsplit(str(opened.url)).path == PULL
    git = github.world.repository("acme/infra").git
    tip = git.tip("grace-patch-1") or ""
    assert git.blob(tip, "network/main.tf") == b"edited\n"
    assert (git.commit(tip).author.name, git.commit(tip).committer.email) == ("grace", "noreply@github.com")


def test_the_manifest_of_this_repository_registers_an_app(github: LocalGitHub, browser: httpx.Client) -> None:
    manifest = YAML(typ="safe").load(MANIFEST.read_text())
    become(browser, "ada")
    form = {"manifest": json.dumps(manifest)}
    headers = {"Origin": "http://127.0.0.1:8000"}
    page = browser.post("/organizations/acme/settings/apps/new?state=s1", data=form, headers=headers).text
    assert "pull requests</td><td>write" in page
    created = browser.post(
        "/organizations/acme/settings/apps/create",
        data={**form, "name": "Planward", "state": "s1"},
        follow_redirects=False,
    )
    query = parse_qs(urlsplit(created.headers["Location"]).query)
    assert created.headers["Location"].startswith(manifest["redirect_url"])
    assert query["state"] == ["s1"]
    with client(github, None) as nobody:
        path = f"/app-manifests/{query['code'][0]}/conversions"
        converted = nobody.post(path)
        assert nobody.post(path).status_code == 404
    body = converted.json()
    assert (converted.status_code, body["slug"], body["owner"]["login"]) == (201, "planward", "acme")
    assert body["permissions"] == manifest["default_permissions"]
    assert body["pem"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert body["webhook_secret"]
    browser.post("/apps/planward/installations", data={"account": "acme", "selection": "all"}).raise_for_status()
    assert [item.account.login for item in github.world.installations.values()] == ["acme"]


def test_a_manifest_that_github_would_refuse_is_refused(github: LocalGitHub, browser: httpx.Client) -> None:
    manifest = {"url": "https://example.org", "default_permissions": {"checks": "write"}, "default_events": ["push"]}
    answer = browser.post("/settings/apps/new", data={"manifest": json.dumps(manifest)})
    assert answer.status_code == 422
    assert "Default events are not supported by permissions: push" in answer.text


def test_other_sites_cannot_press_buttons(github: LocalGitHub, browser: httpx.Client) -> None:
    propose(github)
    forged = browser.post(f"{PULL}/merge", data={"method": "merge"}, headers={"Origin": "https://example.org"})
    rebound = browser.get("/", headers={"Host": "example.org"})
    assert (forged.status_code, rebound.status_code) == (403, 421)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a <script>alert(1)</script> b", "<p>a  b</p>\n"),
        ('<img src="x" onerror="alert(1)">', '<img src="x">'),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>\n"),
        ("~~no~~ **yes**", "<p><s>no</s> <strong>yes</strong></p>\n"),
        ("see #12", '<p>see <a href="/o/r/pull/12">#12</a></p>\n'),
        ("`#12`", "<p><code>#12</code></p>\n"),
        ("```diff\n+ a\n```", '<pre class="highlight"><code><span class="diff-added">+ a</span>\n</code></pre>\n'),
        ("|a|\n|--:|\n|1|", '<th align="right">a</th>'),
        ("<details><summary>s</summary>\n\nt\n</details>", "<details><summary>s</summary>\n<p>t</p>\n</details>"),
    ],
)
def test_markdown_is_rendered_like_githubs_and_no_script_runs(written: str, shown: str) -> None:
    assert shown in render(written, repository_url="/o/r")
