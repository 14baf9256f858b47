"""Buttons on GitHub's pages. Through REST, a person cannot press most of them."""

from __future__ import annotations

from ghapp.local_github import checks, comments, pulls, queue
from ghapp.local_github.world import World, find_check_run, find_check_suite, find_comment, find_pull


class ButtonControls:
    world: World

    def press(self, full_name: str, check_run_id: int, identifier: str, *, by: str) -> None:
        """Press a button of a check run. Raises KeyError if there is none with that identifier."""
        with self.world.lock:
            repository = self.world.repository(full_name)
            checks.press(
                self.world, repository, find_check_run(repository, check_run_id), identifier, self.world.account(by)
            )

    def rerun(self, full_name: str, check_run_id: int, *, by: str) -> None:
        """Press "Re-run" of one check run."""
        with self.world.lock:
            repository = self.world.repository(full_name)
            checks.rerequest(self.world, repository, find_check_run(repository, check_run_id), self.world.account(by))

    def rerun_all(self, full_name: str, check_suite_id: int, *, by: str) -> None:
        with self.world.lock:
            repository = self.world.repository(full_name)
            suite = find_check_suite(repository, check_suite_id)
            checks.rerequest_suite(self.world, repository, suite, self.world.account(by))

    def edit_comment(self, full_name: str, comment_id: int, body: str, *, by: str, same_second: bool = False) -> None:
        """Edit anybody's comment. If `same_second`, `updated_at` does not change."""
        with self.world.lock:
            repository = self.world.repository(full_name)
            comment = find_comment(repository, comment_id)
            sender = self.world.account(by)
            comments.edit(self.world, repository, comment, body, sender=sender, same_second=same_second)

    def mark_ready(self, full_name: str, number: int, *, by: str) -> None:
        """Press "Ready for review", which only GitHub's GraphQL API can do."""
        with self.world.lock:
            pulls.set_draft(
                self.world, find_pull(self.world.repository(full_name), number), False, self.world.account(by)
            )

    def convert_to_draft(self, full_name: str, number: int, *, by: str) -> None:
        with self.world.lock:
            pulls.set_draft(
                self.world, find_pull(self.world.repository(full_name), number), True, self.world.account(by)
            )

    def enable_merge_queue(self, full_name: str, branch: str) -> None:
        with self.world.lock:
            self.world.repository(full_name).merge_queues.setdefault(branch, [])

    def enqueue(self, full_name: str, number: int, *, by: str) -> None:
        """Press "Merge when ready". Raises ApiError 405 if the pull request may not enter the queue."""
        with self.world.lock:
            queue.enqueue(self.world, find_pull(self.world.repository(full_name), number), self.world.account(by))

    def resolve_conversations(self, full_name: str, number: int) -> None:
        with self.world.lock:
            for thread in find_pull(self.world.repository(full_name), number).threads:
                thread.resolved = True
