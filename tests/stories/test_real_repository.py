"""The line on a realistic repository: shared modules, layers, workspaces, backends, versions."""

import json
from pathlib import Path
from typing import Any

import pytest

from ghapp.terraform import find_terraforms
from ghapp.terraform.versions import read_version
from tests.stories.line import Line
from tests.stories.story import CONFIG, Story

ENGINES = find_terraforms(None)
_VERSIONS = sorted((engine.version for engine in ENGINES), key=lambda each: read_version(each).order)
LOWER, UPPER = f"= {_VERSIONS[0]}", f"= {_VERSIONS[-1]}"
"""The versions of Terraform that the layers require: the oldest installed one below, and the newest above."""

CONFIGURED = """\
    secrets: []
    environments:
      testing: {apply: on_merge}
      staging: {branch: staging}
      production: {branch: production, promote_from: staging}
    root_modules:
      - dir: live/network
      - dir: live/app
        depends_on: [live/network]
        var_files: ["../../env/{environment}.tfvars"]
      - dir: live/dns
        workspace: "{environment}-dns"
        backend_config: []
"""
MODULE = """\
variable "name" { type = string }

resource "terraform_data" "labelled" {
  input = var.name
}

output "name" { value = terraform_data.labelled.output }
"""


def network(name: str) -> str:
    """The lowest layer: it calls the shared module, and a backend file of each environment locates its state."""
    return f"""\
terraform {{
  required_version = "{LOWER}"
  backend "local" {{}}
}}

module "label" {{
  source = "../../modules/label"
  name   = "{name}"
}}

output "name" {{ value = module.label.name }}
"""


def app(version: str = UPPER) -> str:
    """The layer above `network`: it reads that state, and requires another version of Terraform."""
    return f"""\
terraform {{
  required_version = "{version}"
  backend "local" {{}}
}}

variable "network_state" {{ type = string }}

data "terraform_remote_state" "network" {{
  backend = "local"
  config  = {{ path = var.network_state }}
}}

resource "terraform_data" "app" {{
  input = "app in ${{data.terraform_remote_state.network.outputs.name}}"
}}
"""


def real(story: Story) -> dict[str, str]:
    """Three root modules, one shared module, three environments."""
    files = {
        "modules/label/main.tf": MODULE,
        "live/network/main.tf": network("first"),
        "live/app/main.tf": app(),
        "live/dns/main.tf": (
            f'terraform {{\n  backend "local" {{\n    workspace_dir = "{story.states}/dns"\n  }}\n}}\n\n'
            'resource "terraform_data" "zone" {\n  input = terraform.workspace\n}\n'
        ),
    }
    for environment in ("testing", "staging", "production"):
        for name in ("network", "app"):
            path = story.state_path(name, environment)
            files[f"live/{name}/env/{environment}.backend.hcl"] = f'path = "{path}"\n'
        files[f"env/{environment}.tfvars"] = f'network_state = "{story.state_path("network", environment)}"\n'
    return files


ALONE = CONFIGURED.replace("{apply: on_merge}", "{plan: never}")
"""The same without testing."""


def prepared(line: Line, config: str) -> Story:
    """A repository that has everything but `app`, in which `network` was applied to testing and staging before."""
    story = line.story(config=config, files={"README.md": "# Infrastructure\n"}, secrets=False, installed=False)
    story.commit("staging", {p: t for p, t in real(story).items() if "/app/" not in p}, by=story.reviewer)
    for environment in ("testing", "staging"):
        write_state(story.state_path("network", environment), "first", module="module.label", name="labelled")
    story.install()
    return story


def write_state(path: Path, value: str, **resource: str) -> None:
    """Write a state with one `terraform_data` resource, as version 1.4.0 of Terraform writes it."""
    typed = {"value": value, "type": "string"}
    attributes = {"id": "a-name-of-chance", "input": typed, "output": typed, "triggers_replace": None}
    written = {
        "mode": "managed",
        "type": "terraform_data",
        "provider": 'provider["terraform.io/builtin/terraform"]',
        "instances": [{"schema_version": 0, "attributes": attributes}],
        **resource,
    }
    state = {"version": 4, "terraform_version": "1.4.0", "serial": 1, "lineage": "a-lineage"}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**state, "outputs": {"name": typed}, "resources": [written]}))


def files_of_app(story: Story, version: str = UPPER) -> dict[str, str]:
    """The files of `app`, which requires a version of Terraform."""
    files = {p: t for p, t in real(story).items() if p.startswith("live/app/")}
    return {**files, "live/app/main.tf": app(version)}


@pytest.fixture(scope="module")
def unmerged(line: Line) -> Story:
    """One such repository without testing for the stories that merge nothing."""
    return prepared(line, ALONE)


def test_layers_run_in_order_in_their_own_workspaces_backends_and_versions(line: Line) -> None:
    story = prepared(line, CONFIGURED)
    files = {
        **files_of_app(story),
        "live/dns/main.tf": real(story)["live/dns/main.tf"] + "\n# applied now\n",
        "modules/label/main.tf": MODULE.replace("= var.name", '= "${var.name}, second"'),
    }
    number = story.propose(files)
    check = story.planned(number)
    assert (check["conclusion"], check["output"]["title"]) == ("success", "2 to add, 1 to change in staging")
    check = story.applied(story.merge(number))
    assert (check["conclusion"], check["output"]["title"]) == ("success", "2 added, 1 changed in staging")

    def version(name: str, environment: str) -> str:
        state: dict[str, Any] = json.loads(story.state_path(name, environment).read_text())
        return f"= {state['terraform_version']}"

    for environment in ("testing", "staging"):
        # `app` saw the new output of `network` in the same run, since the layer below is applied first
        app_state = story.state("app", environment)
        assert app_state["terraform_data.app"][0]["output"]["value"] == "app in first, second"
        zone = story.read_state(story.states / "dns" / f"{environment}-dns" / "terraform.tfstate")
        assert zone["terraform_data.zone"][0]["output"]["value"] == f"{environment}-dns"
        # each `required_version` picked among the engines, where two are installed
        assert (version("network", environment), version("app", environment)) == (LOWER, UPPER)
    assert story.state("network", "production") == {}


def test_a_version_that_no_engine_satisfies_is_a_failure_that_lists_the_engines(unmerged: Story, topic: str) -> None:
    check = unmerged.planned(unmerged.propose(files_of_app(unmerged, ">= 99.0"), head=topic))
    there = ", ".join(f"{engine.name} {engine.version}" for engine in ENGINES)
    assert (check["conclusion"], unmerged.first_line(check)) == (
        "failure",
        f'no Terraform that is installed satisfies required_version ">= 99.0": there is {there}. '
        "The operator can add another to PLANWARD_TERRAFORM",
    )


def test_a_failed_layer_stops_those_above_it_and_says_so(unmerged: Story, topic: str) -> None:
    broken = network("first") + '\noutput "wrong" { value = module.lable.name }\n'
    check = unmerged.planned(unmerged.propose({**files_of_app(unmerged), "live/network/main.tf": broken}, head=topic))
    assert check["conclusion"] == "failure"
    assert "plan failed: Reference to undeclared module" in unmerged.first_line(check)
    not_tried = "live/app was not tried, because it comes after live/network, which did not succeed"
    assert not_tried in check["output"]["summary"]


def test_a_root_module_that_is_deleted_is_named(unmerged: Story, topic: str) -> None:
    write_state(unmerged.states / "dns" / "staging-dns" / "terraform.tfstate", "staging-dns", name="zone")
    check = unmerged.planned(unmerged.propose({"live/dns/main.tf": None}, head=topic))
    assert check["conclusion"] == "success"
    assert "1 root module removed: its " in check["output"]["title"]
    assert "`live/dns` is removed, but the " in check["output"]["summary"]


def test_a_change_of_only_the_config_plans_the_root_modules_that_it_runs_differently(line: Line) -> None:
    story = prepared(line, ALONE)
    changed = "\n".join(line[4:] for line in ALONE.splitlines()).replace("{environment}-dns", "{environment}-zone")
    number = story.propose({CONFIG: changed + "\n"})
    check = story.planned(number)
    assert (check["conclusion"], check["output"]["title"]) == ("success", "1 to add in staging")
    assert "live/dns" in check["output"]["summary"]
    check = story.applied(story.merge(number))
    assert (check["conclusion"], check["output"]["title"]) == ("success", "1 added in staging")
    zone = story.read_state(story.states / "dns" / "staging-zone" / "terraform.tfstate")
    assert zone["terraform_data.zone"][0]["output"]["value"] == "staging-zone"


def test_a_circle_of_root_modules_is_a_failure_of_the_config_that_names_it(unmerged: Story, topic: str) -> None:
    changed = "\n".join(line[4:] for line in ALONE.splitlines())
    changed = changed.replace("- dir: live/network", "- dir: live/network\n    depends_on: [live/app]")
    check = unmerged.planned(unmerged.propose({CONFIG: changed + "\n"}, head=topic))
    assert check["conclusion"] == "failure"
    circle = "forms a cycle: live/network needs live/app needs live/network"
    assert circle in check["output"]["title"]
    [annotation] = unmerged.annotations(check)
    assert (annotation["path"], annotation["start_line"]) == (
        CONFIG,
        changed.splitlines().index("    depends_on: [live/app]") + 1,
    )
    assert circle in annotation["title"] + annotation["message"]
