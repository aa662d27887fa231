"""How Sphinx builds the reference; ``python .docs`` runs it."""

from __future__ import annotations

import sys
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.nodes import Element
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator as HTMLTranslator

sys.path.insert(0, str(Path(__file__).parent))

import annlib
from annlib.formulas import as_mathml
from pages import as_rst

project = "annlib"
author = "annlib developers"
copyright = author
release = version = annlib.__version__

extensions = ["numpydoc", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "myst_nb", "sphinx_copybutton"]
exclude_patterns = ["**.ipynb_checkpoints"]

smartquotes = False  # primes are derivatives
autodoc_typehints = "none"
autodoc_inherit_docstrings = False
maximum_signature_line_length = 88
numpydoc_show_class_members = False
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"

# The notebooks have been run before.
nb_execution_mode = "off"
nb_number_source_lines = False
myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath"]

html_theme = "furo"
html_title = f"annlib {release}"
html_static_path = [str(Path(__file__).parent / "static")]
html_css_files = ["annlib.css"]
html_show_sphinx = False
html_copy_source = False
pygments_style = "default"
pygments_dark_style = "github-dark"


html_math_renderer = "mathml"


def typeset(translator: HTMLTranslator, node: Element) -> None:
    """A formula by annlib itself: neither a script nor a network."""
    display = not isinstance(node, nodes.math)
    math = as_mathml(node.astext(), display=display)
    translator.body.append(f'<div class="math">{math}</div>' if display else math)
    raise nodes.SkipNode


def escape_signs(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Docstrings are written to be read as they are."""
    lines[:] = [
        line if line.lstrip().startswith((">>>", "...")) else as_rst(line) for line in lines
    ]


def navigate(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """The sidebar: where one is, unfolded; Sphinx' own unfolds all pages for every page."""
    children = app.env.toctree_includes
    parents = {child: parent for parent, all in children.items() for child in all}
    here = [page]
    while here[-1] in parents:
        here.append(parents[here[-1]])

    def listed(parent: str, level: int) -> str:
        items = []
        for child in children.get(parent, ()):
            current = " current" if child in here else ""
            inside = listed(child, level + 1) if current else ""
            title = escape(app.env.titles[child].astext())
            link = app.builder.get_relative_uri(page, child)
            items.append(
                f'<li class="toctree-l{level}{current}">'
                f'<a class="reference internal{current}" href="{link}">{title}</a>{inside}</li>'
            )
        return f"<ul>{''.join(items)}</ul>" if items else ""

    context["toctree"] = lambda **_: listed(app.config.root_doc, 1)


def setup(app: Sphinx) -> None:
    """What Sphinx is to call."""
    app.add_html_math_renderer("mathml", (typeset, None), (typeset, None))
    app.connect("autodoc-process-docstring", escape_signs, priority=400)  # before numpydoc
    app.connect("html-page-context", navigate, priority=400)  # before the theme
