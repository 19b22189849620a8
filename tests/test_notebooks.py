"""The first cell of a notebook has one line that installs everything the notebook imports."""

from __future__ import annotations

import ast
import json
import re
import shlex
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import kerasearch

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# public names that need an extra, besides the displays
EXTRAS = {
    "BayesSearchCV": "bayes",
    "to_optuna_study": "bayes",
    "from_keras_tuner": "bench",
    "keras_tuner_model": "bench",
}

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells_of(path: Path) -> list[tuple[str, str]]:
    """Return the kind and the text of each cell."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return [(cell["cell_type"], "".join(cell["source"])) for cell in cells]


def install_lines(text: str) -> list[str]:
    return re.findall(r"^.*\b(?:pip|conda) install\b.*$", text, re.MULTILINE)


def names_of(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(each).name) for each in requirements}


def installed_by(line: str) -> tuple[set[str], set[str]]:
    """Return the distributions that a line installs, and the extras of kerasearch."""
    arguments = shlex.split(line.partition(" install ")[2])
    own = [Requirement(each.replace(".", "kerasearch", 1)) for each in arguments if each[0] == "."]
    extras = {extra for requirement in own for extra in requirement.extras}
    assert own, f"{line!r} does not install kerasearch"
    assert extras <= set(PROJECT["optional-dependencies"])
    requirements = [each for each in arguments if each[0] != "."] + PROJECT["dependencies"]
    for extra in extras:
        requirements += PROJECT["optional-dependencies"][extra]
    return names_of(requirements), extras


def needed_by(code: str) -> tuple[set[str], set[str]]:
    """Return the distributions and the extras of kerasearch that the imports of some code need."""
    modules, extras = set(), set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module or "")
            if node.module == "kerasearch":
                extras |= {extra_of(alias.name) for alias in node.names}
    packages = {module.partition(".")[0] for module in modules} - {"kerasearch"}
    owners = packages_distributions()
    distributions = {
        canonicalize_name(owners[package][0]) for package in packages - sys.stdlib_module_names
    }
    return distributions, extras - {""}


def extra_of(name: str) -> str:
    return "plot" if kerasearch._ROOM_OF[name] == "plots" else EXTRAS.get(name, "")


@each_notebook
def test_a_notebook_has_one_install_line_and_it_is_in_the_first_cell(path):
    found = [install_lines(text) for _, text in cells_of(path)]
    assert len(found[0]) == 1
    assert not any(found[1:])
    assert cells_of(path)[0][0] == "markdown"


@each_notebook
def test_the_install_line_covers_every_import(path):
    cells = cells_of(path)
    installed, extras = installed_by(install_lines(cells[0][1])[0])
    code = "\n".join(text for kind, text in cells if kind == "code")
    needed, needed_extras = needed_by(code)
    assert needed | {"jupyter"} <= installed
    assert needed_extras <= extras


def test_missing_packages_and_extras_are_found():
    code = "import matplotlib\nfrom PIL import Image\nfrom kerasearch import SliceDisplay, report"
    assert needed_by(code) == ({"matplotlib", "pillow"}, {"plot"})
    installed, extras = installed_by("python -m pip install '.[bayes]' jupyter")
    assert {"jupyter", "optuna", "numpy"} <= installed
    assert "matplotlib" not in installed
    assert extras == {"bayes"}
