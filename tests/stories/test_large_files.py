"""Git LFS: Terraform gets the contents of the files that a root module reads, never their pointers."""

import shutil

import pytest

from ghapp.local_github import large_files
from tests.stories.line import Line
from tests.stories.story import Story

pytestmark = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed here")

ATTRIBUTES = "*.bin filter=lfs diff=lfs merge=lfs -text\n"
ELSEWHERE = "[lfs]\n\turl = http://127.0.0.1:9/elsewhere\n\tskipdownloaderrors = true\n"
"""A repository's own `.lfsconfig`, which has no effect: another LFS server, and to go on after errors."""
READS = '\nresource "terraform_data" "image" {\n  input = file("${path.module}/image.bin")\n}\n'


@pytest.fixture(scope="module")
def reading(line: Line) -> Story:
    """A repository with two files in Git LFS: one that its root module `network` reads, and one that nobody reads."""
    story = line.story(files={"README.md": ""}, installed=False)
    seed = {**story.root_module("network", extra=READS), ".gitattributes": ATTRIBUTES, ".lfsconfig": ELSEWHERE}
    for path, content in (("network/image.bin", b"the first image"), ("other/film.bin", b"a film")):
        seed[path] = large_files.keep(story.repository, content).decode()
    story.commit("staging", seed, by=story.reviewer)
    story.install()
    return story


def test_large_files_that_a_root_module_reads_are_applied_with_their_contents(reading: Story, topic: str) -> None:
    image = f"the image of {topic}"
    pointer = large_files.keep(reading.repository, image.encode()).decode()
    number = reading.propose({"network/image.bin": pointer}, head=topic)
    check = reading.planned(number)
    assert check["conclusion"] == "success", check["output"]
    assert image in check["output"]["summary"] + (check["output"]["text"] or "")
    assert reading.applied(reading.merge(number))["conclusion"] == "success"
    assert reading.state("network", "staging")["terraform_data.image"][0]["input"]["value"] == image


def test_contents_that_github_does_not_have_are_a_failure_that_names_the_file(reading: Story, topic: str) -> None:
    missing = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"
    check = reading.planned(reading.propose({"network/image.bin": missing}, head=topic))
    assert check["conclusion"] == "failure"
    assert reading.first_line(check) == (
        "network/image.bin is kept in Git LFS, and its contents could not be fetched from GitHub: push them "
        "(`git lfs push origin --all`), then press Re-run"
    )
