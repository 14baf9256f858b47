"""Stands in for GitHub's command: `gh api --method METHOD PATH --input -`, at GH_HOST with GH_TOKEN."""

import json
import os
import sys

import httpx


def main() -> None:
    """Make the call; the exit status is 1 if GitHub refuses it."""
    _, api, option, method, path, *rest = sys.argv
    assert (api, option, rest) == ("api", "--method", ["--input", "-"])
    headers = {"Authorization": f"Bearer {os.environ['GH_TOKEN']}"}
    url = f"{os.environ['GH_HOST']}/{path}"
    answer = httpx.request(method, url, json=json.load(sys.stdin), headers=headers, trust_env=False)
    print(answer.text)
    sys.exit(not answer.is_success)


if __name__ == "__main__":
    main()
