"""Root modules that read each other's state: in layers, each after those that it builds on."""

from pathlib import Path

import pytest

from tests.stories.line import Line
from tests.stories.story import ON_MERGE


@pytest.mark.only_with_every(
    "tests/stories/test_layers.py::test_a_reader_of_an_output_that_the_same_change_adds_is_planned_at_apply_and"
    "_held_there_if_dangerous",
    "tests/stories/test_real_repository.py::test_layers_run_in_order_in_their_own_workspaces_backends_and_versions",
)
def test_a_root_module_is_applied_after_the_one_whose_state_it_reads(line: Line) -> None:
    story = line.story(files={"README.md": ""}, config=ON_MERGE, testing=True)
    story.land(story.propose(network_of(line, size=2), head="first"))
    number = story.propose({**network_of(line, size=7), **app_above(line)})
    assert story.planned(number)["output"]["title"] == "1 to add, 1 to change in staging"
    story.land(number)
    app = story.read_state(place_of(line) / "app" / "staging" / "terraform.tfstate")
    assert app["terraform_data.app"][0]["input"]["value"] == 7


def test_a_reader_of_an_output_that_the_same_change_adds_is_planned_at_apply_and_held_there_if_dangerous(
    line: Line,
) -> None:
    story = line.story(files={"README.md": ""})
    number = story.propose({**network_of(line, size=7), **app_above(line)})
    check = story.planned(number)
    assert check["conclusion"] == "success"
    assert "**planned at apply**" in check["output"]["summary"]
    assert "reads the state of `network`, which this change creates" in check["output"]["summary"]
    story.land(number)
    place = place_of(line) / "app" / "staging" / "terraform.tfstate"
    assert story.read_state(place)["terraform_data.app"][0]["input"]["value"] == 7

    network = network_of(line, size=7)["network/main.tf"]
    app = app_above(line)["app/main.tf"]
    more = {
        "network/main.tf": f'{network}\noutput "zone" {{\n  value = "b"\n}}\n',
        "app/main.tf": app.replace(
            "outputs.size\n",
            "outputs.size\n  triggers_replace = data.terraform_remote_state.network.outputs.zone\n",
        ),
    }
    number = story.propose(more, head="zone")
    check = story.planned(number)
    assert check["conclusion"] == "success"
    assert "reads the output `zone` of `network`, which this change creates" in check["output"]["summary"]
    tip = story.merge(number)
    check = story.applied(tip)
    assert check["conclusion"] == "action_required"
    assert check["output"]["title"] == (
        "app in staging: the plan replaces terraform_data.app, which no preview showed. Look at the difference, "
        "then press Apply."
    )
    assert "`terraform_data.app` is replaced; the reviewed plan left it alone" in check["output"]["summary"]
    story.press(check, "apply", by=story.maintainer)
    assert story.applied(tip, count=2)["conclusion"] == "success"


@pytest.mark.only_with_every(
    "tests/stories/test_real_repository.py::test_a_failed_layer_stops_those_above_it_and_says_so"
)
def test_if_a_lower_layer_fails_the_one_above_it_is_not_tried(line: Line) -> None:
    story = line.story(files={"README.md": ""})
    wrong = {"network/wrong.tf": 'output "wrong" {\n  value = local.none\n}\n'}
    check = story.planned(story.propose({**network_of(line, size=1), **wrong, **app_above(line)}))
    assert check["conclusion"] == "failure"
    cause = "network in staging: plan failed: Reference to undeclared local value (network/wrong.tf:2)"
    assert check["output"]["title"] == cause
    assert (
        "app was not tried, because it comes after network, which did not succeed. Correct that first"
        in check["output"]["summary"]
    )


def place_of(line: Line) -> Path:
    """The directory for the states of a layered story's root modules, one workspace for each environment."""
    return line.directory / "states" / f"layers{line.stories}"


def network_of(line: Line, *, size: int) -> dict[str, str]:
    """`network` with its size as an output."""
    backend = backend_of(line, "network")
    code = f'{backend}\nresource "terraform_data" "net" {{\n  input = {size}\n}}\n'
    return {"network/main.tf": f'{code}\noutput "size" {{\n  value = terraform_data.net.output\n}}\n'}


def app_above(line: Line) -> dict[str, str]:
    """`app` reads the state of `network`."""
    app = f"""\
{backend_of(line, "app")}
data "terraform_remote_state" "network" {{
  backend   = "local"
  workspace = terraform.workspace
  config = {{
    path          = "{place_of(line)}/network.tfstate"
    workspace_dir = "{place_of(line)}/network"
  }}
}}

resource "terraform_data" "app" {{
  input = data.terraform_remote_state.network.outputs.size
}}
"""
    return {"app/main.tf": app}


def backend_of(line: Line, root_module: str) -> str:
    """A backend whose states lie outside of the checkout."""
    place = place_of(line)
    return f"""\
terraform {{
  backend "local" {{
    path          = "{place}/{root_module}.tfstate"
    workspace_dir = "{place}/{root_module}"
  }}
}}
"""
