"""A plan by Planward against a bare shell script, with real work for Terraform: AWS resources on moto.

python -m tests.bench.bench_cloud [--runs 5]

It needs a filesystem mirror with the AWS provider, named by TF_CLI_CONFIG_FILE; without one, its only row says so.
"""

import argparse
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench.by_hand import ByHand
from tests.bench.completing import seconds_of_plan
from tests.bench.rows import Row, in_turn, render
from tests.cloud import aws_provider, running_moto
from tests.stories.line import Line, running_line
from tests.stories.story import Story

WHAT = "delivery → completed check run, AWS resources on moto"
AIM = 1.1
BUCKETS = 5


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    """Measure, and return the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args(arguments)
    config = os.environ.get("TF_CLI_CONFIG_FILE", "")
    found = aws_provider() if Path(config).is_file() else None
    if found is None:
        return [Row(what=WHAT, figure="not measured: no AWS provider", aim=f"ratio {AIM}")]
    with (
        running_moto() as endpoint,
        tempfile.TemporaryDirectory(prefix="planward-bench-") as directory,
        running_line(Path(directory), fresh=True, TF_CLI_CONFIG_FILE=config) as line,
    ):
        return [_latency(line, chosen.runs, _Cloud(endpoint, found[1]), config)]


class _Cloud:
    """A root module of AWS resources that exist already, so that a plan refreshes each of them."""

    def __init__(self, endpoint: str, version: str) -> None:
        self._endpoint = endpoint
        self._version = version

    def main_tf(self, tag: int) -> str:
        """The configuration; another tag changes every resource."""
        return f"""\
terraform {{
  backend "local" {{}}
  required_providers {{
    aws = {{
      source  = "hashicorp/aws"
      version = "{self._version}"
    }}
  }}
}}

provider "aws" {{
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  s3_use_path_style           = true
  endpoints {{
    s3  = "{self._endpoint}"
    sqs = "{self._endpoint}"
  }}
}}

resource "aws_s3_bucket" "logs" {{
  count  = {BUCKETS}
  bucket = "logs-${{count.index}}"
  tags   = {{ version = "{tag}" }}
}}

resource "aws_sqs_queue" "orders" {{
  name = "orders"
  tags = {{ version = "{tag}" }}
}}
"""

    def files(self, story: Story, tag: int) -> dict[str, str]:
        """The root module `cloud` of a story."""
        backend = {"cloud/env/testing.backend.hcl": f'path = "{story.state_path("cloud", "testing")}"\n'}
        return {"cloud/main.tf": self.main_tf(tag), **backend}


def _latency(line: Line, runs: int, cloud: _Cloud, config: str) -> Row:
    story = line.story(files={"README.md": ""}, testing=True)
    by_hand = ByHand(line.directory, line.github.clone_url(story.name, story.author))
    backend = f"-backend-config=path={story.state_path('cloud', 'testing')}"
    environ = {"TF_CLI_CONFIG_FILE": config}
    _apply(line.directory / "made", cloud.main_tf(0), backend, environ)
    ours, bare = [], []
    for number in range(-1, runs):
        branch = f"bench{number}"
        story.commit(branch, cloud.files(story, number + 10))
        story.quiet()
        seconds = seconds_of_plan(story, branch)
        story.quiet()
        by_hand_s = by_hand.run(f"refs/heads/{branch}", "cloud", backend=backend, **environ)
        if number >= 0:  # the first pair warms up
            ours.append(seconds)
            bare.append(by_hand_s)
    return in_turn(f"{WHAT} ({BUCKETS + 1} resources)", ours, bare, aim=AIM)


def _apply(directory: Path, main_tf: str, backend: str, environ: dict[str, str]) -> None:
    """Create the resources and the state."""
    directory.mkdir()
    (directory / "main.tf").write_text(main_tf)
    environ = {"PATH": os.environ["PATH"], "HOME": str(directory), "CHECKPOINT_DISABLE": "1", **environ}
    for words in (["init", "-input=false", backend], ["apply", "-input=false", "-auto-approve"]):
        subprocess.run(["terraform", *words], cwd=directory, env=environ, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    print(render(main()))
