"""Existing resources are not built again, and remaining ones are reported."""

import html
import subprocess
from pathlib import Path

from ghapp.terraform import find_terraforms
from tests.stories.line import Line
from tests.stories.rules.adopted import adopted_story
from tests.stories.rules.saying import buttons, green, held
from tests.stories.story import CONFIG, Story

RESOURCE = 'resource "terraform_data" "net" {\n  input = 1\n}\n'


def with_workspaces(line: Line, name: str = "app") -> tuple[Story, Path, str]:
    """Make a repository whose backend has workspaces; returns it, the directory of its states, and `main.tf`."""
    place = line.directory / "states" / f"workspaces{line.stories}"
    place.mkdir(parents=True)
    backend = f'backend "local" {{\n    path = "{place}/default.tfstate"\n    workspace_dir = "{place}"\n  }}'
    main = f"terraform {{\n  {backend}\n}}\n{RESOURCE}"
    return line.story(files={f"{name}/main.tf": main}), place, main


def apply_by_hand(story: Story, directory: Path, files: dict[str, str]) -> None:
    """Apply in the workspace `default`, as people did before they had Planward."""
    directory.mkdir()
    for path, content in files.items():
        (directory / path).write_text(content)
    program = find_terraforms(None)[0].argv
    for words in (["init"], ["apply", "-auto-approve"]):
        subprocess.run([*program, *words], cwd=directory, check=True, capture_output=True)


def test_a_first_apply_does_not_duplicate_resources_of_another_workspace(line: Line, tmp_path: Path) -> None:
    story, place, main = with_workspaces(line)
    number = story.propose({"app/more.tf": RESOURCE.replace("net", "more")})
    green(story.planned(number))
    apply_by_hand(story, tmp_path / "app", {"main.tf": main})
    twice = (
        "app in staging would be built a second time: its state is empty, and the workspace `default` holds "
        "1 resource. Push a change of .github/planward.yml, in the entry of app under root_modules: `environments: "
        "{staging: {workspace: default}}` uses that state, `environments: {staging: {workspace: staging}}` starts with "
        "an empty one."
    )
    check = story.applied(story.merge(number))
    held(check)
    assert (story.first_line(check), buttons(story, check)) == (twice, [])
    assert not (place / "staging" / "terraform.tfstate").exists()
    check = story.planned(story.propose({"app/other.tf": RESOURCE.replace("net", "other")}, head="other"))
    held(check)
    assert (story.first_line(check), buttons(story, check)) == (twice, [])

    config = "root_modules:\n  - dir: app\n    environments: {staging: {workspace: default}}\n"
    mended = story.propose({CONFIG: config}, head="workspace")
    green(story.planned(mended))
    assert green(story.applied(story.merge(mended))) == "1 added in staging"
    assert {*story.read_state(place / "default.tfstate")} == {"terraform_data.net", "terraform_data.more"}


def test_a_removed_root_module_is_reported_with_its_remaining_resources_and_a_renamed_one_is_not(line: Line) -> None:
    story = adopted_story(line)
    files = story.root_module("network")
    moved = {path.replace("network/", "net/"): content for path, content in files.items()}
    renamed = story.propose({**dict.fromkeys(files), **moved}, head="rename")
    assert "removed" not in green(story.planned(renamed))
    assert green(story.applied(story.merge(renamed))) == "no changes in staging"
    number = story.propose(dict.fromkeys(moved), head="remove")
    green(story.planned(number))
    check = story.applied(story.merge(number))
    assert green(check) == "no root module touched; 1 root module removed: its 1 resource stays"
    assert "To destroy it, first merge a change that removes the resource and" in html.unescape(
        check["output"]["summary"]
    )
    assert story.size("staging") == 1
