"""Modules in private repositories: only `init` gets a token, only for listed repositories, and never for a fork."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import pytest

from ghapp.local_github import Entry
from tests.stories.line import Line
from tests.stories.story import Story

MODULE = 'variable "name" {}\n\noutput "name" { value = "made by the module: ${var.name}" }\n'
SOURCES = {
    "ssh": "git::ssh://git@{host}/{modules}.git//net?ref=main",
    "nested": "git::http://{host}/{outer}.git//net",
    "submodule": "../shared/net",
}
"""How root modules call modules of listed repositories. The last two modules call one of another repository."""


class Private:
    """A repository, and private ones of the same owner. The private ones whose names end in `-modules` are listed."""

    def __init__(self, line: Line, *, testing: bool) -> None:
        self.story = line.story(installed=False, testing=testing)
        self.host = urlsplit(self.story.github.url).netloc
        self.modules = self.create("modules", {"net/main.tf": MODULE})
        self.secrets = self.create("secrets", {"net/main.tf": MODULE})
        self.inner = self.create("inner-modules", {"net/main.tf": MODULE})
        self.outer = self.create("outer-modules", calling(self.source(self.inner)))
        self.telling = self.create("telling-modules", calling(self.source(self.secrets)))
        self.shared = self.create(
            "shared-modules", {**calling("../vendor/net"), **submodule(self.story, self.inner, "vendor")}
        )
        self.opening = self.create("opening-modules", submodule(self.story, self.secrets, "vendor"))
        self.story.install()

    def create(self, name: str, files: Mapping[str, str | Entry]) -> str:
        """Create a private repository whose name ends in `name`; returns its full name."""
        full_name = f"{self.story.owner}/{self.story.team}-{name}"
        self.story.github.create_repository(
            full_name, files=files, private=True, default_branch="main", by=self.story.reviewer
        )
        return full_name

    def source(self, repository: str) -> str:
        """The source of the module in a repository."""
        return f"git::http://{self.host}/{repository}.git//net"


def calling(source: str) -> dict[str, str]:
    """A module that calls another one and returns its output."""
    call = f'module "inner" {{\n  source = "{source}"\n  name   = var.name\n}}\n'
    return {"net/main.tf": f'variable "name" {{}}\n\n{call}\noutput "name" {{ value = module.inner.name }}\n'}


@pytest.fixture(scope="module")
def private(line: Line) -> Private:
    """One repository with all private ones for the stories that merge nothing."""
    return Private(line, testing=True)


def using(story: Story, source: str, root_module: str = "network") -> dict[str, str]:
    """A root module with a call of a module, and with a program that records the environment of the apply."""
    call = (
        f'\nmodule "net" {{\n  source = "{source}"\n  name   = "net"\n}}\n\n'
        'resource "terraform_data" "named" {\n  input = module.net.name\n'
        f'  provisioner "local-exec" {{\n    command = "env > {story.states}/{root_module}.environ"\n  }}\n}}\n'
    )
    return story.root_module(root_module, extra=call)


def test_modules_and_submodules_of_listed_repositories_are_fetched_and_only_init_has_the_token(line: Line) -> None:
    private = Private(line, testing=False)
    story = private.story
    names = {"host": private.host, "modules": private.modules, "outer": private.outer}
    files: dict[str, str | Entry | None] = {**submodule(story, private.shared, "shared")}
    for root_module, source in SOURCES.items():
        files |= using(story, source.format(**names), root_module)
    number = story.propose(files)
    check = story.planned(number)
    assert check["conclusion"] == "success", story.first_line(check)
    assert story.applied(story.merge(number))["conclusion"] == "success"
    for root_module in SOURCES:
        named = story.state(root_module, "staging")["terraform_data.named"]
        assert named[0]["input"]["value"] == "made by the module: net"
        environ = (story.states / f"{root_module}.environ").read_text()
        assert "TF_IN_AUTOMATION" in environ
        assert "PLANWARD_MODULE_TOKEN" not in environ
        assert "credential" not in environ
    asked = [each for each in story.github.requests if each.path.endswith("/access_tokens")]
    narrowed = [each.body for each in asked if isinstance(each.body, dict) and each.body.get("repositories")]
    assert narrowed
    modules, inner, outer = (each.partition("/")[2] for each in (private.modules, private.inner, private.outer))
    own = [each for each in narrowed if each["repositories"] in ([modules], [outer])]
    assert {name for each in own for name in each["repositories"]} == {modules, outer}
    assert [each["permissions"] for each in own] == [{"contents": "read"}] * len(own)
    [first, *further] = [each["repositories"] for each in narrowed if outer in each["repositories"]]
    assert first == [outer]
    assert {name for each in further for name in each} == {outer, inner}
    revoked = [each for each in story.github.requests if (each.method, each.path) == ("DELETE", "/installation/token")]
    assert len(revoked) >= len(narrowed)

    main = calling("../vendor/net")["net/main.tf"]
    changed = main.replace("module.inner.name }", 'replace(module.inner.name, "made by", "moved by") }')
    story.github.commit(private.shared, "main", {"net/main.tf": changed}, by=story.reviewer)
    again = story.planned(story.propose(submodule(story, private.shared, "shared"), head="second"))
    assert "moved by the module" in again["output"]["summary"] + (again["output"]["text"] or "")
    removed = story.planned(story.propose({"submodule/main.tf": None}, head="removed"))
    assert removed["output"]["title"] == "no root module touched; 1 root module removed: its 2 resources stay"


def test_a_module_of_a_repository_that_is_not_listed_is_a_failure_that_names_the_setting(
    private: Private, topic: str
) -> None:
    story = private.story
    source = private.source(private.secrets)
    check = story.planned(story.propose(using(story, source), head=topic))
    assert check["conclusion"] == "failure"
    assert "ask the operator to list it in PLANWARD_MODULE_REPOSITORIES" in story.first_line(check)


def test_a_fork_gets_no_token_even_where_its_plan_is_approved(private: Private, topic: str) -> None:
    story = private.story
    source = private.source(private.modules)
    fork = story.github.fork(story.name, by=story.reader)
    story.github.commit(fork.full_name, topic, using(story, source), by=story.reader, start="staging")
    number = story.open(f"{story.reader}:{topic}", by=story.reader)
    story.press(story.planned(number), "approve_plan", by=story.author)
    check = story.planned(number, count=2)
    assert check["conclusion"] == "failure"
    assert "A fork's pull request gets no access to it" in story.first_line(check)


def test_a_module_that_a_listed_module_calls_is_a_failure_if_its_own_repository_is_not_listed(
    private: Private, topic: str
) -> None:
    story = private.story
    source = private.source(private.telling)
    check = story.planned(story.propose(using(story, source), head=topic))
    assert check["conclusion"] == "failure"
    assert "ask the operator to list it in PLANWARD_MODULE_REPOSITORIES" in story.first_line(check)


def test_a_submodule_that_is_not_listed_is_named_also_in_another_submodule(private: Private, topic: str) -> None:
    story = private.story
    files = {**using(story, "../shared/net"), **submodule(story, private.secrets, "shared")}
    check = story.planned(story.propose(files, head=topic))
    assert check["conclusion"] == "failure"
    assert story.first_line(check).startswith(
        f"shared is a submodule, and its repository {story.github.url}/{private.secrets}.git is"
    )
    assert "PLANWARD_MODULE_REPOSITORIES" in story.first_line(check)

    files = {**using(story, "../shared/vendor/net"), **submodule(story, private.opening, "shared")}
    check = story.planned(story.propose(files, head=f"{topic}-deep"))
    assert check["conclusion"] == "failure"
    assert story.first_line(check).startswith(
        f"shared/vendor is a submodule, and its repository {story.github.url}/{private.secrets}.git is not checked out"
    )


def submodule(story: Story, repository: str, path: str) -> dict[str, str | Entry]:
    """The entries of a commit that has the main branch of another repository as a submodule at a path."""
    tip = story.github.world.repository(repository).git.tip("main")
    assert tip is not None
    url = f"../{repository.partition('/')[2]}.git"
    return {
        ".gitmodules": f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n',
        path: Entry(mode="160000", content=tip.encode()),
    }
