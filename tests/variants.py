"""What a slow test runs with by default. With `--every` it runs with all parameters and examples, as for a release.

`@pytest.mark.by_default("merge")` names parameters by their ids. Each such test runs with at least one of them, so no
claim is left untested.

`@pytest.mark.only_with_every("tests/ghapp/test_gate.py::test_it")` leaves a slow test out by default. It names quicker
tests of the same claim: they fail, too, if the claim is not true. They always run.

A test that is named on the command line with `::` runs with all of its parameters.
"""

import pytest

from tests import examples


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers of this file. With `--every`, try all examples, and random ones."""
    config.addinivalue_line("markers", "by_default(id, …): without --every, run only with these parameters")
    config.addinivalue_line("markers", "only_with_every(test, …): without --every, these tests hold the same claim")
    if config.getoption("every"):
        examples.try_every()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that their marks leave out. Raises UsageError if the names in a mark are missing or wrong."""
    ids: dict[str, set[str]] = {}
    for item in items:
        ids.setdefault(_function(item), set()).add(_parameters(item))
    left_out = {item for item in items if _is_left_out(item, ids[_function(item)])}
    if left_out and not config.getoption("every") and not any("::" in argument for argument in config.args):
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]


def _is_left_out(item: pytest.Item, ids: set[str]) -> bool:
    """Whether the marks of an item, whose function has parameters with these ids, leave it out by default."""
    always = item.get_closest_marker("only_with_every")
    if always is not None:
        if always.kwargs or not always.args or not all("::test_" in str(each) for each in always.args):
            raise pytest.UsageError(f"{item.nodeid}: only_with_every names the tests that hold its claim by default")
        return True
    mark = item.get_closest_marker("by_default")
    if mark is None:
        return False
    named = set(mark.args)
    if mark.kwargs or not named or not named < ids:
        raise pytest.UsageError(f"{item.nodeid}: by_default names some of its parameters, {ids}")
    return _parameters(item) not in named


def _function(item: pytest.Item) -> str:
    return item.nodeid.partition("[")[0]


def _parameters(item: pytest.Item) -> str:
    """The ids of an item's parameters, without that of the database, which `--every` chooses, too."""
    _, _, parameters = item.nodeid.partition("[")
    database, hyphen, others = parameters.removesuffix("]").partition("-")
    return others if hyphen and database in ("sqlite", "postgresql", "three workers") else parameters.removesuffix("]")
