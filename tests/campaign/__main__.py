"""``python -m tests.campaign [--long] [MODULE ...]``: run attacks and print what came of them."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from tests.forks import in_a_fork

from .table import HEAD, line

MODULES = ("kills", "sharing", "studies", "disks", "bits", "clocks", "threads", "memory")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(MODULES)}")
    parser.add_argument("--long", action="store_true", help="about an hour, not five minutes")
    arguments = parser.parse_args()
    begin = time.monotonic()
    bad: list[str] = []
    print(HEAD, flush=True)
    with ThreadPoolExecutor(2) as pool:  # of waiting threads
        names = arguments.modules or MODULES
        for attacks in pool.map(lambda name: in_a_fork(_run, name, arguments.long), names):
            bad += attacks
    print(f"\n{time.monotonic() - begin:.0f} seconds", file=sys.stderr)
    for attack in bad:
        print(f"not as promised: {attack}", file=sys.stderr)
    return int(bool(bad))


def _run(name: str, long: bool) -> list[str]:
    """Print each row as soon as it is known; the attacks that found something."""
    bad = []
    for row in importlib.import_module(f".{name}", __package__).attacks(long):
        print(line(row), flush=True)
        if not row.is_good:
            bad.append(row.attack)
    return bad


if __name__ == "__main__":
    import tensorflow  # noqa: F401 - once, for all forks; it must not run here

    sys.exit(main())
