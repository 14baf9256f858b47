"""Find out who contributed to a pull request's head: its author, and the writers and pushers of its commits."""

from ghapp.events import Person
from ghapp.flows.repository import FetchedRepo
from ghapp.store import KnownPullRequest
from ghapp.store.commit_people import head_of
from ghapp.values import CommitSha

_MOST = 1000
"""The most commits whose writers are examined. The author and everybody who pushed the branch count in any case."""
_MOST_PAGES = 10


async def has_contributed(repo: FetchedRepo, pull_request: KnownPullRequest, base: CommitSha, person: Person) -> bool:
    """Whether a person opened the pull request, or wrote or pushed a commit that it adds to its base.

    The writers of a commit are its author and committer according to GitHub, and its co-authors by account id.
    """
    if person.id == pull_request.author_id:
        return True
    head = pull_request.head_sha
    commits = (await repo.mirror.commits_of(head, without=[base], most=_MOST + 1))[:_MOST]
    pushes = await repo.store.commit_people.pushes(repo.id, commits, [head_of(pull_request.number)])
    if any(push.pusher_id == person.id or push.pusher.casefold() == person.login.casefold() for push in pushes):
        return True
    contents = await repo.mirror.read_contents_of(commits)
    if any(person.id in each.co_authors for each in contents.values()):
        return True
    writers = await repo.store.commit_people.writers(repo.id, commits)
    if any(commit not in writers for commit in commits):
        github = await repo.github()
        found = await github.writers_between(base, head, most_pages=_MOST_PAGES)
        await repo.store.commit_people.record_writers(repo.id, {sha: found[sha] for sha in commits if sha in found})
        writers |= {sha: found[sha] for sha in commits if sha in found}
    return any(person.id in each for each in writers.values())
