"""Play the demo: the whole cycle, with real programs. Nothing is a recording."""

import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from ghapp.demo.loop import AUTHOR, OWNER, REVIEWER, Loop, done, say
from ghapp.demo.own_repository import play_own_repository, read_own_repository
from ghapp.demo.sample import (
    TEAM,
    failing_change,
    fix,
    growing_change,
    make_secrets,
    render_sample,
    render_states,
    shrinking_change,
)
from ghapp.demo.stage import DemoError, set_up


def play(directory: Path | None, *, port: int, leave_running: bool, repository: Path | None = None) -> None:
    """Run the demo in `directory` (by default a new temporary one), with your own `repository` or the sample.

    Raises DemoError if it cannot continue.
    """
    failed: DemoError | None = None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the demo stops all its servers
    with contextlib.ExitStack() as stack:
        if directory is None:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="planward-demo-")))
        directory = directory.resolve()
        directory.mkdir(parents=True, exist_ok=True)
        if repository is None:
            loop = _play_sample(stack, directory, port)
        else:
            own = read_own_repository(repository, directory / "states")
            say("Starting a local GitHub, a Vault-compatible server and Planward")
            stage = stack.enter_context(set_up(directory, repository=f"{OWNER}/{own.name}", values={}, port=port))
            loop = Loop(stage, own.name)
            try:
                play_own_repository(loop, own)
            except DemoError as error:
                if not leave_running:
                    raise
                # The pages, the logs and the pull request show the failure, and another commit may fix it.
                failed = error
                say(f"The demo stops here: {error}")
        loop.look_around(directory / "states")
        if leave_running:
            with contextlib.suppress(KeyboardInterrupt):
                say("Everything keeps running until you press Ctrl-C")
                while True:
                    time.sleep(3600)
        if failed is not None:
            raise failed


def _play_sample(stack: contextlib.ExitStack, directory: Path, port: int) -> Loop:
    states = directory / "states"
    values = make_secrets()
    say("Starting a local GitHub, a Vault-compatible server and Planward")
    for path, content in render_states(states, values).items():
        (states / path).parent.mkdir(parents=True, exist_ok=True)
        (states / path).write_bytes(content)
    loop = Loop(stack.enter_context(set_up(directory, repository=f"{OWNER}/{TEAM}", values=values, port=port)), TEAM)
    sample = render_sample(states)
    loop.prepare(sample)
    done(f"{loop.full_name}: network, database and app, on the branches staging and production")
    done("both branches require a pull request and a green planward/plan from this App")
    _fail_and_fix(loop, sample)
    _change_something_that_matters(loop, sample)
    _destroy_something(loop, sample)
    loop.promote()
    return loop


def _fail_and_fix(loop: Loop, sample: Mapping[str, bytes]) -> None:
    """Show that a failing pull request cannot be merged.

    Then fix and merge it, and show that it is applied to testing and staging.
    """
    say(f"{AUTHOR} opens a pull request with a mistake in it")
    number = loop.propose(failing_change(sample))
    loop.planned(number)
    refusal = loop.try_to_merge(number)
    if refusal is None:
        raise DemoError("the local GitHub let a failing pull request be merged")
    done(f"GitHub does not merge it: {refusal}")
    say(f"{AUTHOR} fixes it with another commit")
    loop.commit(fix(sample))
    loop.planned(number)
    loop.merge_and_watch(number, "planward/apply (testing)", "planward/apply (staging)")


def _change_something_that_matters(loop: Loop, sample: Mapping[str, bytes]) -> None:
    """Show a change that adds, changes and replaces."""
    say(f"{AUTHOR} proposes something bigger")
    number = loop.propose(growing_change(sample))
    loop.planned(number)
    loop.merge_and_watch(number, "planward/apply (testing)", "planward/apply (staging)")


def _destroy_something(loop: Loop, sample: Mapping[str, bytes]) -> None:
    """Show a change that destroys something only in staging: the preview says so, and somebody else confirms it."""
    say(f"{AUTHOR} proposes to destroy something in staging")
    number = loop.propose(shrinking_change(sample))
    held = loop.planned(number)
    refusal = loop.try_to_merge(number)
    if refusal is None:
        raise DemoError("the local GitHub let a pull request be merged that nobody had confirmed")
    done(f"GitHub does not merge it: {refusal}")
    say(f"{REVIEWER} looks at it and confirms it")
    loop.press(held, "confirm_destroy", number)
    loop.merge_and_watch(number, "planward/apply (staging)")
