"""Impact never misses a dependency, and no root module runs before those that it builds on."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from checks.configuration.impact import touched
from checks.configuration.layers import layers
from checks.errors import ConfigurationError
from tests.checks.repositories import backend, call, reads, repository

DIRS = ["live/a", "live/b", "live/deep/c", "modules/d", "modules/e", "modules/deep/f", "g"]

Graph = dict[str, set[str]]

graphs: st.SearchStrategy[Graph] = st.fixed_dictionaries(
    {each: st.sets(st.sampled_from(DIRS), max_size=4) for each in DIRS}
)


def _relative(here: str, there: str) -> str:
    return "/".join([".."] * (here.count("/") + 1)) + "/" + there


def _reachable(graph: Graph, start: str) -> set[str]:
    """All directories that can be reached from `start`, found in the plainest way: by following every edge."""
    reached: set[str] = set()

    def walk(here: str) -> Iterator[str]:
        for there in graph[here]:
            if there not in reached:
                reached.add(there)
                yield there
                yield from walk(there)

    list(walk(start))
    return reached


@given(graph=graphs, with_backend=st.sets(st.sampled_from(DIRS), min_size=1), changed=st.sampled_from(DIRS))
def test_a_change_touches_every_root_module_that_uses_the_changed_directory_at_any_depth(
    graph: Graph, with_backend: set[str], changed: str
) -> None:
    configuration = repository(
        {
            f"{here}/main.tf": (backend(here) if here in with_backend else "")
            + "".join(call(_relative(here, there), f"m{DIRS.index(there)}") for there in sorted(graph[here]))
            for here in DIRS
        }
    )
    roots = {root.dir for root in configuration.root_modules}

    found = touched(configuration, [f"{changed}/main.tf"])

    assert set(found.dirs) == {root for root in roots if root == changed or changed in _reachable(graph, root)}
    assert with_backend <= roots


@given(
    graph=graphs,
    reader=st.sampled_from(DIRS),
    function=st.sampled_from(["file", "templatefile", "filebase64", "fileset"]),
    name=st.from_regex(r"[a-z]{1,5}(/[a-z]{1,5}){0,2}\.(json|tpl|yaml)", fullmatch=True),
    form=st.sampled_from(["{}", "./{}", "${{path.module}}/{}", "${{path.root}}/{}"]),
)
def test_a_change_touches_every_root_module_with_a_module_that_names_the_changed_file(
    graph: Graph, reader: str, function: str, name: str, form: str
) -> None:
    files = {
        f"{here}/main.tf": backend(here)
        + "".join(call(_relative(here, there), f"m{DIRS.index(there)}") for there in sorted(graph[here]))
        for here in DIRS
    }
    arguments = {"fileset": ', "*"', "templatefile": ", {}"}.get(function, "")
    files[f"{reader}/read.tf"] = f'locals {{\n  x = {function}("{form.format(name)}"{arguments})\n}}\n'
    configuration = repository(files)

    for root in configuration.root_modules:
        if root.dir == reader or reader in _reachable(graph, root.dir):
            base = reader if "module" in form else root.dir
            changed = f"{base}/{name}/inside" if function == "fileset" else f"{base}/{name}"
            assert root.dir in touched(configuration, [changed]).dirs


@given(graph=graphs, explicit=graphs, wanted=st.sets(st.sampled_from(DIRS)))
def test_layers_hold_each_wanted_root_module_once_and_after_all_that_it_builds_on(
    graph: Graph, explicit: Graph, wanted: set[str]
) -> None:
    files = {
        f"{here}/main.tf": backend(here)
        + "".join(reads(there, f"s{DIRS.index(there)}") for there in sorted(graph[here]) if there < here)
        for here in DIRS
    }
    depends_on = {here: [there for there in sorted(explicit[here]) if there < here] for here in DIRS}
    edges = {here: {there for there in graph[here] | explicit[here] if there < here} for here in DIRS}

    order = layers(repository(files), wanted, depends_on)

    place = {each: number for number, layer in enumerate(order) for each in layer}
    assert sorted(place) == sorted(wanted)
    assert sum(map(len, order)) == len(wanted)
    for here in wanted:
        assert all(place[there] < place[here] for there in _reachable(edges, here) & wanted)


@given(graph=graphs)
def test_layers_are_refused_exactly_where_there_is_a_circle(graph: Graph) -> None:
    circle = any(here in _reachable(graph, here) for here in DIRS)
    configuration = repository({f"{here}/main.tf": backend(here) for here in DIRS})

    try:
        layers(configuration, DIRS, {here: sorted(there) for here, there in graph.items()})
    except ConfigurationError:
        refused = True
    else:
        refused = False

    assert refused is circle
