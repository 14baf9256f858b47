"""The server's own variables that Terraform gets, and the runs that get them."""

import pytest

from checks.authority.server_variables import read_server_variables
from checks.authority.teams import RepositoryIdentity

INFRA = RepositoryIdentity(id=7, full_name="acme/infra", bound_name="acme/infra")
SERVER = {
    "AWS_ROLE_ARN": "arn",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/token",
    "AWS_REGION": "eu",
    "PLANWARD_GITHUB_PRIVATE_KEY": "pem",
    "VAULT_TOKEN": "s.x",
}


def given(words: list[str], repository: RepositoryIdentity, environment: str, operation: str) -> list[str]:
    return sorted(read_server_variables(words, SERVER).given(repository, environment, operation))


def test_a_variable_is_given_to_the_runs_that_its_entry_names_and_to_no_others() -> None:
    words = ["acme/infra:staging:plan:AWS_*", "AWS_REGION"]
    assert given(words, INFRA, "staging", "plan") == ["AWS_REGION", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"]
    other = RepositoryIdentity(id=8, full_name="acme/other", bound_name="acme/other")
    again = RepositoryIdentity(id=9, full_name="acme/infra", bound_name=None)  # a new repository under the old name
    for repository, environment, operation in (
        (INFRA, "staging", "apply"),
        (INFRA, "production", "plan"),
        (other, "staging", "plan"),
        (again, "staging", "plan"),
    ):
        assert given(words, repository, environment, operation) == ["AWS_REGION"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("AWS_ROLE_ARN", "write OWNER/REPO:ENVIRONMENT:OPERATION:AWS_ROLE_ARN"),
        ("acme/infra:staging:AWS_ROLE_ARN", "must be OWNER/REPO:ENVIRONMENT:OPERATION:NAME"),
        ("acme/infra:staging:plan:VAULT_TOKEN", "the variables of Planward and Vault are never passed"),
        ("acme/infra:staging:plan:PLAN*", "the variables of Planward and Vault are never passed"),
        ("acme/infra:staging:plan:*", "is not the name of a variable"),
        ("acme/infra:staging:drift:AWS_ROLE_ARN", "the operation must be plan, apply or *"),
    ],
)
def test_an_entry_that_gives_too_much_is_refused_at_the_start(word: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("*", r"\*")):
        read_server_variables([word], SERVER)
