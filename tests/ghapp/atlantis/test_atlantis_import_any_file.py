"""Every imported config passes the check, and a file that is not Atlantis' is refused."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghapp.atlantis import import_atlantis
from ghapp.repository_config import ConfigInvalid, read_config
from tests.examples import examples
from tests.ghapp.atlantis.importing import imported


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "atlantis.yaml:1:1: must be a mapping with version and projects"),
        (b"[1]", "atlantis.yaml:1:1: must be a mapping with version and projects"),
        (b"projects: []", "atlantis.yaml:1:1: version: must be 3 or 2, not None; is this the Atlantis config of a "
         "repository?"),
        (b"a: [", "atlantis.yaml:1:5: is not YAML: expected the node content, but found '<stream end>'"),
        (b"version: 3\nversion: 3", 'atlantis.yaml:1:1: is not YAML: found duplicate key "version" with value "3" '
         '(original value: "3")'),
    ],
)  # fmt: skip
def test_a_file_of_another_tool_is_refused(content: bytes, complaint: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        import_atlantis(content)
    assert [str(problem) for problem in caught.value.problems] == [complaint]


WORDS = st.sampled_from(
    ["a", "b/c", "../x", "/x", "*", "live/**", "{x}", "default", "staging", "prod", "eu west", "v1.2.3", "1.x", "init",
     "plan", "-var-file=x", "-var-file", "-backend-config=$WORKSPACE.hcl", "-parallelism=3", "-target=x", "$X", "",
     "w", ".", "é", "a\nb", "x'\"y", "testing", "~", "-lock-timeout 5m", "a\\b", "#"]
)  # fmt: skip
SCALARS = st.one_of(WORDS, WORDS, st.text(max_size=4), st.none(), st.booleans(), st.integers(-1, 3))
LOOSE = st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(WORDS, SCALARS, max_size=2))
PROJECTS = st.fixed_dictionaries(
    {"dir": SCALARS},
    optional={
        key: st.one_of(LOOSE, st.lists(WORDS, max_size=2))
        for key in ("name", "workspace", "workflow", "terraform_version", "depends_on", "execution_order_group",
                    "autoplan", "branch", "wat")
    },
)  # fmt: skip
STEPS = st.one_of(
    WORDS,
    st.dictionaries(
        st.sampled_from(["init", "plan", "apply", "run", "env", "x"]),
        st.one_of(LOOSE, st.fixed_dictionaries({"extra_args": st.lists(WORDS, max_size=4)})),
        max_size=2,
    ),
)
STAGES = st.dictionaries(
    st.sampled_from(["plan", "apply", "x"]),
    st.one_of(LOOSE, st.fixed_dictionaries({"steps": st.lists(STEPS, max_size=3)})),
    max_size=2,
)
FILES = st.fixed_dictionaries(
    {"version": st.just(3)},
    optional={
        "projects": st.one_of(LOOSE, st.lists(PROJECTS, max_size=4)),
        "workflows": st.one_of(LOOSE, st.dictionaries(st.sampled_from(["w", "default"]), STAGES, max_size=2)),
        "autodiscover": st.one_of(LOOSE, st.fixed_dictionaries({"mode": WORDS, "ignore_paths": LOOSE})),
        "policies": st.one_of(
            LOOSE, st.fixed_dictionaries({"policy_sets": st.lists(st.dictionaries(WORDS, LOOSE, max_size=2))})
        ),
        "automerge": LOOSE,
    },
)


@settings(max_examples=examples(200))
@given(FILES, st.lists(st.sampled_from(["main", "staging", "production", "w"]), max_size=3))
def test_every_imported_config_is_valid(value: dict[str, Any], branches: list[str]) -> None:
    found = imported(value, branches=branches, directories=["a", "live/x"])
    read_config(found.text.encode(), branches=branches, repository_name="infra")
