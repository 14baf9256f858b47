"""One repository on the line: what people do in it, and what GitHub then shows."""

from __future__ import annotations

import html
import json
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ghapp.local_github import Entry
from tests.stories.waiting import PATIENCE_S, eventually

if TYPE_CHECKING:
    from tests.stories.line import Line

CONFIG = ".github/planward.yml"
ON_MERGE = "environments:\n  testing: {apply: on_merge}\n  staging: {branch: staging}\n"
"""A config with which each merge is applied to testing, too."""


class Story:
    """One repository and what people do in it. A wait that takes too long fails and says what it waited for.

    `author` has write access, `reviewer` owns the organization, `maintainer` has the role maintain and does nothing by
    default, `reader` may read. Each environment has the secret `db_password`. `team` is the team of the repository's
    own name, and the repository may use its secrets. Without `testing`, that environment has no secret, so pull
    requests are planned in their target alone, which takes half as long.
    """

    patience_s = PATIENCE_S
    """The longest time to wait for a check run."""

    def __init__(
        self,
        line: Line,
        owner: str,
        *,
        files: Mapping[str, str] | None = None,
        config: str | None = None,
        installed: bool = True,
        branches: tuple[str, ...] = ("staging", "production"),
        secrets: bool = True,
        testing: bool = False,
        name: str | None = None,
        team_is_open: bool = True,
    ) -> None:
        self.line = line
        self.github = line.github
        self.owner = owner
        self.team = name or f"{owner}-infra"
        self.name = f"{owner}/{self.team}"
        self.states = line.directory / "states" / owner
        self.states.mkdir(parents=True)
        self.author, self.reviewer, self.reader = f"{owner}-ada", f"{owner}-grace", f"{owner}-ron"
        self.maintainer = f"{owner}-mae"
        for login in (self.author, self.reviewer, self.maintainer, self.reader):
            self.github.create_user(login)
        self.github.create_organization(owner, owners=[self.reviewer], members=[])
        seed = dict(self.sample() if files is None else files)
        if config is not None:
            seed[CONFIG] = textwrap.dedent(config)
        self.repository = self.github.create_repository(
            self.name, files=seed, default_branch=branches[0], by=self.reviewer
        )
        self.first = self.tip(branches[0])
        for branch in branches[1:]:
            self.github.move(self.name, branch, self.first, by=self.reviewer)
        roles = {self.author: "write", self.reviewer: "admin", self.maintainer: "maintain", self.reader: "read"}
        for login, role in roles.items():
            self.github.grant(self.name, login, role)
        if team_is_open:
            self.open_team(str(self.repository.id))
        for branch in ("testing",) * testing + branches if secrets else ():
            self.secret(branch, db_password=self.password(branch))
        if installed:
            self.install()

    # -- files

    def sample(self) -> dict[str, str]:
        """The files of one root module, `network`. Its state lies outside of the checkout, and Vault has a variable."""
        return self.root_module("network", size=1)

    def root_module(self, name: str, *, size: int = 1, extra: str = "") -> dict[str, str]:
        """The files of a root module that contains one `terraform_data` resource, and `extra` after it."""
        main = f"""\
            terraform {{
              backend "local" {{}}
            }}

            variable "db_password" {{
              type      = string
              sensitive = true
            }}

            variable "size" {{
              type    = number
              default = {size}
            }}

            resource "terraform_data" "net" {{
              input = {{ size = var.size, password = var.db_password }}
            }}
            """
        files = {f"{name}/main.tf": textwrap.dedent(main) + textwrap.dedent(extra)}
        for environment in ("testing", "staging", "production"):
            files[f"{name}/env/{environment}.backend.hcl"] = f'path = "{self.state_path(name, environment)}"\n'
        return files

    def state_path(self, root_module: str, environment: str) -> Path:
        """The path of a root module's state in an environment."""
        return self.states / f"{root_module}-{environment}.tfstate"

    def read_state(self, path: Path) -> dict[str, Any]:
        """The state in a file: resource address → attributes of its instances; empty if there is no file."""
        if not path.exists():
            return {}
        content = eventually(lambda: _document_in(path), f"{path} is written")
        return {
            f"{each['type']}.{each['name']}": [instance["attributes"] for instance in each["instances"]]
            for each in content["resources"]
        }

    def state(self, root_module: str, environment: str) -> dict[str, Any]:
        """A root module's state in an environment, in the form of `read_state`."""
        return self.read_state(self.state_path(root_module, environment))

    def password(self, branch: str) -> str:
        """The value of `db_password` in the environment of this branch."""
        return f"{branch}-s3cr3t-{self.owner}"

    def secret(self, branch: str, name: str = "app", **keys: object) -> None:
        """Write a secret to the path from which the environment of this branch reads."""
        self.line.bao.put(f"kv/{self.team}/{branch}/{name}", **keys)

    def open_team(self, repositories: str, team: str | None = None) -> None:
        """Write into `kv/TEAM/planward` which repositories, by number or name, may use the team's secrets."""
        self.line.bao.put(f"kv/{team or self.team}/planward", repositories=repositories)

    def network(self, size: int) -> dict[str, str]:
        """The only file of `network` that has to change to give it another size."""
        return {"network/main.tf": self.root_module("network", size=size)["network/main.tf"]}

    # -- what people do

    def install(self) -> None:
        """Install the App, and wait until the branches are adopted."""
        self.installation = self.github.install(self.line.app, self.owner, by=self.reviewer)
        begun = f"discover:{self.repository.id}:"
        eventually(
            lambda: any(event["job"].startswith(begun) for event in self.line.events("job_done")),
            f"{self.name} is discovered",
        )

    def propose(
        self,
        files: Mapping[str, str | Entry | None] | None = None,
        *,
        head: str = "topic",
        base: str = "staging",
        by: str | None = None,
        draft: bool = False,
        title: str = "Change",
    ) -> int:
        """Commit to a branch and open a pull request; by default the commit gives `network` the size 2."""
        self.commit(head, self.network(2) if files is None else files, by=by, start=base)
        return self.open(head, base, by=by, draft=draft, title=title)

    def land(self, number: int, method: str = "merge") -> str:
        """Wait for the plan, merge, and wait until the merge is applied to staging; returns the merge SHA."""
        check = self.planned(number)
        assert check["conclusion"] == "success", check["output"]["title"]
        merged = self.merge(number, method)
        check = self.applied(merged)
        assert check["conclusion"] == "success", check["output"]["title"]
        return merged

    def rerun(self, check: Mapping[str, Any], *, by: str | None = None) -> None:
        """Press "Re-run" on a check run, by default as the author."""
        self.github.rerun(self.name, check["id"], by=by or self.author)

    def press(self, check: Mapping[str, Any], button: str, *, by: str) -> None:
        """Press one of a check run's own buttons."""
        self.github.press(self.name, check["id"], button, by=by)

    def let_in(self, check: Mapping[str, Any], *, by: str) -> dict[str, Any]:
        """Press "Plan" on a hold without a plan, then "Apply" on the hold that shows it; returns the last check run."""
        sha, name = check["head_sha"], check["name"]
        count = len(self.check_runs(sha, name))
        self.press(check, "plan", by=by)
        shown = self.completed(sha, name, count=count + 1)
        assert shown["conclusion"] == "action_required", shown["output"]["title"]
        self.press(shown, "apply", by=by)
        return self.completed(sha, name, count=count + 2)

    def edit(self, number: int, *, by: str | None = None, **changes: object) -> None:
        """Change a pull request over REST: `state`, `base`, `title`."""
        rest = self.line.rest(by or self.author)
        answer = rest.patch(f"/repos/{self.name}/pulls/{number}", json=changes)
        assert answer.status_code == 200, answer.text

    def commit(
        self,
        branch: str,
        files: Mapping[str, str | Entry | None],
        *,
        by: str | None = None,
        start: str = "staging",
        **written: Any,
    ) -> str:
        """Push a commit as `by`; `author`, `committer` and `co_authors` may be other people."""
        return self.github.commit(self.name, branch, files, by=by or self.author, start=start, **written)

    def open(
        self, head: str, base: str = "staging", *, by: str | None = None, draft: bool = False, title: str = "Change"
    ) -> int:
        """Open a pull request and return its number."""
        rest = self.line.rest(by or self.author)
        answer = rest.post(
            f"/repos/{self.name}/pulls", json={"title": title, "head": head, "base": base, "draft": draft}
        )
        assert answer.status_code == 201, answer.text
        return int(answer.json()["number"])

    def merge(self, number: int, method: str = "merge", *, by: str | None = None) -> str:
        """Press the merge button and return the merge SHA."""
        rest = self.line.rest(by or self.reviewer)
        answer = rest.put(f"/repos/{self.name}/pulls/{number}/merge", json={"merge_method": method})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["sha"])

    def comment(self, number: int, body: str, *, by: str | None = None) -> int:
        """Comment on a pull request and return the comment's id."""
        rest = self.line.rest(by or self.author)
        answer = rest.post(f"/repos/{self.name}/issues/{number}/comments", json={"body": body})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    # -- what GitHub shows

    def get(self, path: str, **query: str | int) -> Any:
        """Read from GitHub as the reviewer."""
        rest = self.line.rest(self.reviewer)
        answer = rest.get(f"/repos/{self.name}{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def tip(self, branch: str) -> str:
        """The tip of a branch."""
        return str(self.get(f"/branches/{branch}")["commit"]["sha"])

    def head(self, number: int) -> str:
        """The head SHA of a pull request."""
        return str(self.get(f"/pulls/{number}")["head"]["sha"])

    def check_runs(self, sha: str, name: str = "planward/plan") -> list[dict[str, Any]]:
        """Check runs of this name on a commit, oldest first."""
        found = self.get(f"/commits/{sha}/check-runs", check_name=name, filter="all", per_page=100)["check_runs"]
        return sorted(found, key=lambda each: each["id"])

    def completed(self, sha: str, name: str = "planward/plan", *, count: int = 1) -> dict[str, Any]:
        """Wait until there are `count` check runs of this name and the newest is completed; return that one."""

        def newest() -> dict[str, Any] | None:
            found = self.check_runs(sha, name)
            return found[-1] if len(found) >= count and found[-1]["status"] == "completed" else None

        what = f"{name} #{count} on {sha[:7]} of {self.name} is completed"
        found: dict[str, Any] = eventually(newest, what, patience_s=self.patience_s, pause_s=1.0)
        return found

    def planned(self, number: int, *, count: int = 1) -> dict[str, Any]:
        """Wait for the plan of a pull request's head."""
        return self.completed(self.head(number), count=count)

    def applied(self, sha: str, environment: str = "staging", *, count: int = 1) -> dict[str, Any]:
        """Wait until the apply of a commit has ended, with whatever conclusion."""
        return self.completed(sha, f"planward/apply ({environment})", count=count)

    def annotations(self, check: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The annotations of a check run."""
        found: list[dict[str, Any]] = self.get(f"/check-runs/{check['id']}/annotations", per_page=100)
        return found

    def first_line(self, check: Mapping[str, Any]) -> str:
        """The first line of a check run's summary as a person sees it: without Markdown's escapes."""
        written = str(check["output"]["summary"]).splitlines()[0]
        return html.unescape(re.sub(r"\\([^\sA-Za-z0-9])", r"\1", written))

    def size(self, environment: str) -> int | None:
        """The size that `network` has in an environment's state; None if nothing was applied."""
        found = self.state("network", environment).get("terraform_data.net")
        return int(found[0]["input"]["value"]["size"]) if found else None

    def comments(self, number: int) -> list[str]:
        """The bodies of a pull request's comments."""
        return [each["body"] for each in self.get(f"/issues/{number}/comments", per_page=100)]

    def commented(self, number: int, text: str) -> str:
        """Wait until the only comment of a pull request contains a text; return the comment."""

        def comment() -> str | None:
            found = self.comments(number)
            assert len(found) <= 1, found
            return found[0] if found and text in found[0] else None

        return str(eventually(comment, f"the comment of {self.name}#{number} says {text!r}"))

    def deployments(self, environment: str) -> list[dict[str, Any]]:
        """Deployments to an environment, oldest first, each with its `states`, oldest first."""
        found = self.get("/deployments", environment=environment, per_page=100)
        for each in found:
            statuses = self.get(f"/deployments/{each['id']}/statuses", per_page=100)
            each["states"] = [status["state"] for status in sorted(statuses, key=lambda status: status["id"])]
        return sorted(found, key=lambda each: int(each["id"]))

    def quiet(self) -> None:
        """Wait until all deliveries have been answered and Planward has nothing under way."""
        self.line.until_idle()


def _document_in(path: Path) -> dict[str, Any] | None:
    """The JSON document in a file; None while Terraform writes it, which does not replace the file at once."""
    try:
        document: dict[str, Any] = json.loads(path.read_text())
    except json.JSONDecodeError:
        return None
    return document
