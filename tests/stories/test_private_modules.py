"""Modules in other private repositories: for `init` alone, of those that the operator lists, and never for a fork."""

from urllib.parse import urlsplit

import pytest

from tests.stories.line import Line
from tests.stories.story import Story

MODULE = 'variable "name" {}\n\noutput "name" { value = "made by the module: ${var.name}" }\n'


def with_modules(line: Line, name: str) -> tuple[Story, str]:
    """A repository with the root module `network`, and a private one of the same owner whose name ends so."""
    story = line.story(installed=False)
    modules = f"{story.owner}/{story.team}-{name}"
    story.github.create_repository(
        modules, files={"net/main.tf": MODULE}, private=True, default_branch="main", by=story.reviewer
    )
    story.install()
    return story, modules


def using(story: Story, source: str) -> dict[str, str]:
    """`network` with a call of a module, and a program that writes down what the apply has in its environment."""
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


def test_one_that_is_not_listed_is_a_failure_that_names_the_setting(line: Line) -> None:
    story, modules = with_modules(line, "secrets")
    source = f"git::http://{urlsplit(story.github.url).netloc}/{modules}.git//net"
    check = story.planned(story.propose(using(story, source)))
    assert check["conclusion"] == "failure"
    assert "the operator has to list it in PLANWARD_MODULE_REPOSITORIES" in story.first_line(check)


def test_a_fork_gets_no_token_even_where_its_plan_is_approved(line: Line) -> None:
    story, modules = with_modules(line, "modules")
    source = f"git::http://{urlsplit(story.github.url).netloc}/{modules}.git//net"
    fork = story.github.fork(story.name, by=story.reader)
    story.github.commit(fork.full_name, "topic", using(story, source), by=story.reader, start="staging")
    number = story.open(f"{story.reader}:topic", by=story.reader)
    story.press(story.planned(number), "approve_plan", by=story.author)
    check = story.planned(number, count=2)
    assert check["conclusion"] == "failure"
    assert "a fork's pull request gets no token for it" in story.first_line(check)


@pytest.mark.parametrize("name", ["modules", "secrets"])
def test_a_submodule_is_checked_out_where_it_is_listed_and_says_so_elsewhere(line: Line, name: str) -> None:
    story, modules = with_modules(line, name)
    git = story.github.world.repository(modules).git
    first = git.tip("main")
    assert first is not None
    url = f"../{modules.partition('/')[2]}.git"
    seed = {
        **using(story, "../shared/net"),
        ".gitmodules": f'[submodule "shared"]\n\tpath = shared\n\turl = {url}\n',
    }
    story.commit("topic", seed)
    number = move_submodule(story, first)
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
    second = story.github.commit(modules, "main", changed, by=story.reviewer)
    story.commit("second", {"README.md": "x"})
    again = story.planned(move_submodule(story, second, branch="second"))
    assert "moved by the module" in again["output"]["summary"] + (again["output"]["text"] or "")


def move_submodule(story: Story, commit: str, *, branch: str = "topic") -> int:
    """Commit the submodule `shared` at a commit, and open a pull request."""
    git = story.repository.git
    parent = git.tip(branch)
    assert parent is not None
    people = "author Ada <ada@example.test> 1700000000 +0000\ncommitter Ada <ada@example.test> 1700000000 +0000"
    lines = f"commit refs/local-github/move\n{people}\ndata 4\nMove\nfrom {parent}\nM 160000 {commit} shared\n"
    git.run("fast-import", "--quiet", "--force", stdin=lines.encode())
    moved = git.ref("refs/local-github/move")
    assert moved is not None
    story.github.move(story.name, branch, moved, by=story.author)
    return story.open(branch)
