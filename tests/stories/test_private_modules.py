"""Modules in private repositories: only `init` gets a token, only for listed repositories, and never for a fork."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import pytest

from ghapp.local_github import Entry
from tests.stories.line import Line
from tests.stories.story import Story

MODULE = 'variable "name" {}\n\noutput "name" { value = "made by the module: ${var.name}" }\n'


def with_modules(line: Line, name: str, *, testing: bool = False) -> tuple[Story, str]:
    """A repository with the root module `network`, and a private one of the same owner whose name ends in `name`."""
    story = line.story(installed=False, testing=testing)
    modules = private(story, name, {"net/main.tf": MODULE})
    story.install()
    return story, modules


def private(story: Story, name: str, files: Mapping[str, str | Entry]) -> str:
    """Create a private repository of the same owner whose name ends in `name`; returns its full name."""
    full_name = f"{story.owner}/{story.team}-{name}"
    story.github.create_repository(full_name, files=files, private=True, default_branch="main", by=story.reviewer)
    return full_name


def using(story: Story, source: str) -> dict[str, str]:
    """`network` with a call of a module, and with a program that records the environment of the apply."""
    call = (
        f'\nmodule "net" {{\n  source = "{source}"\n  name   = "net"\n}}\n\n'
        'resource "terraform_data" "named" {\n  input = module.net.name\n'
        f'  provisioner "local-exec" {{\n    command = "env > {story.states}/environ"\n  }}\n}}\n'
    )
    return story.root_module("network", extra=call)


@pytest.mark.parametrize(
    "form", ["git::http://{host}/{name}.git//net", "git::ssh://git@{host}/{name}.git//net?ref=main"]
)
def test_a_listed_repository_is_fetched_by_init_and_nothing_else_has_the_token(line: Line, form: str) -> None:
    story, modules = with_modules(line, "modules")
    host = urlsplit(story.github.url).netloc
    number = story.propose(using(story, form.format(host=host, name=modules)))
    check = story.planned(number)
    assert check["conclusion"] == "success", story.first_line(check)
    assert story.applied(story.merge(number))["conclusion"] == "success"
    named = story.state("network", "staging")["terraform_data.named"]
    assert named[0]["input"]["value"] == "made by the module: net"
    environ = (story.states / "environ").read_text()
    assert "TF_IN_AUTOMATION" in environ
    assert "PLANWARD_MODULE_TOKEN" not in environ
    assert "credential" not in environ
    asked = [each for each in story.github.requests if each.path.endswith("/access_tokens")]
    narrowed = [each.body for each in asked if isinstance(each.body, dict) and each.body.get("repositories")]
    assert narrowed
    own = [each for each in narrowed if each["repositories"] == [modules.partition("/")[2]]]
    assert [each["permissions"] for each in own] == [{"contents": "read"}] * len(own)
    revoked = [each for each in story.github.requests if (each.method, each.path) == ("DELETE", "/installation/token")]
    assert len(revoked) >= len(narrowed)


def test_a_module_of_a_repository_that_is_not_listed_is_a_failure_that_names_the_setting(line: Line) -> None:
    story, modules = with_modules(line, "secrets")
    source = f"git::http://{urlsplit(story.github.url).netloc}/{modules}.git//net"
    check = story.planned(story.propose(using(story, source)))
    assert check["conclusion"] == "failure"
    assert "ask the operator to list it in PLANWARD_MODULE_REPOSITORIES" in story.first_line(check)


def test_a_fork_gets_no_token_even_where_its_plan_is_approved(line: Line) -> None:
    story, modules = with_modules(line, "modules", testing=True)
    source = f"git::http://{urlsplit(story.github.url).netloc}/{modules}.git//net"
    fork = story.github.fork(story.name, by=story.reader)
    story.github.commit(fork.full_name, "topic", using(story, source), by=story.reader, start="staging")
    number = story.open(f"{story.reader}:topic", by=story.reader)
    story.press(story.planned(number), "approve_plan", by=story.author)
    check = story.planned(number, count=2)
    assert check["conclusion"] == "failure"
    assert "A fork's pull request gets no access to it" in story.first_line(check)


@pytest.mark.parametrize("name", ["inner-modules", "inner-secrets"])
def test_a_module_of_a_module_is_fetched_where_its_repository_is_listed_too(line: Line, name: str) -> None:
    story = line.story(installed=False)
    host = urlsplit(story.github.url).netloc
    inner = private(story, name, {"net/main.tf": MODULE})
    call = f'module "inner" {{\n  source = "git::http://{host}/{inner}.git//net"\n  name   = var.name\n}}\n'
    outer = private(
        story,
        "outer-modules",
        {"net/main.tf": f'variable "name" {{}}\n\n{call}\noutput "name" {{ value = module.inner.name }}\n'},
    )
    story.install()
    number = story.propose(using(story, f"git::http://{host}/{outer}.git//net"))
    check = story.planned(number)
    if name == "inner-secrets":
        assert check["conclusion"] == "failure"
        assert "ask the operator to list it in PLANWARD_MODULE_REPOSITORIES" in story.first_line(check)
        return
    assert check["conclusion"] == "success", story.first_line(check)
    asked = [each.body for each in story.github.requests if each.path.endswith("/access_tokens")]
    opened = [each["repositories"] for each in asked if isinstance(each, dict) and each.get("repositories")]
    [first, *further] = [each for each in opened if outer.partition("/")[2] in each]
    assert first == [outer.partition("/")[2]]
    assert {name for each in further for name in each} == {each.partition("/")[2] for each in (outer, inner)}
    assert story.applied(story.merge(number))["conclusion"] == "success"


@pytest.mark.parametrize("name", ["inner-modules", "inner-secrets"])
def test_a_submodule_of_a_submodule_is_laid_out_in_it_or_named(line: Line, name: str) -> None:
    story = line.story(installed=False)
    inner = private(story, name, {"net/main.tf": MODULE})
    outer = private(story, "outer-modules", submodule(story, inner, "vendor"))
    story.install()
    number = story.propose({**using(story, "../shared/vendor/net"), **submodule(story, outer, "shared")})
    check = story.planned(number)
    if name == "inner-secrets":
        assert check["conclusion"] == "failure"
        assert story.first_line(check).startswith(
            f"shared/vendor is a submodule of {story.github.url}/{inner}.git, which is not checked out"
        )
        return
    assert check["conclusion"] == "success", story.first_line(check)
    assert story.applied(story.merge(number))["conclusion"] == "success"
    named = story.state("network", "staging")["terraform_data.named"]
    assert named[0]["input"]["value"] == "made by the module: net"
    removed = story.planned(story.propose({"network/main.tf": None}, head="removed"))
    assert removed["output"]["title"] == "no root module touched; 1 root module removed: its 2 resources stay"


@pytest.mark.parametrize("name", ["modules", "secrets"])
def test_a_submodule_is_checked_out_where_it_is_listed_and_says_so_elsewhere(line: Line, name: str) -> None:
    story, modules = with_modules(line, name)
    number = story.propose({**using(story, "../shared/net"), **submodule(story, modules, "shared")})
    check = story.planned(number)
    if name == "secrets":
        assert check["conclusion"] == "failure"
        assert story.first_line(check).startswith(
            f"shared is a submodule of {story.github.url}/{modules}.git, which is"
        )
        assert "PLANWARD_MODULE_REPOSITORIES" in story.first_line(check)
        return
    assert check["conclusion"] == "success", story.first_line(check)
    assert story.applied(story.merge(number))["conclusion"] == "success"
    changed = {"net/main.tf": MODULE.replace("made by", "moved by")}
    story.github.commit(modules, "main", changed, by=story.reviewer)
    again = story.planned(story.propose(submodule(story, modules, "shared"), head="second"))
    assert "moved by the module" in again["output"]["summary"] + (again["output"]["text"] or "")


def submodule(story: Story, repository: str, path: str) -> dict[str, str | Entry]:
    """The entries of a commit that has the main branch of another repository as a submodule at a path."""
    tip = story.github.world.repository(repository).git.tip("main")
    assert tip is not None
    url = f"../{repository.partition('/')[2]}.git"
    return {
        ".gitmodules": f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n',
        path: Entry(mode="160000", content=tip.encode()),
    }
