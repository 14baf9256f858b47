"""`planward report`."""

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import click
import msgspec

from checks.errors import PlanFormatError
from checks.plan import Plan, read_plan
from checks.plan.parity import difference, summarize
from checks.report import RootReport, RunReport
from checks.report.difference_lines import lines_of_difference
from checks.report.root_reports import report_plan
from checks.sensitive import Mask
from ghapp.cli.printing import Form, detailed_exitcode_option, form_option, print_report

_READ = click.File("rb")
_GENERIC_NAMES = frozenset({"plan", "tfplan"})


@click.command(short_help="Report on plans that other tools made.")
@click.argument("plans", nargs=-1, required=True, metavar="PLAN_JSON...", type=_READ)
@form_option
@click.option("-e", "--environment", help="The environment to name in the report.")
@click.option(
    "--against",
    metavar="OTHER.json",
    type=_READ,
    help="A reviewed plan. The report also shows the differences from it.",
)
@detailed_exitcode_option
def report(
    plans: tuple[BinaryIO, ...],
    form: Form,
    environment: str | None,
    against: BinaryIO | None,
    detailed_exitcode: bool,
) -> None:
    """Report on plans made elsewhere. Each file is the output of `terraform show -json PLANFILE` for one root module.

    A root module is named after its file, without the suffix. If two files have the same name, directories are added.
    For plan.json and tfplan.json, the root module is named after the directory. "-" is standard input. Values that
    Terraform marks as sensitive or that look like a credential are not shown.

    \b
    Examples:
      terraform show -json planfile | planward report -
      planward report network/plan.json app/plan.json --format markdown
      planward report network.json --against reviewed.json
    """
    if against is not None and len(plans) > 1:
        raise click.UsageError("--against takes exactly one PLAN_JSON to compare.")
    names = _root_modules([file.name for file in plans])
    read = [(name, _read(file)) for name, file in zip(names, plans, strict=True)]
    reports = tuple(_report(name, plan, environment or "") for name, plan in read)
    notes = () if against is None else _differences(read[0][1], _read(against))
    broken = [name for name, plan in read if plan.errored]
    place = f" in {environment}" if environment else ""
    cause = f"{broken[0]}{place}: an error ended the plan early" if broken else None
    print_report(
        RunReport(
            operation="plan",
            environment=environment or "",
            repository="",
            commit_sha="",
            conclusion="failure" if broken else "success",
            cause=cause,
            notes=notes,
            roots=reports,
        ),
        form,
        detailed_exitcode=detailed_exitcode,
    )


def _read(file: BinaryIO) -> Plan:
    try:
        return read_plan(file.read())
    except PlanFormatError as error:
        raise PlanFormatError(f"{file.name}: {error}") from None


def _root_modules(files: Sequence[str]) -> list[str]:
    """A unique name for each file, with as few directories as possible. Raises click.UsageError."""
    parts = [_parts(file) for file in files]
    names = []
    for number, (own, file) in enumerate(zip(parts, files, strict=True)):
        others = [each for index, each in enumerate(parts) if index != number]
        if own in others:
            raise click.UsageError(f"{file} is given twice, or cannot be distinguished from another file.")
        lengths = (n for n in range(1, len(own)) if all(each[-n:] != own[-n:] for each in others))
        names.append("/".join(own[-next(lengths, len(own)) :]).removeprefix("//"))
    return names


def _parts(file: str) -> tuple[str, ...]:
    """The parts of the longest name for a file's root module: the directories, then the file's name if not generic."""
    if file in ("-", "<stdin>"):
        return (".",)
    path = Path(file)
    directories = path.resolve().parent.parts if path.is_absolute() or ".." in path.parts else path.parent.parts
    return (*directories, *(() if path.stem in _GENERIC_NAMES else (path.stem,))) or (".",)


def _report(root_module: str, plan: Plan, environment: str) -> RootReport:
    made = report_plan(plan, root_module=root_module, environment=environment, workspace="default", mask=Mask.none())
    # A digest without a key would let somebody guess short sensitive values.
    return msgspec.structs.replace(made, digest=None)


def _differences(plan: Plan, reviewed: Plan) -> tuple[str, ...]:
    mask = Mask.none()
    return lines_of_difference(difference(summarize(reviewed, mask=mask), summarize(plan, mask=mask)))
