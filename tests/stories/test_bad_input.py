"""Bad input gets a first line that says what is wrong, where, and what to do. Then "Re-run" starts the run again."""

import html
import re
from collections.abc import Mapping

import pytest

from tests.stories.line import Line
from tests.stories.story import CONFIG, Story

# --- at the door -----------------------------------------------------------------------------------------------------


def test_a_signature_that_does_not_fit_is_401(line: Line) -> None:
    answer = line.deliver("push", {"zen": "Keep it logically awesome."}, secret="another")
    assert (answer.status_code, answer.json()) == (
        401,
        {"error": "X-Hub-Signature-256 is missing or matches no secret"},
    )


def test_a_signature_is_looked_at_before_one_byte_is_parsed(line: Line) -> None:
    answer = line.deliver("push", b"{ no JSON", secret="another")
    assert answer.status_code == 401


def test_a_body_that_is_no_json_is_400(line: Line) -> None:
    answer = line.deliver("push", b"{ no JSON")
    assert (answer.status_code, answer.json()) == (400, {"error": "the payload is not JSON"})


def test_a_delivery_without_a_field_that_is_needed_is_400_and_names_it(line: Line) -> None:
    story = line.story(installed=False)
    payload = {"action": "opened", "installation": {"id": 1}, "repository": {"id": story.repository.id}}
    answer = line.deliver("pull_request", payload)
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "the payload has an unexpected form: Object missing required field `full_name` - at `$.repository`"},
    )


def test_a_delivery_without_a_header_that_is_needed_is_400_and_names_it(line: Line) -> None:
    answer = line.deliver("", {})
    assert (answer.status_code, answer.json()) == (400, {"error": "the header X-GitHub-Event is missing"})


def test_a_body_larger_than_github_sends_is_413(line: Line) -> None:
    assert line.deliver("push", b" " * (25 * 1024 * 1024 + 1)).status_code == 413


def test_an_ignored_event_is_answered_2xx(line: Line) -> None:
    for event in ("ping", "star", "deployment_status"):
        answer = line.deliver(event, {"action": "created", "zen": "Design for failure."})
        assert (answer.status_code, answer.json()["accepted"]) == (200, 0)


# --- the config ------------------------------------------------------------------------------------------------------

UNIMPLEMENTED = "is not implemented in this version of Planward"
BAD_CONFIGS = {
    "environmnets: {}\n": f'{CONFIG}:1:1: environmnets: unknown key; did you mean "environments"?',
    "team: 7\n": f"{CONFIG}:1:7: team: must be a string, found a number; put it in quotes",
    "environments:\n  staging: {branch: staging}\n  staging: {branch: main}\n": (
        f"{CONFIG}:3:3: environments.staging: occurs twice, first in line 2; keep one of them"
    ),
    'policies: ["policy/*.rego"]\n': f"{CONFIG}:1:1: policies: {UNIMPLEMENTED}; remove the key",
}
_NAMES = ["an unknown key", "a wrong type", "an environment twice", "a key that is not implemented"]


@pytest.mark.by_default("a wrong type", "an environment twice", "a key that is not implemented")
@pytest.mark.parametrize("config", BAD_CONFIGS, ids=_NAMES)
def test_a_config_that_a_pull_request_spoils_is_annotated_and_the_config_of_the_base_stays_in_force(
    unmerged: Story, topic: str, config: str
) -> None:
    check = unmerged.planned(unmerged.propose({CONFIG: config, **unmerged.network(2)}, head=topic))
    cause = BAD_CONFIGS[config]
    assert failure(unmerged, check) == cause
    assert "terraform_data.net" in check["output"]["text"]  # planned anyway
    [annotation] = unmerged.annotations(check)
    assert (annotation["path"], annotation["annotation_level"]) == (CONFIG, "failure")
    assert f"{CONFIG}:{annotation['start_line']}:" in cause
    assert annotation["title"] in cause


def test_a_base_with_an_unimplemented_key_can_be_corrected_by_a_pull_request(line: Line) -> None:
    story = line.story(config='four_eyes: true\ndrift: {schedule: "0 6 * * 1-5"}\n')
    refused = story.planned(story.propose())
    assert failure(story, refused) == f"{CONFIG}:2:1: drift: {UNIMPLEMENTED}; remove the key"
    number = story.propose({CONFIG: "four_eyes: true\n", **story.network(2)}, head="repair")
    assert story.planned(number)["conclusion"] == "success"
    assert story.applied(story.merge(number))["conclusion"] == "success"
    assert story.state("network", "staging") != {}


@pytest.mark.by_default("an unknown key")
@pytest.mark.parametrize("config", BAD_CONFIGS, ids=_NAMES)
def test_under_a_base_whose_config_cannot_be_used_nothing_is_planned_and_the_pull_request_that_mends_it_is_not_blocked(
    line: Line, config: str
) -> None:
    story = line.story(config=config)
    assert failure(story, story.planned(story.propose())) == BAD_CONFIGS[config]
    also = story.planned(story.propose({CONFIG: "four_eyes: true\n", **story.network(2)}, head="also"))
    number = story.propose({CONFIG: "four_eyes: true\n"}, head="mend")
    check = story.planned(number)
    assert check["conclusion"] == "success"
    if UNIMPLEMENTED in BAD_CONFIGS[config]:
        return  # the rest of the config is understood, so the approvers are known
    assert failure(story, also).endswith(
        f"correct {CONFIG} in a pull request of its own and merge that first; this one changes `network/main.tf`, too"
    )
    assert (
        f"Nothing is planned: the config of staging cannot be used ({BAD_CONFIGS[config]}), and merging this "
        "corrects it. With this config, the environment staging is new. The first push to its branch is held until "
        "somebody with the role maintain or admin presses Plan and then Apply on its check run."
    ) in html.unescape(check["output"]["summary"]).replace("\\", "")
    tip = story.merge(number)
    held = story.applied(tip)
    assert held["conclusion"] == "action_required"
    assert story.let_in(held, by=story.maintainer)["conclusion"] == "success"
    assert story.state("network", "staging") != {}


@pytest.mark.by_default("an unknown key")
@pytest.mark.parametrize("config", [next(iter(BAD_CONFIGS)), list(BAD_CONFIGS)[-1]], ids=[_NAMES[0], _NAMES[-1]])
def test_a_commit_with_an_unusable_config_is_not_applied_though_approved_and_is_corrected_under_the_config_at_last(
    line: Line, config: str
) -> None:
    story = line.story()
    cause = BAD_CONFIGS[config]
    spoilt = story.commit("staging", {CONFIG: config, **story.network(2)})
    held = story.applied(spoilt)
    assert held["conclusion"] == "action_required"
    story.press(held, "plan", by=story.maintainer)
    assert failure(story, story.applied(spoilt, count=2)) == cause
    assert story.state("network", "staging") == {}
    assert failure(story, story.planned(story.propose(story.network(3)))) == cause
    number = story.propose({CONFIG: "confirm: [destroy]\n", **story.network(3)}, head="mend")
    check = story.planned(number)
    assert check["conclusion"] == "success"
    summary = html.unescape(check["output"]["summary"]).replace("\\", "")
    # Of a config with a key that is not implemented, the rest is understood.
    under_that_at_last = f"Planned under the config of {story.first[:7]}: the config of staging cannot be used"
    assert (under_that_at_last in summary) == (UNIMPLEMENTED not in cause)
    assert "Merging this changes Planward's config: `confirm`" in summary
    tip = story.merge(number)
    held = story.applied(tip)
    assert held["conclusion"] == "action_required"  # the commit that was pushed by hand is still there
    assert story.let_in(held, by=story.maintainer)["conclusion"] == "success"


def test_a_version_that_is_pinned_for_a_version_manager_and_not_installed_is_named(unmerged: Story, topic: str) -> None:
    check = unmerged.planned(unmerged.propose({".terraform-version": "0.12.31\n"}, head=topic))
    said = failure(unmerged, check)
    assert said.startswith("no Terraform that is installed satisfies .terraform-version (Terraform 0.12.31): there is ")
    assert said.endswith("The operator can add another to PLANWARD_TERRAFORM")


TERRAGRUNT = "live/vpc/terragrunt.hcl"


def test_a_change_that_another_tool_runs_is_a_failure_that_names_it(unmerged: Story, topic: str) -> None:
    check = unmerged.planned(unmerged.propose({TERRAGRUNT: "inputs = {}\n"}, head=topic))
    assert failure(unmerged, check) == (
        f"live/vpc is run by Terragrunt ({TERRAGRUNT}), which Planward does not support, so it is not planned. If "
        f"something else plans it, list the directories that Planward should run under root_modules in {CONFIG}."
    )


@pytest.fixture(scope="module")
def listed(line: Line) -> Story:
    """A repository whose config lists its root module."""
    return line.story(
        files={"network/main.tf": "locals {}\n"}, config="root_modules:\n  - {dir: network, workspace: default}\n"
    )


def test_a_change_that_another_tool_runs_passes_where_the_config_lists_the_root_modules(
    listed: Story, topic: str
) -> None:
    check = listed.planned(listed.propose({TERRAGRUNT: "inputs = {}\n"}, head=topic))
    assert (check["conclusion"], check["output"]["title"]) == ("success", "no root module touched")


def test_a_config_where_it_is_not_read_is_a_failure_until_it_is_moved(line: Line) -> None:
    story = line.story()
    wrong = ".github/planward.yaml"
    cause = f"{wrong}:1:1: this file is not read: move its contents to {CONFIG}, or rename it if it is something else"
    assert failure(story, story.planned(story.propose({wrong: "team: x\n", **story.network(2)}))) == cause
    sha = story.commit("staging", {wrong: "team: x\n", **story.network(3)})
    story.press(story.applied(sha), "plan", by=story.maintainer)
    assert failure(story, story.applied(sha, count=2)) == cause
    assert story.state("network", "staging") == {}
    moved = story.propose({wrong: None, CONFIG: "four_eyes: true\n"}, head="moved")
    assert story.planned(moved)["conclusion"] == "success"


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_no_secret_at_the_path(line: Line) -> None:
    story = line.story(secrets=False)
    number = story.propose()
    assert failure(story, story.planned(number)) == (
        f"there is nothing below kv/{story.team}/staging/ in Vault: write the environment's secrets there "
        f"(vault kv put kv/{story.team}/staging/NAME key=value), or put `secrets: []` into {CONFIG}"
    )


def test_vault_denies_the_path(line: Line) -> None:
    story = line.story(config="team: denied\n")
    assert failure(story, story.planned(story.propose())) == (
        f"{story.name} may not use the secrets of the team denied: whoever may write the team's secrets can allow it "
        f"with `vault kv put kv/denied/planward repositories={story.repository.id}`. Then press Re-run. Vault "
        f"({line.bao.host}) denies Planward access to kv/denied/planward: the policy of Planward's login must allow "
        f"read there and list on the "
        "folders."
    )


def test_vault_denies_the_path_of_a_team_that_is_open(line: Line) -> None:
    story = line.story(config="team: half\n")
    story.open_team(str(story.repository.id), "half")
    assert failure(story, story.planned(story.propose())) == (
        f"Vault ({line.bao.host}) denies Planward access to kv/half/staging/: the policy of Planward's login must "
        f"allow read there and list on the "
        "folders"
    )


def test_while_vault_is_sealed_a_plan_fails_and_a_later_rerun_plans_in_a_new_check_run(
    line: Line, unmerged: Story, topic: str
) -> None:
    with line.sealed_vault():
        number = unmerged.propose(head=topic)
        check = unmerged.planned(number)
    assert (
        failure(unmerged, check)
        == f"Vault ({line.bao.host}) is sealed: the operator has to unseal it. Press Re-run afterwards"
    )
    unmerged.rerun(check)
    again = unmerged.planned(number, count=2)
    assert (again["conclusion"], again["output"]["title"]) == ("success", "1 to add in staging")
    assert [each["conclusion"] for each in unmerged.check_runs(unmerged.head(number))] == ["failure", "success"]


# --- Terraform -------------------------------------------------------------------------------------------------------


BROKEN = {
    "a syntax error": (
        {"network/wrong.tf": 'resource "terraform_data" {\n'},
        "network in staging: init failed: Unclosed configuration block (network/wrong.tf:1)",
    ),
    "a provider that cannot be installed": (
        {
            "network/providers.tf": (
                'terraform {\n  required_providers {\n    cloud = {\n      source = "example.invalid/acme/cloud"\n'
                "    }\n  }\n}\n"
            )
        },
        "network in staging: the provider example.invalid/acme/cloud cannot be installed: Failed to query available "
        "provider packages. Correct required_providers or the lock file and push; if the registry just did not "
        "answer, press Re-run",
    ),
    "a plan that fails": (
        {"network/wrong.tf": 'resource "terraform_data" "wrong" {\n  input = file("none")\n}\n'},
        "network in staging: plan failed: Invalid function argument (network/wrong.tf:2)",
    ),
    "a version that is not there": (
        {"network/version.tf": 'terraform {\n  required_version = "~> 0.11.0"\n}\n'},
        'no Terraform that is installed satisfies required_version "~> 0.11.0": there is',
    ),
}


@pytest.mark.by_default("a syntax error", "a provider that cannot be installed", "a version that is not there")
@pytest.mark.parametrize("name", BROKEN)
def test_terraform_fails(unmerged: Story, topic: str, name: str) -> None:
    files, cause = BROKEN[name]
    check = unmerged.planned(unmerged.propose(files, head=topic))
    assert failure(unmerged, check).startswith(cause)
    if place := re.search(r"\(([\w/.]+):(\d+)\)$", cause):
        lines = [(each["path"], each["start_line"]) for each in unmerged.annotations(check)]
        assert (place[1], int(place[2])) in lines


# --- state -----------------------------------------------------------------------------------------------------------


def test_a_state_that_two_environments_would_share(listed: Story, topic: str) -> None:
    place = listed.states / "all.tfstate"
    backend = f'terraform {{\n  backend "local" {{\n    path = "{place}"\n  }}\n}}\n'
    check = listed.planned(listed.propose({"network/main.tf": backend}, head=topic))
    assert failure(listed, check).startswith(
        f"network (network/main.tf:2): testing and staging (and 1 more) would share its state: "
        f'backend local (path "{place}"), workspace "default"; give each its own workspace or backend_config'
    )


def test_two_root_modules_that_share_a_state_stop_what_touches_them_and_nothing_else(line: Line) -> None:
    story = line.story(files={"README.md": ""}, installed=False)
    seed = {**story.sample(), **story.root_module("old"), **story.root_module("new")}
    seed["new/env/staging.backend.hcl"] = seed["old/env/staging.backend.hcl"]
    story.commit("staging", seed, by=story.reviewer)
    story.install()
    other = story.propose(story.network(2))
    assert story.planned(other)["conclusion"] == "success"
    assert story.applied(story.merge(other))["conclusion"] == "success"
    check = story.planned(story.propose({"new/more.tf": 'output "x" { value = 1 }\n'}, head="migrate"))
    assert "new in staging (new/main.tf:2) and old in staging (old/main.tf:2) would share a state" in failure(
        story, check
    )


def test_a_state_that_would_be_lost(unmerged: Story, topic: str) -> None:
    check = unmerged.planned(unmerged.propose({"app/main.tf": 'resource "terraform_data" "app" {}\n'}, head=topic))
    assert failure(unmerged, check) == (
        "app has no backend block: its state would be stored in the checkout and be lost; add one (such as s3, gcs or "
        "azurerm, or local with an absolute workspace_dir of its own)"
    )


def failure(story: Story, check: Mapping[str, object]) -> str:
    """The first line of a check run that failed."""
    assert check["conclusion"] == "failure", check
    return story.first_line(check)
