"""The picture on a check run: GitHub fetches it without credentials, at an address that nobody can guess."""

from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.stories.line import running_line


def test_where_the_pages_are_public_the_check_run_shows_a_picture_that_github_can_fetch(tmp_path: Path) -> None:
    with running_line(tmp_path, PLANWARD_PUBLIC_URL="https://planward.example") as line:
        story = line.story(testing=True)
        subnet = 'resource "terraform_data" "subnet" { input = terraform_data.net.id }\n'
        story.commit("topic", {"network/main.tf": story.network(2)["network/main.tf"] + subnet})
        assert story.planned(story.open("topic"))["conclusion"] == "success"
        sent = [each.body for each in line.github.requests if each.method == "PATCH"]
        images = [image for body in sent if isinstance(body, dict) for image in body["output"].get("images", ())]
        assert [image["caption"] for image in images] == ["network in staging", "network in testing"]
        address = urlsplit(images[0]["image_url"])
        assert address.hostname == "planward.example"
        picture = httpx.get(f"{line.url}{address.path}", trust_env=False)
        assert picture.headers["content-type"] == "image/svg+xml"
        assert "terraform_data.subnet" in picture.text
        guessed = address.path.replace(".svg", "x.svg")
        assert httpx.get(f"{line.url}{guessed}", trust_env=False).status_code == 404
