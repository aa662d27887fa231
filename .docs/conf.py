"""How Sphinx builds the reference; ``python .docs`` runs it."""

from __future__ import annotations

import re
import sys
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.nodes import Element
from numpydoc.xref import DEFAULT_LINKS
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator as HTMLTranslator

sys.path.insert(0, str(Path(__file__).parent))

import pages

import annlib
from annlib.formulas import as_mathml

project = "annlib"
author = "annlib developers"
copyright = author  # noqa: A001  # Sphinx' name
release = version = annlib.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_nb",
    "sphinx_copybutton",
]
exclude_patterns = ["**.ipynb_checkpoints"]

default_role = "code"
smartquotes = False  # primes are derivatives
autodoc_typehints = "none"
autodoc_inherit_docstrings = False
maximum_signature_line_length = 88
nitpick_ignore_regex = [("py:.*", r"sklearn\..*")]
numpydoc_show_class_members = False
# Types in docstrings link to the classes of annlib, other words to nothing.
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"
DEFAULT_LINKS.clear()
numpydoc_xref_aliases = NAMES = pages.class_names()
PUBLIC = pages.public_names()
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
    lines[:] = pages.docstring_as_rst(lines)


def link_names(app: Sphinx, document: nodes.document) -> None:
    """Let ``Dropout(0.5)`` or ``losses.Huber``, wherever it stands, link to its page."""
    place = app.env.docname.split("/")
    package = place[1] if place[0] == "api" else ""
    for literal in list(document.findall(nodes.literal)):
        found = re.fullmatch(r"(?:annlib\.)?([\w.]+)(\(.*\))?", literal.astext())
        name = found[1] if found else ""
        target = PUBLIC.get(f"{package}.{name}", PUBLIC.get(name, NAMES.get(name)))
        linked = isinstance(literal.parent, nodes.title | nodes.reference | pending_xref)
        if target is not None and name != place[-1] and not linked:
            aim = {"refdomain": "py", "reftype": "obj", "reftarget": target}
            link = pending_xref("", refdoc=app.env.docname, **aim)
            literal.replace_self(link)
            link += literal


def navigate(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """The sidebar: where one is, unfolded; Sphinx' own unfolds all pages for every page."""
    children = app.env.toctree_includes
    parents = {child: parent for parent, below in children.items() for child in below}
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
    app.connect("doctree-read", link_names)
    app.connect("html-page-context", navigate, priority=400)  # before the theme
