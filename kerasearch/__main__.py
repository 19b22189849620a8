"""Run the command line with ``python -m kerasearch``."""

from .cli.main import run

if __name__ == "__main__":
    run()
