"""What a trace's page, LaTeX, Markdown and text must have, beyond being made."""

from __future__ import annotations

import io
import re
import sys
from itertools import pairwise

import numpy as np
import pytest
from tracing.tex import blocks, check_forms, check_math

from annlib import Sequential, layers, losses, optimizers

RNG = np.random.default_rng(3)
X = RNG.normal(size=(6, 12))


def wide(**keywords):
    stack = [layers.Dense(20, "relu"), layers.BatchNormalization(), layers.Dense(3, "softmax")]
    model = Sequential(stack, seed=0, **keywords)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.train_on_batch(X, [0, 1, 2, 0, 1, 2])
    return model.trace(X[:2], [1, 2])


# -- the page -------------------------------------------------------------------------------------


def numbers_of(html):
    """The blocks of numbers, as lists of rows."""
    found = re.findall(r'<span class="n[^"]*">(.*?)</span>', html, re.DOTALL)
    return [[line.split() for line in text.split("\n")] for text in found]


def test_eight_a_side_are_shown_and_folds_have_all():
    html = wide().to_html()
    folds = re.findall(r"<details><summary>all of .*?</details>", html, re.DOTALL)
    visible = re.sub(r"<details><summary>all of .*?</details>", "", html, flags=re.DOTALL)
    assert folds
    for table in numbers_of(visible):
        assert len(table) <= 9  # eight and the sign for the others
        assert max(map(len, table)) <= 9
    kernel = [t for fold in folds for t in numbers_of(fold) if (len(t), len(t[0])) == (20, 12)]
    trace = wide()
    expected = trace.before["dense/kernel"].T
    assert any(np.allclose(np.array(t, float), expected, atol=1e-5) for t in kernel)


def test_each_matrix_is_in_one_fold():
    html = wide().to_html()
    tables = [repr(t) for fold in html.split("<summary>all of ")[1:] for t in numbers_of(fold)]
    large = [t for t in tables if t.count("[") > 15]
    assert len(large) == len({*large})


def test_very_large_ones_are_told_where_to_find():
    model = Sequential([layers.Dense(100), layers.Dense(1)], seed=0)
    model.compile("adam", "mse")
    trace = model.trace(np.ones(784), [1.0])
    html = trace.to_html()
    assert "trace[&quot;dense&quot;][&quot;[Wᵀ]&quot;].operands" in html
    assert trace["dense"]["[Wᵀ]"].operands[0].array.shape == (100, 784)
    assert len(html) < 300_000


def test_the_first_section_is_open():
    model = Sequential([layers.Dense(100), layers.Dense(100)], seed=0)
    model.compile("sgd", "mse")
    html = model.trace(np.ones(80), np.ones(100)).to_html()
    first, *others = re.findall(r"<details[^>]*><summary><b>", html)
    assert first == "<details open><summary><b>"
    assert "<details><summary><b>" in others


def test_arrow_and_first_factor_are_never_parted():
    html = wide().to_html()
    rows = re.findall(r'<div class="r">(.*?)</div>', html, re.DOTALL)
    with_arrow = [row for row in rows if "←" in row]
    assert len(with_arrow) > 10
    for row in with_arrow:
        first = row.split('<span class="g">')[1]
        before, _, after = first.partition("<span>←</span>")
        assert 'class="n' in before
        assert "<math>" in after or 'class="n' in after
    assert ".annlib-trace .g{display:inline-flex;" in html
    assert "flex-wrap" not in re.search(r"\.annlib-trace \.g\{[^}]*\}", html)[0]


def test_there_is_a_legend_of_the_signs():
    html = wide().to_html()
    legend = html[html.index('<div class="k">') : html.index("<h4>")]
    for sign in ("←", "⊕", "⊖", "⊛", "⊘", "Σ"):
        assert sign in legend.replace("∑", "Σ")
    assert "number by number" in legend


def test_parentheses_of_equations_have_one_height():
    html = wide().to_html()
    body = html[html.index("</style>") :]
    equations = re.findall(r'<div class="e">(<math>.*?</math>)', body)
    assert len(equations) > 20
    for equation in equations:
        for fence in re.findall(r"<mo[^>]*>[()\[\]{}]</mo>", equation):
            assert 'stretchy="false"' in fence
    assert "Latin Modern Math" in html


# -- LaTeX and Markdown ---------------------------------------------------------------------------

NAMES = [
    "größe_µ 50% #1 & {x}^~ \\n <b>|`'\"--,,",
    "日本 ∂\N{MATHEMATICAL ITALIC SMALL ALPHA} ж é ñ ø ß Œ",
    "{_}[1](u)*x*$y$ ```math",
    "a_b__c",
    "$$",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_any_kind(name):
    model = Sequential([layers.Dense(2, name=name), layers.Dense(1)], name=name)
    model.compile("adam", losses.MeanSquaredError(name=name))
    trace = model.trace([1.0, 2.0], [3.0])
    check_forms(trace)
    title = trace.to_latex().splitlines()[0]
    inside = title.removeprefix(r"\section*{").removesuffix("}")
    assert not re.search(r"(?<!\\)[&%#_^~]", inside.replace(r"\char", ""))
    assert inside.count("{") == inside.count("}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Größe", r"Gr\"{o}\ss{}e"),
        ("ñé", r"\~{n}\'{e}"),
        ("a--b", "a-{}-b"),
        ("{Z} ← [Wᵀ]", r"\{Z\} $\leftarrow$ [W$^{T}$]"),
        ("50 % of #1_a & b", r"50 \% of \#1\_a \& b"),
        ("日", "U+65E5"),
        ("—", "---"),
    ],
)
def test_text_as_latex(text, expected):
    from annlib.tracing.latex import escape

    assert escape(text) == expected


def test_parts_of_ones_own_with_names_beyond_ascii():
    class Unique(layers.Layer):
        """Ähnlich wie f(x) = 100 % x_1 & more."""

        def build(self, shape):
            self.add_weight("größe_2", (shape[-1],), "ones")

        def forward(self, x, work, *, training=False):
            return x * self.arrays["größe_2"]

        def backward(self, dy, work, *, input_gradient=True):
            self.gradients["größe_2"][...] = 1
            return dy

    class Own(optimizers.Optimizer):
        state_names = ("änderung",)

        def update(self, theta, gradient, rate, state, scratch):
            state.änderung += gradient
            theta -= rate * gradient

    model = Sequential([layers.Dense(2), Unique(), layers.Dense(1)], seed=0)
    model.compile(Own(), "mse")
    check_forms(model.trace([1.0, 2.0], [3.0]))


def test_long_lines_are_broken_at_operators():
    trace = wide()
    lines = [line for line in blocks(trace.to_markdown()) if r"\begin{aligned}" in line]
    assert lines
    for line in lines:
        for part in line.split(r"&\quad")[1:]:
            assert re.match(r"\s*\\(oplus|ominus|circledast|oslash)", part), part


def test_numbers_with_exponents_and_none():
    model = Sequential([layers.Dense(2, "exponential", kernel_initializer="ones")], seed=0)
    model.compile("sgd", "mse")
    trace = model.trace([500.0, 500.0], [1e-9, 1e9])
    check_forms(trace)
    assert r"\infty" in trace.to_latex()
    check_math(r"1.0000\mathrm{e}-9")


def test_wrong_tex_is_found():
    for wrong in (
        "a_b_c",
        r"{[r_{i}_{W^T}]}",
        r"\operatorname{f}",
        "µ",
        r"\begin{bmatrix} 1",
        "{a",
    ):
        with pytest.raises(AssertionError):
            check_math(wrong)
    check_math(r"a_{b_c}^2 {\{Z\}}_{[3 \times 1]} ^{2}")


# -- text -----------------------------------------------------------------------------------------


class Terminal(io.TextIOWrapper):
    def __init__(self, encoding):
        super().__init__(io.BytesIO(), encoding=encoding)

    def isatty(self):
        return True


def printed(monkeypatch, trace, columns, encoding):
    terminal = Terminal(encoding)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys, "stdout", terminal)
    terminal.write(str(trace))
    terminal.flush()
    monkeypatch.undo()
    return terminal.buffer.getvalue().decode(encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
@pytest.mark.parametrize("columns", [60, 80, 100, 200])
def test_a_line_is_as_long_as_the_terminal_is_wide(monkeypatch, columns, encoding):
    trace = wide(name="größe")
    text = printed(monkeypatch, trace, columns, encoding)
    assert max(map(len, text.splitlines())) <= min(columns, 100)
    assert text.isascii() or encoding != "ascii"
    assert "\\u" not in text
    if encoding == "utf-8" and columns >= 100:
        assert text.rstrip() == repr(trace)


def test_columns_stay_aligned_in_ascii(monkeypatch):
    """Signs that are spelt with more letters there move all lines of a band."""
    text = printed(monkeypatch, wide(), 100, "ascii")
    lines, found = text.splitlines(), 0
    for above, line in pairwise(lines):
        roots = [m.end() for m in re.finditer(r"sqrt ", line) if re.match(r" {6}", line)]
        if roots and above.strip() and re.match(r"[\[{|] +-?\d", line[roots[0] :]):
            assert above[roots[0]] in "[{|", (above, line)
            found += 1
    assert found > 3


def test_a_power_is_no_digit_in_ascii(monkeypatch):
    text = printed(monkeypatch, wide(), 100, "ascii")
    assert "(1 - 0.999^2)" in text
    assert "0.9992" not in text


def test_an_operator_stays_with_what_it_is_of():
    for line in repr(wide()).splitlines():
        assert not re.search(r"[⊕⊖⊛⊘←]\s*$", line), line
