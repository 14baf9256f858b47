"""`planward plan`."""

import asyncio
import os
from pathlib import Path

import click

from ghapp.cli.printing import Form, detailed_exitcode_option, form_option, print_report
from ghapp.settings import read_local_settings


@click.command(short_help="Plan a working copy, without GitHub; never applies.")
@click.argument(
    "directory", default=".", metavar="[DIR]", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("-e", "--environment", default="testing", show_default=True, help="The environment to plan in.")
@form_option
@detailed_exitcode_option
@click.option("-v", "--verbose", is_flag=True, help="Show on stderr what Terraform says meanwhile.")
def plan(directory: Path, environment: str, form: Form, detailed_exitcode: bool, verbose: bool) -> None:
    """Plan a working copy as a pull request would be planned, without GitHub. Nothing is ever applied.

    Every root module at or below DIR is planned as .github/planward.yml says, without the state's lock, from a
    copy of the files as they are now; files that git ignores are left out. Secrets are read from Vault where VAULT_ADDR
    is set. Providers find your environment variables, and your home directory where there is no sandbox: this command
    has one where PLANWARD_SANDBOX says so. Exit status 1: the check run would be a failure.

    \b
    Examples:
      planward plan
      planward plan network -e staging
      planward plan --format markdown > plan.md
    """
    from ghapp.local.plan import plan_working_copy
    from ghapp.processes.sandbox import UNCONFINED
    from ghapp.processes.sandbox_choice import choose_sandbox

    def log(line: str) -> None:
        if verbose:
            click.echo(line, err=True)

    local = read_local_settings(os.environ)
    # One's own code with one's own credentials: as Terraform by hand, unless a sandbox is asked for.
    by_hand = local.sandbox.name in (None, "none")
    sandbox = UNCONFINED if by_hand else choose_sandbox(local.sandbox, local.data_dir)
    made = asyncio.run(plan_working_copy(directory, environment, local, os.environ, log, sandbox))
    click.echo("Terraform ran without a sandbox, as by hand" if by_hand else sandbox.gives, err=True)
    print_report(made, form, detailed_exitcode=detailed_exitcode)
