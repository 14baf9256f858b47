"""The reports of one root run, in which secrets are masked."""

from collections.abc import Sequence

from checks.configuration import RootModule
from checks.diagnostic import Diagnostic
from checks.plan import Plan
from checks.plan.apply_stream import ResourceResult
from checks.plan.parity import PlanSummary
from checks.report import RootReport
from checks.report.root_reports import report_failure, report_plan, report_planned_at_apply, report_skipped
from ghapp.flows.root_module.known_secrets import KnownSecrets
from ghapp.flows.root_module.terraform_plan import FailedCommand
from ghapp.root_modules import RootModuleSettings
from ghapp.values import EnvironmentName


class RootReports:
    """Makes the reports of a root run. Each hides the secrets that `secrets` knows when the report is made.

    `warnings` and `undeclared` (keys in Vault that the root module does not declare) become part of each report that
    is made afterwards.
    """

    def __init__(
        self,
        settings: RootModuleSettings,
        environment: EnvironmentName,
        root_module: RootModule,
        secrets: KnownSecrets,
        *,
        digest_key: bytes,
    ) -> None:
        self._settings = settings
        self._environment = environment
        self._declarations = root_module.declarations
        self._secrets = secrets
        self._digest_key = digest_key
        self.warnings: tuple[str, ...] = ()
        self.undeclared: tuple[str, ...] = ()

    def report_plan(
        self, plan: Plan, diagnostics: tuple[Diagnostic, ...], *, reviewed: PlanSummary | None = None
    ) -> RootReport:
        """Report a plan."""
        return report_plan(
            plan,
            root_module=self._settings.dir,
            environment=self._environment,
            workspace=self._settings.workspace,
            mask=self._secrets.mask,
            declarations=self._declarations,
            diagnostics=diagnostics,
            warnings=self.warnings,
            undeclared=self.undeclared,
            digest_key=self._digest_key,
            reviewed=reviewed,
        )

    def report_failed_command(self, not_done: FailedCommand) -> RootReport:
        """Report a command that did not succeed."""
        cause = not_done.cause(self._settings.dir, self._environment)
        finished = not_done.finished
        return self.report_failure(cause, not_done.diagnostics, timed_out=finished.timed_out, results=not_done.results)

    def report_failure(
        self,
        cause: str,
        diagnostics: tuple[Diagnostic, ...] = (),
        *,
        timed_out: bool = False,
        results: tuple[ResourceResult, ...] = (),
    ) -> RootReport:
        """Report a failure; `cause` says what failed, where, and what to do.

        If an apply failed, `results` says what it did to each resource.
        """
        return report_failure(
            root_module=self._settings.dir,
            environment=self._environment,
            workspace=self._settings.workspace,
            cause=cause,
            mask=self._secrets.mask,
            diagnostics=diagnostics,
            warnings=self.warnings,
            undeclared=self.undeclared,
            timed_out=timed_out,
            results=results,
        )

    def report_planned_at_apply(self, why: str) -> RootReport:
        """Report that the root module can be planned only after the apply of the root modules whose state it reads."""
        return report_planned_at_apply(
            root_module=self._settings.dir,
            environment=self._environment,
            workspace=self._settings.workspace,
            why=self._secrets.mask.text(f"{self._settings.dir} in {self._environment}: {why}"),
        )

    def report_skipped(self, cause: str, results: tuple[ResourceResult, ...] = ()) -> RootReport:
        """Report that the root module was skipped, or that its apply was stopped.

        If an apply was stopped, `results` says what it did to each resource.
        """
        return report_skipped(
            root_module=self._settings.dir,
            environment=self._environment,
            workspace=self._settings.workspace,
            cause=cause,
            results=results,
        )

    def report_blocked(self, by: Sequence[str]) -> RootReport:
        """Report that the root module was not tried, because root modules in earlier layers did not succeed."""
        return self.report_skipped(
            f"{self._settings.dir} was not tried, because it comes after {', '.join(by)}, which did not succeed. "
            "Correct that first"
        )
