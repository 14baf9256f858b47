"""No repository chooses whose secrets it reads. Each test tries one way to another team's secrets."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.stories.line import Line, running_line
from tests.stories.rules.saying import green, refused
from tests.stories.rules.test_chat import chat_room
from tests.stories.story import CONFIG, Story


@pytest.fixture(scope="module")
def victim(line: Line) -> Story:
    """A repository that may use its team's secrets because of its name."""
    return story_with_own_team(line, testing=True)


def story_with_own_team(line: Line, *, testing: bool = False) -> Story:
    """A repository to whose name its team has granted access."""
    story = line.story(team_is_open=False, testing=testing)
    story.open_team(story.name)
    return story


@pytest.fixture(scope="module")
def mallories(line: Line) -> tuple[Story, Story]:
    """Two repositories for configs that ask for another team's secrets. Only the second has secrets for testing."""
    return line.story(), line.story(testing=True)


def propose_with(story: Story, config: str, topic: str, **options: Any) -> int:
    """Change the config on the base branch, and open a pull request into this branch.

    The delivery of the push is lost, so that older pull requests are not planned again. The new one has the new config.
    """
    story.github.lose_deliveries("push", times=1)
    story.commit("staging", {CONFIG: textwrap.dedent(config)}, by=story.reviewer)
    return story.propose(head=topic, **options)


def refused_by(check: Mapping[str, Any], story: Story, team: str) -> None:
    """Check that a run was refused with the command that opens the team, and that it read only the team's access list.

    That list already has other repositories. The check run does not show them, and the command keeps them.
    """
    refused(check)
    secret = f"kv/{team}/planward"
    listed = f'"$(vault kv get -field=repositories {secret}),{story.repository.id}"'
    assert story.first_line(check) == (
        f"{story.name} may not use the secrets of the team {team}: whoever may write the team's secrets can allow it "
        f"with `vault kv put {secret} repositories={listed}`. Then press Re-run."
    )
    assert {path for path in story.line.secrets_read() if f"/{team}/" in path} <= {f"kv/data/{team}/planward"}


EVERY_KEY = {
    "team": "team: {team}\n",
    "testing": "environments:\n  testing: {{team: {team}}}\n  staging:\n",
    "staging": "environments:\n  staging: {{team: {team}}}\n",
    "root module": "root_modules:\n  - {{dir: network, team: {team}}}\n",
    "root module in testing": "root_modules:\n  - {{dir: network, environments: {{testing: {{team: {team}}}}}}}\n",
    "root module in staging": "environments:\n  staging:\nroot_modules:\n"
    "  - {{dir: network, environments: {{staging: {{team: {team}}}}}}}\n",
}


@pytest.mark.parametrize("key", EVERY_KEY)
def test_no_key_of_the_config_opens_another_team(
    victim: Story, mallories: tuple[Story, Story], topic: str, key: str
) -> None:
    mallory = mallories["staging" not in key]
    number = propose_with(mallory, EVERY_KEY[key].format(team=victim.team), topic)
    check = mallory.planned(number)
    refused_by(check, mallory, victim.team)
    assert mallory.size("staging") is None


def test_the_team_grants_access_and_rerun_works(line: Line) -> None:
    victim = story_with_own_team(line)
    guest = line.story(config=f"team: {victim.team}\n")
    check = guest.planned(guest.propose())
    refused_by(check, guest, victim.team)
    guest.open_team(f"{victim.name}, {guest.repository.id}", victim.team)
    guest.rerun(check)
    green(guest.planned(1, count=2))


def test_a_repository_of_the_same_name_of_another_owner_gets_nothing(line: Line, victim: Story) -> None:
    mallory = line.story(name=victim.team, team_is_open=False, secrets=False)
    assert mallory.name != victim.name
    refused_by(mallory.planned(mallory.propose()), mallory, victim.team)


def test_a_team_name_in_another_case_opens_no_secrets(
    line: Line, victim: Story, mallories: tuple[Story, Story], topic: str
) -> None:
    mallory = mallories[0]
    number = propose_with(mallory, f"team: {victim.team.upper()}\n", topic)
    check = mallory.planned(number)
    refused(check)
    assert f"may not use the secrets of the team {victim.team.upper()}" in mallory.first_line(check)
    assert not {path for path in line.secrets_read() if f"/{victim.team.upper()}/" in path and "planward" not in path}


def test_a_repository_made_again_under_an_old_name_gets_nothing(line: Line) -> None:
    victim = story_with_own_team(line)
    line.github.delete_repository(victim.name, by=victim.reviewer)
    victim.quiet()
    files = {**victim.sample(), "README.md": "# Again\n"}
    victim.repository = line.github.create_repository(
        victim.name, files=files, default_branch="staging", by=victim.reviewer
    )
    line.github.grant(victim.name, victim.author, "write")
    victim.quiet()
    before = len(line.secrets_read())
    check = victim.planned(victim.propose())
    refused(check)
    assert f"planward),{victim.repository.id}" in victim.first_line(check)
    assert set(line.secrets_read()[before:]) == {f"kv/data/{victim.team}/planward"}


def test_a_repository_that_is_renamed_to_an_old_name_gets_nothing(line: Line) -> None:
    victim = story_with_own_team(line)
    green(victim.planned(victim.propose()))
    files = {**victim.sample(), CONFIG: f"team: {victim.team}\n"}
    other = line.github.create_repository(
        f"{victim.owner}/other", files=files, default_branch="staging", by=victim.reviewer
    )
    line.github.grant(other.full_name, victim.author, "write")
    victim.quiet()
    line.github.rename_repository(victim.name, "elsewhere", by=victim.reviewer)
    line.github.rename_repository(other.full_name, victim.team, by=victim.reviewer)
    victim.quiet()
    victim.repository = other  # under the victim's old name now
    before = len(line.secrets_read())
    check = victim.planned(victim.propose(head="renamed"))
    refused(check)
    assert f"may not use the secrets of the team {victim.team}" in victim.first_line(check)
    assert set(line.secrets_read()[before:]) == {f"kv/data/{victim.team}/planward"}


def test_a_repository_that_was_transferred_takes_no_secrets_along(line: Line) -> None:
    victim = story_with_own_team(line)
    green(victim.planned(victim.propose()))
    haven = line.story()
    line.github.transfer_repository(victim.name, haven.owner, by=victim.reviewer)
    victim.name = f"{haven.owner}/{victim.team}"
    victim.reviewer = haven.reviewer
    for login in (victim.author, haven.author):
        line.github.grant(victim.name, login, "write")
    victim.quiet()
    before = len(line.secrets_read())
    check = victim.planned(victim.propose(head="stolen", by=haven.author))
    refused(check)
    assert f"may not use the secrets of the team {victim.team}" in victim.first_line(check)
    assert set(line.secrets_read()[before:]) == {f"kv/data/{victim.team}/planward"}


def test_a_path_outside_of_the_teams_own_part_needs_the_operator(
    line: Line, victim: Story, mallories: tuple[Story, Story], topic: str
) -> None:
    mallory = mallories[0]
    paths = (f"kv/{victim.team}/testing/*", "kv/{team}-x/{branch}/*", "kv/{team}/staging/*", "kv/{team}/*")
    mallory.quiet()
    for count, path in enumerate(paths):
        before = line.secrets_read()
        number = propose_with(mallory, f'secrets:\n  - {{path: "{path}"}}\n', f"{topic}-{count}")
        check = mallory.planned(number)
        refused(check)
        assert mallory.first_line(check) == (
            f'secrets in {CONFIG} names "{path}", which is neither below kv/{{team}}/{{branch}} nor '
            "kv/{team}/{environment}: the operator can allow it in PLANWARD_SECRET_PATHS"
        )
        mallory.quiet()
        assert line.secrets_read() == before


def test_a_message_gets_its_address_only_from_its_own_team(
    line: Line, victim: Story, mallories: tuple[Story, Story], topic: str
) -> None:
    mallory = mallories[0]
    with chat_room() as chat:
        line.bao.put(f"kv/{victim.team}/chat", url=chat.url)
        config = f"""\
            environments:
              staging: {{team: {victim.team}}}
            notify:
              - {{url: "vault:kv/{{team}}/chat#url", on: [waiting]}}
            drafts: skip
            """
        since = line.logs.mark()
        mallory.planned(propose_with(mallory, config, topic, draft=True))
        mallory.quiet()
        assert chat.asked == 0
        assert f"kv/data/{victim.team}/chat" not in line.secrets_read()
        said = [each["reason"] for each in line.events("chat_address_unknown", since)]
        assert any(f"may not use the secrets of the team {victim.team}" in reason for reason in said)


# --- what the operator opens ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """A line whose operator opens teams by name, and opens the team `platform` to all of acme2's repositories."""
    directory = tmp_path_factory.mktemp("trusting")
    (directory / "teams.yml").write_text("platform: [acme2/*]\n")
    teams = str(directory / "teams.yml")
    with running_line(directory, PLANWARD_TEAM_BY_NAME="true", PLANWARD_TEAMS=teams) as line:
        yield line


def test_by_name_the_apps_own_organization_alone_is_trusted(trusting: Line) -> None:
    own = trusting.story(team_is_open=False)
    with trusting.github.world.lock:
        trusting.app.owner = own.repository.owner
    green(own.planned(own.propose()))
    assert f"kv/data/{own.team}/planward" not in trusting.secrets_read()  # the operator has decided it
    platform = trusting.story(team_is_open=False, config="team: platform\n")
    for environment in ("testing", "staging"):
        trusting.bao.put(f"kv/platform/{environment}/app", db_password="of-the-platform")
    green(platform.planned(platform.propose()))
    stranger = trusting.story(team_is_open=False, name=own.team, secrets=False)
    refused(stranger.planned(stranger.propose()))
    other = trusting.story(team_is_open=False, config="team: Platform\n")
    check = other.planned(other.propose())
    refused(check)
    assert "may not use the secrets of the team Platform" in other.first_line(check)
