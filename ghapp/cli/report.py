"""`planward report`."""

from pathlib import Path
from typing import BinaryIO

import click
import msgspec

from checks.errors import PlanFormatError
from checks.plan import Plan, read_plan
from checks.plan.parity import difference, summarize
from checks.report import RootReport, RunReport, report_plan
from checks.report.difference_lines import lines_of_difference
from checks.sensitive import Mask
from ghapp.cli.printing import Form, form_option, print_report

_READ = click.File("rb")


@click.command(short_help="Report on plans that others made.")
@click.argument("plans", nargs=-1, required=True, metavar="PLAN_JSON...", type=_READ)
@form_option
@click.option("-e", "--environment", default="testing", show_default=True, help="What the plans were made in.")
@click.option(
    "--against", metavar="OTHER.json", type=_READ, help="Say too what the plan does other than this reviewed one."
)
def report(plans: tuple[BinaryIO, ...], form: Form, environment: str, against: BinaryIO | None) -> None:
    """Report on plans that others made: the output of `terraform show -json PLANFILE`, one file a root module.

    A file's name without its ending is the root module's; "-" is standard input. What Terraform marks as sensitive and
    what has the form of a credential is not shown.

    \b
    Examples:
      terraform show -json planfile | planward report -
      planward report network.json app.json --format markdown
      planward report network.json --against reviewed.json
    """
    if against is not None and len(plans) > 1:
        raise click.UsageError("--against compares one PLAN_JSON with another.")
    read = [(file.name, _read(file)) for file in plans]
    reports = tuple(_report(_root_module(name), plan, environment) for name, plan in read)
    notes = () if against is None else _differences(read[0][1], _read(against))
    broken = [name for name, plan in read if plan.errored]
    cause = f"{_root_module(broken[0])} in {environment}: the plan was broken off by an error" if broken else None
    print_report(
        RunReport(
            operation="plan",
            environment=environment,
            repository="",
            commit_sha="",
            conclusion="failure" if broken else "success",
            cause=cause,
            notes=notes,
            roots=reports,
        ),
        form,
    )


def _read(file: BinaryIO) -> Plan:
    try:
        return read_plan(file.read())
    except PlanFormatError as error:
        raise PlanFormatError(f"{file.name}: {error}") from None


def _root_module(name: str) -> str:
    return "." if name in ("-", "<stdin>") else Path(name).stem


def _report(root_module: str, plan: Plan, environment: str) -> RootReport:
    made = report_plan(plan, root_module=root_module, environment=environment, workspace="default", mask=Mask.none())
    # Without a key of ours a digest would let short sensitive values be tried out.
    return msgspec.structs.replace(made, digest=None)


def _differences(plan: Plan, reviewed: Plan) -> tuple[str, ...]:
    mask = Mask.none()
    return lines_of_difference(difference(summarize(reviewed, mask=mask), summarize(plan, mask=mask)))
