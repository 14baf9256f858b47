"""The root modules that a change of files or of the config touches."""

from collections.abc import Mapping

import pytest

from ghapp.repository_config import ConfigInvalid
from ghapp.root_modules import Survey, configure_root_modules, files_to_read, reconfigured
from ghapp.values import TESTING, EnvironmentName
from tests.ghapp.root_modules.settings import S3, all_laid, config_of, found_in, laid


def test_a_change_of_the_config_touches_the_root_modules_that_it_changes() -> None:
    files = {"a/main.tf": S3, "b/main.tf": S3.replace("network", "b")}
    before = all_laid(files, "root_modules: [{dir: a}, {dir: b}]")["testing"]
    after = all_laid(files, "root_modules: [{dir: a}, {dir: b, extra_arguments: [-parallelism=2]}]")["testing"]
    assert reconfigured(before, after) == ("b",)
    assert reconfigured(before, before) == ()
    assert reconfigured(before[:1], before) == ("b",)


def surveyed(files: Mapping[str, str], text: str | None = None) -> Survey:
    config = config_of(text)
    configuration = found_in(files, config)
    contents = {path: files[path].encode() for path in files_to_read(config, configuration, paths=files)}
    layout = configure_root_modules(config, configuration, paths=files, contents=contents)
    return Survey(config=config, configuration=configuration, layout=layout)


def test_watched_paths_touch_their_root_module_in_the_environments_that_they_mean() -> None:
    files = {"live/network/main.tf": S3, "live/json/staging/x.json": ""}
    config = 'root_modules: [{dir: live/network, watch: ["../json/{environment}/**"]}]'
    found = surveyed(files, config)
    changed = ["live/json/staging/x.json"]
    assert found.touched(EnvironmentName("staging"), changed).dirs == ("live/network",)
    assert found.touched(TESTING, changed).dirs == ()
    with pytest.raises(ConfigInvalid, match="leads out of the repository"):
        surveyed(files, 'root_modules: [{dir: live/network, watch: ["../../../json/**"]}]')


def test_a_version_file_that_changes_or_goes_touches_its_root_modules() -> None:
    without = {"live/network/main.tf": S3, "app/main.tf": S3.replace("network", "app")}
    changed = ["live/.terraform-version"]
    for files in ({**without, "live/.terraform-version": "1.9.8"}, without):
        assert surveyed(files).touched(TESTING, changed).dirs == ("live/network",)


def test_a_var_file_that_is_deleted_touches_its_root_module_in_its_environment() -> None:
    found = surveyed({"network/main.tf": S3})
    for deleted in ("network/staging.tfvars", "network/env/staging.tfvars", "network/env/staging.backend.hcl"):
        assert found.touched(EnvironmentName("staging"), [deleted]).dirs == ("network",)
        assert found.touched(TESTING, [deleted]).dirs == ()
    configured = laid(
        {"network/main.tf": S3, "x.tfvars": ""}, "staging", "root_modules: [{dir: network, var_files: []}]"
    )
    assert "network/staging.tfvars" not in configured.files
