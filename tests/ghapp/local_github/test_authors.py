"""The people that GitHub names for a commit, and for a push."""

import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from ghapp.local_github import LocalGitHub
from ghapp.local_github.state import Installation
from tests.ghapp.local_github.acme import Receiver, installed, propose


def people(commit: dict[str, Any]) -> tuple[str | None, str | None]:
    """The logins of a commit's author and committer."""
    return tuple(None if commit[one] is None else commit[one]["login"] for one in ("author", "committer"))  # type: ignore[return-value]


def read_commit(github: LocalGitHub, sha: str) -> dict[str, Any]:
    with github.rest("ada") as speaker:
        answer = speaker.get(f"/repos/acme/infra/commits/{sha}")
    assert answer.status_code == 200, answer.text
    commit: dict[str, Any] = answer.json()
    return commit


def authored(github: LocalGitHub, email: str) -> str | None:
    """The login that GitHub names as the author of a commit with this address."""
    sha = github.commit("acme/infra", "topic", {"x.tf": f"{email}\n"}, by="grace", author=f"Somebody <{email}>")
    return people(read_commit(github, sha))[0]


def test_a_commit_names_its_author_and_its_committer(github: LocalGitHub) -> None:
    sha = github.commit("acme/infra", "topic", {"x.tf": "x\n"}, by="grace", author="linus", committer="ada")
    assert people(read_commit(github, sha)) == ("linus", "ada")


def test_an_address_that_belongs_to_nobody_names_nobody(github: LocalGitHub) -> None:
    sha = github.commit(
        "acme/infra", "topic", {"x.tf": "x\n"}, by="grace", author="Ada <ada@unlinked.example>", committer="ada"
    )
    commit = read_commit(github, sha)
    assert people(commit) == (None, "ada")
    assert commit["commit"]["author"]["email"] == "ada@unlinked.example"


@pytest.mark.parametrize("email", ["joan@example.org", "JOAN@Example.org", "joan@users.noreply.github.com"])
def test_every_verified_address_of_a_person_names_them(github: LocalGitHub, email: str) -> None:
    github.create_user("joan", emails=["joan@work.example", "joan@example.org"])
    assert authored(github, email) == "joan"


def test_the_noreply_address_with_an_id_outlives_a_rename_and_the_one_without_does_not(github: LocalGitHub) -> None:
    ada = github.world.account("ada")
    by_id, by_login = f"{ada.id}+ada@users.noreply.github.com", "ada@users.noreply.github.com"
    github.rename_user("ada", "lovelace")
    with github.rest("lovelace") as speaker:
        assert speaker.get(f"/user/{ada.id}").json()["login"] == "lovelace"
    assert github.world.account_by_email(by_id) is ada
    assert github.world.account_by_email(by_login) is None
    github.create_user("ada")
    assert authored(github, by_id) == "lovelace"
    assert authored(github, by_login) == "ada"


def test_a_bot_is_named_by_its_noreply_address(github: LocalGitHub) -> None:
    bot = github.create_bot("dependabot[bot]")
    assert authored(github, f"{bot.id}+dependabot[bot]@users.noreply.github.com") == "dependabot[bot]"


def test_co_authors_are_only_in_the_message(github: LocalGitHub) -> None:
    linus = github.world.account("linus")
    sha = github.commit(
        "acme/infra", "topic", {"x.tf": "x\n"}, by="grace", co_authors=["linus", "Ada <ada@example.org>"]
    )
    commit = read_commit(github, sha)
    assert people(commit) == ("grace", "grace")
    assert commit["commit"]["message"] == (
        "Change files\n\n"
        f"Co-authored-by: linus <{linus.id}+linus@users.noreply.github.com>\n"
        "Co-authored-by: Ada <ada@example.org>"
    )


def test_lists_and_comparisons_name_the_same_people(github: LocalGitHub, installation: Installation) -> None:
    github.commit("acme/infra", "topic", {"x.tf": "x\n"}, by="grace", author="linus")
    github.commit("acme/infra", "topic", {"y.tf": "y\n"}, by="grace", author="Nobody <nobody@example.org>")
    propose(github)
    expected = [("linus", "grace"), (None, "grace"), ("grace", "grace")]
    with installed(github, installation) as speaker:
        pull = speaker.get("/repos/acme/infra/pulls/1/commits").json()
        comparison = speaker.get("/repos/acme/infra/compare/staging...topic").json()["commits"]
        listed = speaker.get("/repos/acme/infra/commits", params={"sha": "topic"}).json()[:3]
    assert [people(commit) for commit in pull] == expected
    assert [people(commit) for commit in comparison] == expected
    assert [people(commit) for commit in listed] == expected[::-1]


@pytest.mark.parametrize(("method", "author"), [("merge", "ada"), ("squash", "grace")])
def test_the_merge_button_commits_as_github_itself(github: LocalGitHub, method: str, author: str) -> None:
    propose(github, by="grace")
    with github.rest("ada") as speaker:
        sha = speaker.put("/repos/acme/infra/pulls/1/merge", json={"merge_method": method}).json()["sha"]
        assert speaker.get("/users/web-flow").json()["id"] == 19_864_447
    assert people(read_commit(github, sha)) == (author, "web-flow")


def test_the_button_that_updates_a_branch_commits_as_github_itself(github: LocalGitHub) -> None:
    propose(github, by="grace")
    github.commit("acme/infra", "staging", {"y.tf": "y\n"}, by="ada")
    with github.rest("grace") as speaker:
        assert speaker.put("/repos/acme/infra/pulls/1/update-branch").status_code == 202
        head = speaker.get("/repos/acme/infra/pulls/1").json()["head"]["sha"]
    assert people(read_commit(github, head)) == ("grace", "web-flow")


def test_a_large_comparison_is_paged_with_its_files_on_the_first_page(
    github: LocalGitHub, installation: Installation
) -> None:
    shas = [github.commit("acme/infra", "topic", {f"{n}.tf": "x\n"}, by="grace") for n in range(5)]
    path = "/repos/acme/infra/compare/staging...topic"
    with installed(github, installation) as speaker:
        first = speaker.get(path, params={"per_page": 2})
        second = speaker.get(first.links["next"]["url"])
        third = speaker.get(second.links["next"]["url"])
    pages = [answer.json() for answer in (first, second, third)]
    assert [[commit["sha"] for commit in page["commits"]] for page in pages] == [shas[:2], shas[2:4], shas[4:]]
    assert [len(page["files"]) for page in pages] == [5, 0, 0]
    assert {page["total_commits"] for page in pages} == {5}
    assert "next" not in third.links


# -- who pushed ----------------------------------------------------------------------------------------------------


def push(
    github: LocalGitHub,
    directory: Path,
    branch: str,
    *,
    by: str,
    author: str,
    force: bool = False,
    repository: str = "acme/infra",
) -> str:
    """Commit on a branch as one person and push it as another, with git."""
    work = directory / f"{by}-{branch}"

    def git(*arguments: str, cwd: Path = work) -> str:
        identity = ["-c", f"user.name={author}", "-c", f"user.email={author}@example.org"]
        done = subprocess.run(["git", *identity, *arguments], cwd=cwd, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("clone", "-q", github.clone_url(repository, by), str(work), cwd=directory)
    git("checkout", "-q", "-B", branch, "origin/staging" if force else f"origin/{branch}")
    (work / "x.tf").write_text(f"{by}\n")
    git("add", ".")
    git("commit", "-qm", f"By {author}")
    git("push", "-q", *(["--force"] if force else []), "origin", branch)
    return git("rev-parse", "HEAD")


def test_a_push_and_its_pull_request_name_who_pushed_and_not_who_wrote(
    github: LocalGitHub, installation: Installation, receiver: Receiver, tmp_path: Path
) -> None:
    github.grant("acme/infra", "linus", "write")
    github.world.account("grace").emails.append("grace@example.org")
    propose(github, by="grace")
    sha = push(github, tmp_path, "topic", by="linus", author="grace")
    github.wait_for_deliveries()
    pushed, synchronized = receiver.last("push"), receiver.last("pull_request")
    assert (pushed["after"], pushed["sender"]["login"], pushed["pusher"]["name"]) == (sha, "linus", "linus")
    assert pushed["head_commit"]["author"]["username"] == "grace"
    assert (synchronized["action"], synchronized["sender"]["login"]) == ("synchronize", "linus")
    assert people(read_commit(github, sha)) == ("grace", "grace")


def test_a_person_without_write_cannot_push(github: LocalGitHub, installation: Installation, tmp_path: Path) -> None:
    propose(github, by="grace")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        push(github, tmp_path, "topic", by="linus", author="linus")
    assert "Permission to acme/infra.git denied to linus." in refused.value.stderr


def proposed_from_a_fork(github: LocalGitHub, *, maintainer_can_modify: bool) -> None:
    github.fork("acme/infra", by="linus")
    for branch in ("topic", "other"):
        github.commit("linus/infra", branch, {"network/main.tf": "forked\n"}, by="linus")
    body = {"title": "From a fork", "head": "linus:topic", "base": "staging"}
    with github.rest("linus") as person:
        answer = person.post("/repos/acme/infra/pulls", json=body | {"maintainer_can_modify": maintainer_can_modify})
    assert answer.status_code == 201, answer.text


def test_a_maintainer_can_push_to_the_head_branch_in_a_fork_if_its_author_allows_it(
    github: LocalGitHub, installation: Installation, receiver: Receiver, tmp_path: Path
) -> None:
    proposed_from_a_fork(github, maintainer_can_modify=True)
    sha = push(github, tmp_path, "topic", by="grace", author="grace", repository="linus/infra")
    github.wait_for_deliveries()
    synchronized = receiver.last("pull_request")
    assert (synchronized["action"], synchronized["sender"]["login"]) == ("synchronize", "grace")
    assert synchronized["pull_request"]["head"]["sha"] == sha
    with pytest.raises(subprocess.CalledProcessError) as refused:
        push(github, tmp_path, "other", by="grace", author="grace", repository="linus/infra")
    assert "Permission to linus/infra.git denied to grace." in refused.value.stderr


def test_nobody_else_pushes_to_a_fork(github: LocalGitHub, installation: Installation, tmp_path: Path) -> None:
    proposed_from_a_fork(github, maintainer_can_modify=False)
    with pytest.raises(subprocess.CalledProcessError) as refused:
        push(github, tmp_path, "topic", by="grace", author="grace", repository="linus/infra")
    assert "Permission to linus/infra.git denied to grace." in refused.value.stderr


def activities(speaker: httpx.Client, **query: str) -> list[tuple[str, str, str]]:
    answer = speaker.get("/repos/acme/infra/activity", params=query)
    assert answer.status_code == 200, answer.text
    return [
        (item["activity_type"], item["ref"].removeprefix("refs/heads/"), item["actor"]["login"])
        for item in answer.json()
    ]


def test_the_activity_of_a_repository_says_who_moved_which_branch(
    github: LocalGitHub, installation: Installation, tmp_path: Path
) -> None:
    github.grant("acme/infra", "linus", "write")
    propose(github, by="grace")
    before = push(github, tmp_path, "topic", by="linus", author="grace")
    forced = push(github, tmp_path, "topic", by="ada", author="grace", force=True)
    with github.rest("ada") as person:
        person.put("/repos/acme/infra/pulls/1/merge")
    github.move("acme/infra", "topic", None, by="grace")
    expected = [
        ("branch_deletion", "topic", "grace"),
        ("pr_merge", "staging", "ada"),
        ("force_push", "topic", "ada"),
        ("push", "topic", "linus"),
        ("branch_creation", "topic", "grace"),
    ]
    with installed(github, installation) as speaker:
        assert activities(speaker) == expected
        assert activities(speaker, direction="asc") == expected[::-1]
        assert activities(speaker, ref="staging") == [("pr_merge", "staging", "ada")]
        assert activities(speaker, ref="refs/heads/topic", actor="linus") == [("push", "topic", "linus")]
        (entry,) = speaker.get("/repos/acme/infra/activity", params={"activity_type": "force_push"}).json()
        assert (entry["before"], entry["after"]) == (before, forced)
        first = speaker.get("/repos/acme/infra/activity", params={"per_page": 3})
        second = speaker.get(first.links["next"]["url"])
        assert [item["activity_type"] for item in second.json()] == ["push", "branch_creation"]
        assert len(speaker.get(second.links["prev"]["url"]).json()) == 3
        assert speaker.get("/repos/acme/infra/activity", params={"activity_type": "walk"}).status_code == 422
