"""The README is one screen, its code runs as a newcomer would run it, its links lead to files."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
TEXT = README.read_text(encoding="utf-8")


def test_it_has_one_screen():
    assert len(TEXT.splitlines()) <= 120


def test_its_links_lead_to_files():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert len(links) > 10
    assert [link for link in links if not (README.parent / link).exists()] == []


@pytest.mark.slow
def test_its_code_runs_block_after_block_in_a_fresh_process(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == 2
    command = [sys.executable, "-W", "error::UserWarning", "-c", "\n".join(blocks)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    expected = re.search(r"```text\n(.*?)```", TEXT, re.DOTALL)[1]
    assert done.stdout.startswith(expected)
    assert list(tmp_path.iterdir()) == []
