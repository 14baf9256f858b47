"""The report of an apply run, and its end where Terraform was not run."""

from checks.report import Conclusion, RootReport, RunReport
from ghapp.flows.check_run import complete
from ghapp.flows.ground import blob_url
from ghapp.services import Services
from ghapp.store import KnownRepository, Run


def report_apply(
    services: Services,
    repository: KnownRepository,
    run: Run,
    conclusion: Conclusion,
    cause: str | None,
    *,
    notes: tuple[str, ...] = (),
    roots: tuple[RootReport, ...] = (),
    paste: str | None = None,
) -> RunReport:
    """What people see of an apply run; `cause` is the first line of anything but a success."""
    return RunReport(
        operation="apply",
        environment=run.environment,
        repository=repository.full_name,
        commit_sha=run.head_sha,
        conclusion=conclusion,
        cause=cause,
        notes=notes,
        roots=roots,
        paste=paste,
        blob_url=blob_url(repository, run.head_sha),
        run_url=services.run_url(run.id),
    )


async def finish(
    services: Services,
    repository: KnownRepository,
    run: Run,
    conclusion: Conclusion,
    cause: str,
    *,
    buttons: tuple[str, ...] = (),
    paste: str | None = None,
) -> None:
    """Complete an apply run with one sentence, and with a button where a person has to decide."""
    report = report_apply(services, repository, run, conclusion, cause, paste=paste)
    await complete(services, repository, run, [report], conclusion=conclusion, buttons=buttons)
