"""What a slow test runs with by default. With `--every` it runs with all parameters and examples, as for a release.

`@pytest.mark.by_default("merge")` names parameters by their ids. Each such test runs with at least one of them, so no
claim is left untested; a test that is named on the command line with `::` runs with all of its parameters.
"""

import pytest

from tests import examples


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker of this file. With `--every`, try all examples."""
    config.addinivalue_line("markers", "by_default(id, …): without --every, run only with these parameters")
    if config.getoption("every"):
        examples.share = 1.0


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the other parameters of the marked tests. Fails the collection on an id that no parameter has."""
    ids: dict[str, set[str]] = {}
    for item in items:
        ids.setdefault(_function(item), set()).add(_parameters(item))
    left_out = []
    for item in items:
        mark = item.get_closest_marker("by_default")
        if mark is None:
            continue
        named = set(mark.args)
        if mark.kwargs or not named or not named < ids[_function(item)]:
            raise pytest.UsageError(f"{item.nodeid}: by_default names some of its parameters, {ids[_function(item)]}")
        if _parameters(item) not in named:
            left_out.append(item)
    if left_out and not config.getoption("every") and not any("::" in argument for argument in config.args):
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def _function(item: pytest.Item) -> str:
    return item.nodeid.partition("[")[0]


def _parameters(item: pytest.Item) -> str:
    """The ids of an item's parameters, without that of the database, which `--every` chooses, too."""
    _, _, parameters = item.nodeid.partition("[")
    database, hyphen, others = parameters.removesuffix("]").partition("-")
    return others if hyphen and database in ("sqlite", "postgresql", "three workers") else parameters.removesuffix("]")
