"""Whether LaTeX and Markdown of a trace are such as LaTeX, MathJax and KaTeX take."""

from __future__ import annotations

import re

#: Commands of mathematics that LaTeX with amsmath and amssymb, MathJax and KaTeX all know. GitHub
#: refuses some of those that others take: operatorname, mbox, phantom.
_NAMES = """
    Phi alpha bar begin beta cdot cdots circledast cos cosh ddots delta ell end eta exp frac
    gamma ge gt hat infty kappa lVert lambda lceil ldots le leftarrow lfloor log lt lvert
    mathop mathrm max min mu ne odot ominus oplus oslash otimes partial phi pi prod quad
    rVert rceil rfloor rho rvert sigma sim sin sqrt sum surd tanh text theta tilde times to
    varepsilon vdots
"""
KNOWN = frozenset(_NAMES.split())
ENVIRONMENTS = {"bmatrix", "Bmatrix", "aligned", "cases"}
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[^\s]", re.DOTALL)


def check_math(tex: str) -> None:
    """Raise AssertionError for what some of them would refuse."""
    assert tex.isascii(), tex
    used = set(re.findall(r"\\([A-Za-z]+)", tex))
    assert used <= KNOWN, used - KNOWN
    opened: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", tex):
        assert name in ENVIRONMENTS
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name, tex
    assert not opened, tex
    _check_scripts(_TOKEN.findall(tex), tex)
    for row in re.findall(r"\\begin\{[bB]matrix\}(.*?)\\end", tex):
        assert max(line.count("&") for line in row.split(r"\\")) < 10


def _check_scripts(tokens: list[str], tex: str) -> None:
    """One index below and one above at most, braces in pairs."""
    seen: list[set[str]] = [set()]
    place = 0
    while place < len(tokens):
        token = tokens[place]
        if token == "{":
            seen.append(set())
        elif token == "}":
            assert len(seen) > 1, tex
            seen.pop()
            seen[-1] = set() if place and not _is_script(tokens, place) else seen[-1]
        elif token in "_^":
            assert token not in seen[-1], tex
            seen[-1] = seen[-1] | {token}
            if place + 1 < len(tokens) and tokens[place + 1] != "{":
                place += 1
        else:
            seen[-1] = set()
        place += 1
    assert len(seen) == 1, tex


def _is_script(tokens: list[str], closing: int) -> bool:
    """Whether the braces that close here are those of an index."""
    depth = 0
    for place in range(closing, -1, -1):
        depth += {"}": 1, "{": -1}.get(tokens[place], 0)
        if not depth:
            return place > 0 and tokens[place - 1] in ("_", "^")
    return False


def blocks(markdown: str) -> list[str]:
    """The equations of a Markdown document."""
    return re.findall(r"^```math\n(.*?)\n```$", markdown, re.DOTALL | re.MULTILINE)


def check_forms(trace) -> None:
    """LaTeX and Markdown of a trace."""
    tex, markdown = trace.to_latex(), trace.to_markdown()
    assert tex.isascii()
    shown = re.findall(r"^\\\[ (.*) \\\]$", tex, re.MULTILINE)
    assert len(shown) >= len(trace)
    for line in shown:
        check_math(line)
    found = blocks(markdown)
    assert len(found) == len(shown)
    for block in found:
        check_math(block)
        assert not {"<", ">", "\n"} & {*block}
    rest = re.sub(r"^```math\n.*?\n```$", "", markdown, flags=re.DOTALL | re.MULTILINE)
    assert not re.search("^```", rest, re.MULTILINE)
    outside = re.sub(r"(`+).*?\1", "", re.sub(r"\\.", "", rest))
    assert "$" not in outside
