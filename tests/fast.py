"""`pytest --fast` runs only the tests that start no program. It is for use while you work on the code.

It leaves out the stories, the files in `_SLOW` and every test that uses one of `_FIXTURES`. `_SLOW` also names two
files that start no program but take long: the busy hour and the linear patterns. Property-based tests are tried with
fewer examples. A test that starts a program anyway fails, with a message that says to add its file here.
"""

import os
import sys

import pytest

from tests import examples

_SLOW = (
    "tests/docs/test_deploy.py",
    "tests/docs/test_install_page.py",
    "tests/ghapp/cli/test_cli_config_and_import.py",
    "tests/ghapp/cli/test_cli_config_show_on_github.py",
    "tests/ghapp/cli/test_cli_plan.py",
    "tests/ghapp/cli/test_cli_process.py",
    "tests/ghapp/doctor/test_doctor_command.py",
    "tests/ghapp/doctor/test_doctor_gates_on_github.py",
    "tests/ghapp/git/",
    "tests/ghapp/github/test_github_busy_hour.py",
    "tests/ghapp/github/test_github_limits.py",
    "tests/ghapp/github/test_github_with_state.py",
    "tests/ghapp/local_github/",
    "tests/ghapp/sandbox/",
    "tests/ghapp/setup/",
    "tests/ghapp/terraform/test_terraform_engines.py",
    "tests/ghapp/terraform/test_terraform_failures.py",
    "tests/ghapp/terraform/test_terraform_operators_configuration.py",
    "tests/ghapp/terraform/test_terraform_plan_and_apply.py",
    "tests/ghapp/terraform/test_terraform_shared_providers.py",
    "tests/ghapp/terraform/test_terraform_stopping.py",
    "tests/ghapp/terraform/test_terraform_workdir.py",
    "tests/ghapp/test_damaged_house.py",
    "tests/ghapp/test_demo.py",
    "tests/ghapp/test_disk.py",
    "tests/ghapp/test_durable.py",
    "tests/ghapp/test_facts.py",
    "tests/ghapp/test_full_disk.py",
    "tests/ghapp/test_keys_apart.py",
    "tests/ghapp/test_known_secrets.py",
    "tests/ghapp/test_listening.py",
    "tests/ghapp/test_log.py",
    "tests/ghapp/test_metrics_access.py",
    "tests/ghapp/test_migrations.py",
    "tests/ghapp/test_packaging.py",
    "tests/ghapp/test_planning.py",
    "tests/ghapp/test_process_limits.py",
    "tests/ghapp/test_processes.py",
    "tests/ghapp/test_serve_memory.py",
    "tests/ghapp/test_server_identity.py",
    "tests/ghapp/test_shares.py",
    "tests/ghapp/test_signals.py",
    "tests/ghapp/test_worker_beside.py",
    "tests/ghapp/vault/",
    "tests/stories/",
    "tests/test_linear_patterns.py",
)
_FIXTURES = frozenset({"openbao", "postgres"})
_SHARE = 0.1
_STARTS = frozenset({"subprocess.Popen", "os.posix_spawn", "os.spawn", "os.exec"})


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare `--fast`."""
    parser.addoption("--fast", action="store_true", help="run only the tests that start no program")


def pytest_configure(config: pytest.Config) -> None:
    """With `--fast`, fail every test that starts a program, and lower the number of examples."""
    if config.getoption("fast"):
        sys.addaudithook(_refuse_programs)
        examples.share = _SHARE


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--fast`, deselect the tests that start programs."""
    if config.getoption("fast"):
        config.hook.pytest_deselected(items=[item for item in items if _starts_programs(item)])
        items[:] = [item for item in items if not _starts_programs(item)]


def _starts_programs(item: pytest.Item) -> bool:
    on_postgres = getattr(item, "callspec", None) is not None and "[postgresql" in item.nodeid
    fixtures = getattr(item, "fixturenames", ())
    return item.nodeid.startswith(_SLOW) or on_postgres or not _FIXTURES.isdisjoint(fixtures)


def _refuse_programs(event: str, arguments: tuple[object, ...]) -> None:
    # Imports outside of a test may start programs, and so may `platform`: to find the platform, Python runs `file`.
    if event in _STARTS and "PYTEST_CURRENT_TEST" in os.environ and arguments[0] != "file":
        raise AssertionError(f"the test starts a program, {arguments[0]}: add its file to _SLOW in tests/fast.py")
