"""`planward plan`."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ghapp.cli.printing import Form, detailed_exitcode_option, form_option, print_report
from ghapp.settings import LocalSettings, read_local_settings

if TYPE_CHECKING:
    from checks.report import RunReport
    from ghapp.processes.sandbox import Sandbox

_INTERRUPTED: Final = 130
_TERRAFORM_ENDS_S, _CLEANUP_S, _CANCELLED_S = 0.3, 0.6, 0.1
"""How much time Terraform, and then everything else, gets to end before the process exits anyway."""


@click.command(short_help="Plan a working copy, without GitHub.")
@click.argument(
    "directory", default=".", metavar="[DIR]", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("-e", "--environment", default="testing", show_default=True, help="The environment to plan in.")
@form_option
@detailed_exitcode_option
@click.option("-v", "--verbose", is_flag=True, help="Show Terraform's output on stderr.")
def plan(directory: Path, environment: str, form: Form, detailed_exitcode: bool, verbose: bool) -> None:
    """Plan a working copy as a pull request would be planned, without GitHub. Never applies anything.

    Plans every root module at or below DIR (or, if there is none, the one that contains DIR), according to
    .github/planward.yml and without locking the state. The command works on a copy of the current files, without those
    that git ignores. Secrets are read from Vault if VAULT_ADDR is set.

    Providers can use your environment variables and, without a sandbox, your home directory. This command uses a
    sandbox only if PLANWARD_SANDBOX names one. The exit status is 1 if the check run would be a failure.

    \b
    Examples:
      planward plan
      planward plan network -e staging
      planward plan --format markdown > plan.md
    """
    from ghapp.processes.sandbox import UNCONFINED
    from ghapp.processes.sandbox_choice import choose_sandbox

    def log(line: str) -> None:
        if verbose:
            click.echo(line, err=True)

    def progress(line: str) -> None:
        if verbose or sys.stderr.isatty():
            click.echo(f"planward: {line}", err=True)

    local = read_local_settings(os.environ)
    # Your own code with your own credentials: like running Terraform by hand, unless a sandbox is requested.
    by_hand = local.sandbox.name in (None, "none")
    sandbox = UNCONFINED if by_hand else choose_sandbox(local.sandbox, local.data_dir)
    made = asyncio.run(_plan(directory, environment, local, log, sandbox, progress))
    click.echo(
        "Terraform ran without a sandbox, as if you had run it yourself" if by_hand else sandbox.protection, err=True
    )
    print_report(made, form, detailed_exitcode=detailed_exitcode)


async def _plan(
    directory: Path,
    environment: str,
    local: LocalSettings,
    log: Callable[[str], None],
    sandbox: "Sandbox",
    progress: Callable[[str], None],
) -> "RunReport":
    """Plan, or exit with status 130 within a second of Ctrl-C. That does no harm: a plan here takes no lock and writes
    no state."""
    from ghapp.local.plan import plan_working_copy
    from ghapp.processes import Stop

    stop = Stop(deadline_s=_TERRAFORM_ENDS_S)
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.requested.set)
    planning = asyncio.ensure_future(
        plan_working_copy(directory, environment, local, os.environ, log, sandbox, progress=progress, stop=stop)
    )
    stopping = asyncio.ensure_future(stop.requested.wait())
    await asyncio.wait({planning, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not stop.requested.is_set():
        stopping.cancel()
        return await planning
    click.echo("planward: interrupted by Ctrl-C: nothing was changed", err=True)
    await asyncio.wait({planning}, timeout=_CLEANUP_S)
    planning.cancel()
    await asyncio.wait({planning}, timeout=_CANCELLED_S)
    # A normal exit would wait for threads, and one of them may still be reading files.
    os._exit(_INTERRUPTED)
