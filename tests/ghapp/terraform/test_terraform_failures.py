"""Failures of real engines: their kind, and the place of each diagnostic in the repository."""

import pytest

from checks.diagnostic import Diagnostic
from ghapp.terraform import Failure, Finished, Terraform, TerraformError, Workdir
from tests.ghapp.terraform.bench import BACKEND, NEEDS_AN_ENGINE, Bench, planned, proceed

pytestmark = NEEDS_AN_ENGINE


class TestFailures:
    def test_a_diagnostic_is_placed_in_the_repository(self, bench: Bench, terraform: Terraform) -> None:
        bench.write(
            main=BACKEND + 'module "m" {\n  source = "../modules/m"\n}\n',
            up__modules__m__main='resource "terraform_data" "a" {\n  input = local.missing\n}\n',
        )

        finished = bench.run(lambda workdir: planned(terraform, workdir, bench))

        assert finished == Finished(
            exit_code=1,
            failure=Failure.OTHER,
            diagnostics=(
                Diagnostic(
                    severity="error",
                    summary="Reference to undeclared local value",
                    detail='A local value with the name "missing" has not been declared.',
                    path="modules/m/main.tf",
                    start_line=2,
                    end_line=2,
                    start_column=11,
                    end_column=24,
                    snippet="  input = local.missing",
                ),
            ),
        )
        assert bench.log[-3:] == [
            "Error: Reference to undeclared local value",
            "  on modules/m/main.tf line 2",
            '  A local value with the name "missing" has not been declared.',
        ]

    def test_a_syntax_error_is_found_by_init(self, bench: Bench, terraform: Terraform) -> None:
        bench.write(main=BACKEND + 'resource "terraform_data" {\n')

        finished = bench.run(lambda workdir: terraform.init(workdir, bench.log.append))

        assert (finished.done, finished.failure) == (False, Failure.OTHER)
        assert (finished.diagnostics[0].path, finished.diagnostics[0].start_line) == ("net/main.tf", 4)

    def test_validate_finds_the_errors_that_a_missing_variable_hides(self, bench: Bench, terraform: Terraform) -> None:
        bench.write(main=BACKEND + 'variable "a" {}\nresource "terraform_data" "x" {\n  input = local.missing\n}\n')

        async def story(workdir: Workdir) -> tuple[Finished, tuple[Diagnostic, ...]]:
            return await planned(terraform, workdir, bench), await terraform.validate(workdir)

        plan, validation = bench.run(story)

        assert "No value for required variable" in [diagnostic.summary for diagnostic in plan.diagnostics]
        assert [(diagnostic.summary, diagnostic.path, diagnostic.start_line) for diagnostic in validation] == [
            ("Reference to undeclared local value", "net/main.tf", 6)
        ]

    def test_a_provider_that_cannot_be_installed(self, bench: Bench, terraform: Terraform) -> None:
        bench.write(
            main='terraform {\n  required_providers {\n    x = {\n      source = "127.0.0.1:9/a/x"\n    }\n  }\n}\n'
        )

        finished = bench.run(lambda workdir: terraform.init(workdir), backend_config=[])

        assert finished.failure is Failure.PROVIDER_UNAVAILABLE
        assert "127.0.0.1:9/a/x" in finished.diagnostics[0].detail

    def test_a_module_that_is_not_there(self, bench: Bench, terraform: Terraform) -> None:
        bench.write(main=BACKEND + 'module "m" {\n  source = "../nowhere"\n}\n')

        finished = bench.run(lambda workdir: terraform.init(workdir))

        assert finished.failure is Failure.MODULE_UNAVAILABLE

    def test_a_state_that_cannot_be_read(self, bench: Bench, terraform: Terraform) -> None:
        bench.write(main=BACKEND + 'resource "terraform_data" "a" {}\n')
        bench.state.write_text('{"bad')

        for lock in (False, True):
            finished = bench.run(lambda workdir, lock=lock: planned(terraform, workdir, bench, lock=lock))  # type: ignore[misc]
            assert finished.failure is Failure.STATE_UNREADABLE, finished

    def test_a_version_that_the_configuration_refuses(self, bench: Bench, terraform: Terraform) -> None:
        bench.write(main='terraform {\n  required_version = ">= 99.0"\n}\n')

        finished = bench.run(lambda workdir: terraform.init(workdir), backend_config=[])

        assert finished.failure is Failure.VERSION_UNSUPPORTED

    def test_a_plan_that_is_stale(self, bench: Bench, terraform: Terraform) -> None:
        bench.write(main=BACKEND + 'resource "terraform_data" "a" {}\n')

        async def story(workdir: Workdir) -> Finished:
            assert (await planned(terraform, workdir, bench)).done
            assert (await terraform.plan(workdir, workdir.data_dir / "other", lock=False)).done
            assert (await terraform.apply(workdir, workdir.data_dir / "other", proceed())).done
            return await terraform.apply(workdir, None, proceed())

        finished = bench.run(story)

        assert finished.failure is Failure.PLAN_STALE

    def test_a_plan_file_that_is_not_there(self, bench: Bench, terraform: Terraform) -> None:
        bench.write(main=BACKEND)

        with pytest.raises(TerraformError) as refused:
            bench.run(lambda workdir: terraform.show(workdir))

        assert str(refused.value) == (
            'the plan of the root module "net" cannot be shown: press Re-run to make a new one'
        )
