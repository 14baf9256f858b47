"""Access to the metrics, over real sockets: by default only from the machine itself."""

from pathlib import Path

import httpx
import pytest

from ghapp.errors import SettingsError
from tests.ghapp.served import Served, serving, settings_for
from tests.ghapp.test_listening import listening_at, serve
from tests.ports import free_port


def metrics(served: Served, **headers: str) -> httpx.Response:
    with served.client() as client:
        return client.get("/metrics", headers=headers)


def test_without_a_setting_metrics_are_for_the_machine_itself(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        assert metrics(served).status_code == 200
        refused = [metrics(served, Host="planward.example.com"), metrics(served, **{"X-Forwarded-For": "203.0.113.7"})]
    assert [each.status_code for each in refused] == [403, 403]
    assert all("PLANWARD_METRICS_TOKEN" in each.text and "planward_build_info" not in each.text for each in refused)


def test_with_a_token_metrics_are_for_everybody_who_has_it(tmp_path: Path) -> None:
    with serving(tmp_path, PLANWARD_METRICS_TOKEN="let-me-in") as served:
        good = metrics(served, Host="planward.example.com", Authorization="Bearer let-me-in")
        bad = [
            metrics(served),
            metrics(served, Authorization="Bearer let-me"),
            metrics(served, Authorization="Basic let-me-in"),
        ]
    assert (good.status_code, "planward_build_info" in good.text) == (200, True)
    assert [(each.status_code, each.headers["WWW-Authenticate"]) for each in bad] == [(401, "Bearer")] * 3


def test_metrics_with_an_address_of_their_own_are_served_there_alone(tmp_path: Path) -> None:
    own = free_port()
    with serve(tmp_path, "--port", "0", PLANWARD_METRICS_LISTEN=f"127.0.0.1:{own}") as process:
        listening_at(process)  # the metrics' own address comes first
        url = listening_at(process)
        answers = [
            httpx.get(
                f"{base}{path}", trust_env=False, verify=False, headers={"Host": "planward.example.com"}
            ).status_code
            for base in (url, f"http://127.0.0.1:{own}")
            for path in ("/metrics", "/healthz", "/webhooks/github")
        ]
        process.terminate()
        assert process.wait(timeout=30) == 0
    assert answers == [404, 200, 405, 200, 404, 404]


@pytest.mark.parametrize("address", ["9100", "127.0.0.1:", ":9100", "127.0.0.1:70000", "127.0.0.1:http"])
def test_an_invalid_address_for_metrics_is_named(tmp_path: Path, address: str) -> None:
    with pytest.raises(SettingsError, match=r"^PLANWARD_METRICS_LISTEN is .*: set it to HOST:PORT"):
        settings_for(tmp_path, PLANWARD_METRICS_LISTEN=address)


def test_an_address_for_metrics_may_be_one_of_ipv6(tmp_path: Path) -> None:
    assert settings_for(tmp_path, PLANWARD_METRICS_LISTEN="[::1]:9100").metrics.listen == ("::1", 9100)
