"""The command `planward`. Exit status: 0 success, 1 failure, 2 wrong usage."""

import importlib
import logging
import sys

import click

from checks.errors import ChecksError
from ghapp.errors import PlanwardError
from ghapp.log import configure_logging, log

_COMMANDS = {
    "config": "ghapp.cli.config:config",
    "demo": "ghapp.cli.demo:demo",
    "doctor": "ghapp.cli.doctor:doctor",
    "import": "ghapp.cli.config:import_",
    "plan": "ghapp.cli.plan:plan",
    "report": "ghapp.cli.report:report",
    "serve": "ghapp.cli.serving:serve",
    "setup": "ghapp.cli.setup:setup",
    "worker": "ghapp.cli.serving:worker",
}


class _Commands(click.Group):
    """Imports a command only when it is used: `serve` and `worker` start sooner without the others.

    https://click.palletsprojects.com/en/stable/complex/#lazily-loading-subcommands
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, in alphabetical order."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, imported now; None if there is none."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="planward")
def planward() -> None:
    """Gate Terraform changes: plan on the pull request, apply on the merge, secrets from Vault."""


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
