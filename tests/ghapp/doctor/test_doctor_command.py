"""`planward doctor` on repositories of the local GitHub: its output and its exit status."""

from pathlib import Path

import hcl2
import pytest
from click.testing import CliRunner

from ghapp.cli import planward
from ghapp.doctor.app_checks import check_control_groups, check_sandbox
from ghapp.doctor.protection_check import State
from ghapp.local_github import LocalGitHub
from ghapp.processes.sandbox_choice import SandboxSettings
from tests.ghapp.doctor.shop import Shop
from tests.sandboxes import NO_BUBBLEWRAP


def test_a_repository_without_protection_fails_and_the_calls_that_are_printed_make_it_pass(
    github: LocalGitHub, tmp_path: Path
) -> None:
    shop = Shop(github)
    before = shop.doctor()
    assert before.exit_code == 1, before.output
    assert "planward/plan is not a required check" in before.output
    for body in shop.calls(before.output):
        shop.rest("POST", "/rulesets", json=body)
    after = shop.doctor()
    assert (after.exit_code, after.output.splitlines()[0]) == (0, "acme/shop: no gate is missing")
    assert "? an App cannot see who may bypass the rules" in after.output
    token = tmp_path / "token"
    token.write_text(github.token("grace") + "\n")
    seen_by_grace = shop.doctor("--token-file", str(token))
    assert seen_by_grace.exit_code == 0
    assert "✔ the rules bind administrators like everybody else" in seen_by_grace.output
    assert "?" not in seen_by_grace.output


def test_classic_protection_counts_and_the_gates_that_it_lacks_are_missing(github: LocalGitHub) -> None:
    shop = Shop(github)
    for branch in ("staging", "production"):
        shop.rest(
            "PUT",
            f"/branches/{branch}/protection",
            json={
                "required_status_checks": {
                    "strict": True,
                    "checks": [{"context": "planward/plan", "app_id": shop.app.id}],
                },
                "required_pull_request_reviews": {"required_approving_review_count": 1, "dismiss_stale_reviews": True},
                "required_conversation_resolution": True,
                "enforce_admins": branch == "staging",
                "restrictions": None,
            },
        )
    result = shop.doctor().output
    staging, _, production = result.partition("production (environment production)")
    assert [line for line in staging.splitlines() if "✘" in line] == ["  ✘ code owners do not have to review"]
    assert [line for line in production.splitlines() if "✘" in line] == [
        "  ✘ code owners do not have to review",
        "  ✘ administrators may push without a pull request",
        "  ✘ administrators may merge without a pull request",
    ]


def test_without_administration_classic_protection_is_not_seen_and_the_rest_is(github: LocalGitHub) -> None:
    shop = Shop(github, administration=None)
    result = shop.doctor()
    assert result.exit_code == 1
    assert "· the App has no administration: read, so classic branch protection cannot be checked" in result.output
    assert "✘ no pull request is required, as far as rulesets go; classic protection cannot be seen" in result.output


def test_an_administrators_token_shows_who_can_bypass_a_ruleset(github: LocalGitHub, tmp_path: Path) -> None:
    shop = Shop(github)
    for body in shop.calls(shop.doctor().output):
        admins = {"actor_type": "RepositoryRole", "actor_id": 5, "bypass_mode": "pull_request"}
        shop.rest("POST", "/rulesets", json={**body, "bypass_actors": [admins]})
    token = tmp_path / "token"
    token.write_text(github.token("grace"))
    result = shop.doctor("--token-file", str(token))
    assert result.exit_code == 1
    assert "✘ the role admin may merge without a pull request" in result.output
    assert "gh api --method PUT repos/acme/shop/rulesets/" in result.output


def test_terraform_is_printed_for_each_branch_and_nothing_else(github: LocalGitHub) -> None:
    shop = Shop(github)
    result = shop.doctor("--terraform")
    assert result.exit_code == 1
    assert result.output.count('resource "github_repository_ruleset"') == 2
    assert hcl2.loads(result.output)


def test_an_environment_whose_branch_does_not_exist_is_missing(github: LocalGitHub) -> None:
    shop = Shop(github)
    config = "environments:\n  staging: {branch: staging}\n  live: {branch: live}\n"
    github.commit("acme/shop", "staging", {".github/planward.yml": config}, by="grace")
    result = shop.doctor()
    assert result.exit_code == 1
    assert "✘ there is no branch live\n      set: create it: git push origin HEAD:refs/heads/live" in result.output


def test_an_archived_repository_is_shown(github: LocalGitHub) -> None:
    shop = Shop(github)
    github.archive_repository("acme/shop", by="grace")
    result = shop.doctor()
    assert result.exit_code == 1
    assert "✘ the repository is archived" in result.output


def refused(shop: Shop, *arguments: str) -> tuple[int, str]:
    result = shop.doctor(*arguments)
    return result.exit_code, str(result.exception)


def test_if_the_app_is_not_installed_doctor_says_where_to_install_it(github: LocalGitHub) -> None:
    shop = Shop(github)
    github.uninstall(shop.installation, by="grace")
    url = f"{github.url}/apps/planward/installations/new"
    assert refused(shop) == (1, f"Planward is not installed on acme/shop: install it at {url}")


def test_if_the_installation_is_suspended_doctor_says_so(github: LocalGitHub) -> None:
    shop = Shop(github)
    github.suspend(shop.installation, by="grace")
    said = "the installation of Planward on acme is suspended: an owner can unsuspend it"
    assert refused(shop) == (1, said)


def test_a_config_that_cannot_be_read_is_refused_at_its_line(github: LocalGitHub) -> None:
    shop = Shop(github)
    github.commit("acme/shop", "staging", {".github/planward.yml": "drafts: perhaps\n"}, by="grace")
    status, said = refused(shop)
    assert status == 1
    assert said.startswith(".github/planward.yml:1:9: drafts: ")


def test_a_repository_of_no_environment_is_refused(github: LocalGitHub) -> None:
    shop = Shop(github)
    for branch in ("staging", "production"):
        github.move("acme/shop", branch, None, by="grace")
    status, said = refused(shop)
    assert (status, said) == (
        1,
        "acme/shop has no environment with a branch: create the branch staging, or name another branch in "
        ".github/planward.yml",
    )


def test_a_token_file_without_a_token_is_refused(github: LocalGitHub, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.touch()
    assert refused(Shop(github), "--token-file", str(token)) == (1, f"--token-file: {token} does not contain a token")


def test_an_invalid_repository_is_wrong_usage() -> None:
    result = CliRunner().invoke(planward, ["doctor", "shop"])
    assert result.exit_code == 2
    assert "shop is not a repository: give OWNER/REPO" in result.output


@pytest.mark.skipif(NO_BUBBLEWRAP is not None, reason=str(NO_BUBBLEWRAP))
def test_the_sandbox_of_this_machine_is_reported() -> None:
    assert check_sandbox(SandboxSettings()).state == State.MET
    without = check_sandbox(SandboxSettings(name="none"))
    assert (without.state, without.said) == (
        State.ADVICE,
        "PLANWARD_SANDBOX is none: the code of a plan can read everything that Planward's user can",
    )


def test_the_way_of_limiting_commands_on_this_machine_is_reported() -> None:
    groups = check_control_groups()
    assert (groups.state, groups.said.split(" (")[0].split(": ")[0]) in (
        (State.MET, "here each command has a control group of its own"),
        (State.MET, "here Planward measures each command, without control groups"),
    )
