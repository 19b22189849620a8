"""The commands that the README and the pages show run as they are written, with fewer epochs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from sklearn.datasets import load_iris

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "guide").glob("*.md")]
BLOCKS = [
    block
    for page in PAGES
    for block in re.findall(r"```bash\n(.*?)```", page.read_text("utf-8"), re.S)
]
LINES = [line for block in BLOCKS for line in block.replace("\\\n", " ").splitlines()]
# what comes after the installation
COMMANDS = sorted({line.split("&& ")[-1] for line in LINES if "python -m kerasearch" in line})


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs_with_the_arguments_that_are_written(command, tmp_path):
    data = load_iris(as_frame=True)
    data.data.assign(label=data.target_names[data.target]).to_csv(
        tmp_path / "data.csv", index=False
    )
    command = command.replace("python", f"'{sys.executable}'", 1)
    command = command.replace("--epochs 20", "--epochs 2")
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Next steps" in done.stdout


def test_commands_are_found_in_the_pages():
    assert len(COMMANDS) >= 3
