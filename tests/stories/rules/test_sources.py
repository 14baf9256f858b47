"""The operator decides where the modules and providers of a root module may come from."""

import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.stories.story import Story


@pytest.fixture
def archive() -> Iterator[str]:
    """The address of a module that no registry has."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as module:
        module.writestr("main.tf", 'resource "terraform_data" "theirs" {}\n')

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(packed.getvalue())

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/module.zip"
        server.shutdown()


def test_a_module_that_no_registry_has_fails_until_the_operator_allows_it(
    unmerged: Story, topic: str, archive: str
) -> None:
    theirs = f'module "theirs" {{\n  source = "{archive}"\n}}\n'
    check = unmerged.planned(unmerged.propose({"network/theirs.tf": theirs}, head=topic))
    assert check["conclusion"] == "failure"
    assert unmerged.first_line(check) == (
        f"network in staging is not planned: it uses the module {archive}, which the operator does not allow: "
        "use another, or ask the operator to add it to PLANWARD_SOURCES; then press Re-run"
    )
