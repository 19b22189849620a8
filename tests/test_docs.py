"""The pages of the documentation that promise examples: they run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.slow
def test_the_examples_about_targets_run(capsys):
    text = (DOCS / "guide" / "your-targets.md").read_text(encoding="utf-8")
    found: dict = {}
    for block in re.findall(r"```{code-cell}\n(.*?)```", text, re.DOTALL):
        exec(compile(block, "your-targets.md", "exec"), found)
    assert 0.6 < found["coverage"] < 0.95
    assert found["search"].best_score_ < 0
