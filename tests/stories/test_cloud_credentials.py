"""Credentials of a cloud, as docs/credentials.md gives them: the AWS provider against moto, which checks its keys."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3  # type: ignore[import-untyped]
import httpx
import pytest

from tests.cloud import NO_AWS_PROVIDER, aws_provider, running_moto
from tests.stories.line import Line, running_line
from tests.stories.story import Story

PROVIDER = aws_provider()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROVIDER is None, reason=NO_AWS_PROVIDER)]
REGION = "eu-west-1"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@dataclass(frozen=True, kw_only=True)
class Keys:
    """An access key that moto knows."""

    id: str
    secret: str


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """A line whose server has keys for AWS, and moto's address. Moto answers only requests with keys that it knows."""

    line: Line
    endpoint: str
    of_vault: Keys
    of_server: Keys


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    assert PROVIDER is not None
    directory = tmp_path_factory.mktemp("cloud")
    config = directory / "terraform.rc"
    config.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{PROVIDER[0]}"\n  }}\n}}\n')
    with running_moto() as endpoint:
        of_vault, of_server = (_make_keys(endpoint, name) for name in ("vault", "server"))
        httpx.post(f"{endpoint}/moto-api/reset-auth", content=b"0", trust_env=False).raise_for_status()
        with running_line(
            directory,
            fresh=True,
            TF_CLI_CONFIG_FILE=str(config),
            AWS_ENDPOINT_URL=endpoint,
            AWS_REGION=REGION,
            AWS_ACCESS_KEY_ID=of_server.id,
            AWS_SECRET_ACCESS_KEY=of_server.secret,
            PLANWARD_TERRAFORM_ENV="AWS_ENDPOINT_URL, AWS_REGION, acme1/*:staging:*:AWS_ACCESS_KEY_ID, "
            "acme1/*:staging:*:AWS_SECRET_ACCESS_KEY",
        ) as line:
            yield Cloud(line=line, endpoint=endpoint, of_vault=of_vault, of_server=of_server)


def _client(service: str, endpoint: str, keys: Keys) -> Any:
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id=keys.id,
        aws_secret_access_key=keys.secret,
    )


def _make_keys(endpoint: str, name: str) -> Keys:
    iam = _client("iam", endpoint, Keys(id="before", secret="anybody is let in"))
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=json.dumps(EVERYTHING))
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return Keys(id=made["AccessKeyId"], secret=made["SecretAccessKey"])


def queue(story: Story) -> dict[str, str]:
    """A root module with one queue, whose tag names the identity that made it."""
    assert PROVIDER is not None
    main = f"""\
terraform {{
  backend "local" {{}}
  required_providers {{
    aws = {{
      source  = "hashicorp/aws"
      version = "{PROVIDER[1]}"
    }}
  }}
}}

provider "aws" {{
  skip_metadata_api_check = true
}}

data "aws_caller_identity" "who" {{}}

resource "aws_sqs_queue" "orders" {{
  name = "{story.owner}"
  tags = {{ by = data.aws_caller_identity.who.arn }}
}}
"""
    return {
        "orders/main.tf": main,
        "orders/env/staging.backend.hcl": f'path = "{story.state_path("orders", "staging")}"\n',
    }


def story_of(cloud: Cloud, secrets: str = "") -> Story:
    """A repository that has only staging."""
    config = f"environments:\n  testing: {{plan: never}}\n  staging: {{}}\n{secrets}"
    story = cloud.line.story(files={"README.md": ""}, config=config, secrets=False, branches=("staging",))
    story.patience_s = 600.0  # a provider of 680 MB, read and copied
    return story


def made_by(story: Story, number: int) -> tuple[str, dict[str, Any]]:
    """Merge a planned pull request; return the identity that made the queue, and the check run of the apply."""
    check = story.planned(number)
    assert check["conclusion"] == "success", story.first_line(check)
    applied = story.applied(story.merge(number))
    assert applied["conclusion"] == "success", story.first_line(applied)
    [made] = story.state("orders", "staging")["aws_sqs_queue.orders"]
    return made["tags"]["by"].rpartition(":")[2], applied


def test_the_servers_own_keys_reach_the_repository_that_the_operator_names_and_no_other(cloud: Cloud) -> None:
    named, other = story_of(cloud, "secrets: []\n"), story_of(cloud, "secrets: []\n")
    assert named.owner == "acme1"
    who, _ = made_by(named, named.propose(queue(named)))
    assert who == "user/server"
    check = other.planned(other.propose(queue(other)))
    assert check["conclusion"] == "failure"
    assert "No valid credential sources found" in other.first_line(check)


def test_an_apply_uses_keys_in_vault_and_does_not_show_them(cloud: Cloud) -> None:
    story = story_of(cloud)
    keys = {"AWS_ACCESS_KEY_ID": cloud.of_vault.id, "AWS_SECRET_ACCESS_KEY": cloud.of_vault.secret}
    story.secret("staging", "env", **keys)
    who, applied = made_by(story, story.propose(queue(story)))
    assert who == "user/vault"
    page = httpx.get(applied["details_url"], trust_env=False).text
    assert cloud.of_vault.secret not in page + cloud.line.log() + json.dumps(applied)
