"""The CLI configuration of a run, as text."""

import json
from pathlib import Path

import pytest

from ghapp.terraform import cli_config
from ghapp.terraform.cli_config import cli_config as written

CACHE = Path("/var/lib/planward/providers")
AWS = "registry.terraform.io/hashicorp/aws"
MIRROR = f"""\
  filesystem_mirror {{
    path    = "{CACHE}"
    include = ["{AWS}"]
  }}
"""


@pytest.fixture(autouse=True)
def no_system_mirrors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_config, "_SYSTEM", ())


def test_without_an_operators_configuration_providers_come_from_registries_and_never_from_the_tree() -> None:
    assert written(None) == "disable_checkpoint = true\n\nprovider_installation {\n  direct {}\n}\n"


def test_cached_providers_come_before_the_registries() -> None:
    assert written(None, CACHE, [AWS]).endswith(f"provider_installation {{\n{MIRROR}  direct {{}}\n}}\n")


def test_the_operators_configuration_stays_in_force_except_a_cache_that_terraform_fills() -> None:
    operators = 'plugin_cache_dir = "/cache"\ncredentials "app.terraform.io" {\n  token = "t"\n}\n'
    text = written(operators, CACHE, [AWS])
    assert "plugin_cache_dir" not in text
    assert text.startswith('\ncredentials "app.terraform.io" {\n  token = "t"\n}\n')
    assert text.endswith(f"provider_installation {{\n{MIRROR}  direct {{}}\n}}\n")


def test_the_operators_mirrors_come_after_the_cache() -> None:
    operators = 'provider_installation {\n  network_mirror {\n    url = "https://mirror.example.com/"\n  }\n}\n'
    text = written(operators, CACHE, [AWS])
    assert text == operators.replace("{\n  network", f"{{\n{MIRROR}\n  network", 1)


def test_json_is_understood_too() -> None:
    operators = '{"plugin_cache_dir": "/cache", "disable_checkpoint": true}'
    assert json.loads(written(operators, CACHE, [AWS])) == {
        "disable_checkpoint": True,
        "provider_installation": [
            {"direct": [{}], "filesystem_mirror": [{"path": str(CACHE), "include": [AWS]}]},
        ],
    }
    [methods] = json.loads(written(operators, CACHE, [AWS]))["provider_installation"]
    assert list(methods) == ["filesystem_mirror", "direct"]  # the earlier one is used if both have a version
    said = '{"provider_installation": [{"network_mirror": [{"url": "https://mirror.example.com/"}]}]}'
    assert json.loads(written(said, CACHE, [AWS])) == json.loads(said)


def test_if_the_system_has_providers_they_come_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / AWS / "5.0.0").mkdir(parents=True)
    monkeypatch.setattr(cli_config, "_SYSTEM", (tmp_path, tmp_path / "nowhere"))
    assert written(None) == (
        "disable_checkpoint = true\n\nprovider_installation {\n"
        f'  filesystem_mirror {{\n    path    = "{tmp_path}"\n    include = ["{AWS}"]\n  }}\n'
        f'  direct {{\n    exclude = ["{AWS}"]\n  }}\n}}\n'
    )
    assert json.loads(written("{}", CACHE, [AWS])) == {
        "provider_installation": [
            {
                "direct": [{"exclude": [AWS]}],
                "filesystem_mirror": [{"path": str(path), "include": [AWS]} for path in (CACHE, tmp_path)],
            },
        ],
    }
