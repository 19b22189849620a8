"""A PostgreSQL server of its own for a test: on a free port, with a password, as nobody special."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .dask_cluster import wait_for

PASSWORD = "not:to/be@seen"


@contextlib.contextmanager
def postgresql(place: Path) -> Iterator[str]:
    """Start a server with an empty database, and end it; gives the URL, percent-encoded."""
    initdb, postgres = _program("initdb"), _program("postgres")
    place.mkdir(mode=0o755)
    (place / "password").write_text(PASSWORD)
    data, user = place / "data", _unprivileged_user()
    data.mkdir()
    if user is not None:
        for path in (place, data, place / "password"):
            shutil.chown(path, user)
    as_user = {"user": user} if user else {}
    made = [initdb, "-D", data, "-U", "searcher", "--auth=scram-sha-256", "-N"]
    subprocess.run(
        [*map(str, made), f"--pwfile={place}/password"],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd="/",
        **as_user,
    )
    port = _free_port()
    settings = [
        f"port={port}",
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "fsync=off",
    ]
    command = [postgres, "-D", str(data), *(x for one in settings for x in ("-c", one))]
    with (place / "output.txt").open("w") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output, cwd="/", **as_user)
    try:
        wait_for(lambda: _answers(port))
        from urllib.parse import quote

        secret = quote(PASSWORD, safe="")
        yield f"postgresql+psycopg://searcher:{secret}@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


def _program(name: str) -> str:
    folders = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")))
    found = shutil.which(name, path=os.pathsep.join([*folders, os.environ.get("PATH", "")]))
    if found is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    return found


def _unprivileged_user() -> str | None:
    """Name somebody else to run as, since PostgreSQL refuses the administrator."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    pytest.skip("PostgreSQL does not run as root, and there is no other user")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _answers(port: int) -> bool:
    """Tell whether the server takes passwords already, and not just connections."""
    import psycopg

    try:
        address = {"host": "127.0.0.1", "port": port, "user": "searcher", "dbname": "postgres"}
        psycopg.connect(**address, password=PASSWORD).close()
    except psycopg.OperationalError:
        return False
    return True
