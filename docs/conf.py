"""The configuration of the documentation site: ``python -m sphinx -W docs docs/_build``.

Every page that has code runs it while the site is built: Markdown pages in a fresh process each,
by MyST-NB, and the how-to gallery by Sphinx-Gallery. A build needs no network: the inventories of
other projects, by which their names become links, are text files in `inventories/`.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import kerasearch

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # pages without TensorFlow's log
HERE = Path(__file__).parent

project = "kerasearch"
author = "the kerasearch developers"
copyright = "2026, the kerasearch developers"
version = release = kerasearch.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "numpydoc",
    "myst_nb",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = [
    "_build",
    "jupyter_execute",
    "how_to",  # Sphinx-Gallery makes pages of it, in `gallery`
    "gallery/**.ipynb",
    "**.ipynb_checkpoints",
]
templates_path = ["_templates"]
nitpicky = True
nitpick_ignore = [("py:obj", "best_estimator_")]  # a property, which its class describes itself

# ---------------------------------------------------------------- the reference

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings have the types
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

# ---------------------------------------------------------------- links to other projects

_SITES = {
    "python": "https://docs.python.org/3/",
    "sklearn": "https://scikit-learn.org/stable/",
    "keras": "https://keras.io/",
    "optuna": "https://optuna.readthedocs.io/en/stable/",
    "pandas": "https://pandas.pydata.org/docs/",
}


def _inventory(name: str) -> str:
    """Pack an inventory as Sphinx reads it; in the repository its lines are plain text."""
    lines = (HERE / "inventories" / f"{name}.txt").read_bytes()
    head = f"# Sphinx inventory version 2\n# Project: {name}\n# Version: \n"
    head += "# The remainder of this file is compressed using zlib.\n"
    path = HERE / "_build" / "inventories" / f"{name}.inv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head.encode() + zlib.compress(lines))
    return str(path)


intersphinx_mapping = {name: (site, _inventory(name)) for name, site in _SITES.items()}
intersphinx_disabled_reftypes: list[str] = []

# ---------------------------------------------------------------- pages that run

nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE / "_build" / ".jupyter_cache")
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_output_stderr = "remove"  # TensorFlow writes some lines there as it starts, at any log level
myst_enable_extensions = ["colon_fence", "dollarmath", "fieldlist"]
myst_heading_anchors = 3

sphinx_gallery_conf = {
    "examples_dirs": "how_to",
    "gallery_dirs": "gallery",
    "filename_pattern": "/plot_",
    "subsection_order": [f"how_to/{name}" for name in ("data", "targets", "networks", "searches")],
    "within_subsection_order": "FileNameSortKey",
    "min_reported_time": 0,
    "abort_on_example_error": True,
    "download_all_examples": False,
    "remove_config_comments": True,
}

# ---------------------------------------------------------------- how it looks

html_theme = "pydata_sphinx_theme"
html_title = "kerasearch"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": True,
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": [], "start": []}
