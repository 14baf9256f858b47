"""A simulated cloud: moto plays AWS, and the AWS provider comes from a filesystem mirror."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NO_AWS_PROVIDER = "no AWS provider: neither TF_CLI_CONFIG_FILE nor PLANWARD_TEST_MIRROR leads to a mirror that has it"
_MIRROR = re.compile(r'filesystem_mirror\s*\{[^}]*?path\s*=\s*"([^"]+)"')
_PROVIDER = "registry.terraform.io/hashicorp/aws"


def provider_mirror() -> Path | None:
    """The mirror that the Terraform CLI configuration names, else PLANWARD_TEST_MIRROR; None without either."""
    config = Path(os.environ.get("TF_CLI_CONFIG_FILE", ""))
    found = _MIRROR.search(config.read_text()) if config.is_file() else None
    given = found[1] if found else os.environ.get("PLANWARD_TEST_MIRROR")
    return Path(given) if given else None


def aws_provider() -> tuple[Path, str] | None:
    """The mirror and the newest version of the AWS provider in it; None if there is none."""
    mirror = provider_mirror()
    places = (mirror / _PROVIDER).glob("*/") if mirror else ()
    versions = sorted(tuple(map(int, place.name.split("."))) for place in places if place.name[0].isdigit())
    return (mirror, ".".join(map(str, versions[-1]))) if mirror and versions else None


@contextmanager
def running_moto() -> Iterator[str]:
    """Run moto on loopback while the context is open, and yield its address."""
    # Imported late because most tests do not need it, and importing it takes a third of a second.
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()
