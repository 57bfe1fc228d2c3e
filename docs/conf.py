"""How the pages are made: `python -m sphinx -W docs site`, with what `pip install minigrad[docs]` brings."""
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent / "_ext")]

project = "minigrad"
author = "The minigrad developers"
copyright = author                              # the name that Sphinx reads
extensions = ["myst_parser", "sphinx.ext.autodoc", "source_lines", "registry_pages"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_ext"]
html_theme = "furo"
html_title = "minigrad"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_show_sphinx = False
myst_heading_anchors = 3
default_role = "code"
autodoc_typehints = "signature"
pygments_style = "friendly"
pygments_dark_style = "native"
nitpicky = False
