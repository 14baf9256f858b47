"""The command `planward`. Exit status: 0 success, 1 failure, 2 wrong usage."""

import logging
import sys

import click

from checks.errors import ChecksError
from ghapp.cli.config import config, import_
from ghapp.cli.demo import demo
from ghapp.cli.doctor import doctor
from ghapp.cli.plan import plan
from ghapp.cli.report import report
from ghapp.cli.serving import serve, worker
from ghapp.cli.setup import setup
from ghapp.errors import PlanwardError
from ghapp.log import configure_logging, log


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="planward")
def planward() -> None:
    """Gate Terraform changes: plan on the pull request, apply on the merge, secrets from Vault."""


for _command in (serve, worker, demo, setup, doctor, plan, report, config, import_):
    planward.add_command(_command)


def main() -> None:
    """Run the command; errors are one line on stderr."""
    configure_logging(level=logging.WARNING, human=True)
    try:
        planward(prog_name="planward", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(1)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(2)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx is not None else "planward"
        _say(f"{error.format_message()} See {command} --help")
        sys.exit(2)
    except click.ClickException as error:
        _say(error.format_message())
        sys.exit(error.exit_code)
    except (PlanwardError, ChecksError) as error:
        _say(str(error))
        sys.exit(1)
    except Exception:
        log.exception("command_failed")
        _say("an internal error occurred")
        sys.exit(1)


def _say(text: str) -> None:
    click.echo(f"planward: {'; '.join(text.splitlines())}", err=True)
