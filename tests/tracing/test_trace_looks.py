"""How a trace shows itself: text, page, Markdown, LaTeX, table; and what it refuses."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from cases.random_networks import network

from annlib import ConfigurationError, NotCompiledError, Sequential, layers, losses
from annlib.core.errors import UnknownNameError
from annlib.tracing.numbers import cells

NASTY = "<script>alert('1')</script> & *bold* $x$ `code` \\n_[link](http://e.vil)"


def sixteen(name=None):
    activations = ["relu", "tanh", "sigmoid", "softmax"]
    model = Sequential([layers.Dense(16, a) for a in activations], seed=0, name=name)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def small(**keywords):
    model = Sequential([layers.Dense(3, "relu"), layers.Dense(2, "softmax")], seed=0, **keywords)
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


class Page(HTMLParser):
    """What a page is made of; raises for tags that are not closed in order."""

    VOID = ("meta", "br", "mspace")

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.attributes, self.data = [], [], [], ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.data += data


@pytest.mark.parametrize("seed", range(40))
def test_every_network_shows_itself_in_every_form(seed):
    model, x, y, weights = network(seed)
    trace = model.trace(x, y, weights)
    text = repr(trace)
    assert max(map(len, text.splitlines())) <= 100
    page = Page(trace.to_html())
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert not any(name.startswith("on") or name in ("src", "href") for name, _ in page.attributes)
    assert "url(" not in trace.to_html()
    assert page.tags.count("math") >= len(trace)
    markdown, tex = trace.to_markdown(), trace.to_latex()
    for step in trace:
        assert step.text in text
        assert step.latex in markdown
        assert step.latex in tex
    assert markdown.count("$$") % 2 == 0
    for kind in ("bmatrix", "Bmatrix"):
        assert tex.count(rf"\begin{{{kind}}}") == tex.count(rf"\end{{{kind}}}")
    frame = trace.to_frame()
    assert list(frame["equation"]) == [step.text for step in trace]
    assert all(np.array_equal(a, s.value) for a, s in zip(frame["value"], trace, strict=True))


def test_the_page_of_four_layers_of_sixteen_is_small():
    trace = sixteen().trace(np.ones(16), 3)
    assert len(trace._repr_html_().encode()) < 200_000
    assert trace._repr_html_() in trace.to_html()


def test_colours_follow_the_page_around():
    style = small().trace([1.0, 2.0], 1)._repr_html_()
    style = style[style.index("<style>") : style.index("</style>")]
    assert "--jp-content-font-color1" in style
    colours = re.findall(r"#[0-9a-fA-F]{3,8}\b", style)
    assert set(colours) <= {"#0000"}  # transparent: no black and no white
    assert "color-scheme:light dark" in small().trace([1.0, 2.0], 1).to_html()


def test_names_come_out_escaped():
    model = Sequential([layers.Dense(2, name=NASTY.replace("/", "|")), layers.Dense(1)], name=NASTY)
    model.compile("sgd", "mse")
    trace = model.trace([1.0, 2.0], [3.0])
    page = Page(trace.to_html())
    assert {"script", "a"} & set(page.tags) == set()
    assert NASTY in page.data
    assert NASTY.replace("/", "|") in page.data
    markdown = trace.to_markdown()
    title = markdown.splitlines()[0]
    assert "<script>" not in re.sub(r"\\.", "", title)
    assert not re.search(r"(?<!\\)[*`\[<$]", title.replace("\\\\", ""))
    tex = trace.to_latex().splitlines()[0]
    assert r"\textbackslash{}n\_[link]" in tex
    assert not re.search(r"(?<!\\)[&$#%]", tex)


def test_control_characters_do_not_reach_the_terminal():
    trace = small().trace([1.0, 2.0], 1)
    trace.recording.model = "a\x1b[31mred\nline"
    for text in (repr(trace), trace.to_html(), trace.to_markdown(), trace.to_latex()):
        assert "\x1b" not in text
        assert "red\nline" not in text
    assert "a\\x1b[31mred\\x0aline" in repr(trace)


def test_large_layers_are_elided():
    model = Sequential([layers.Dense(100, "tanh"), layers.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    trace = model.trace(np.ones(80), [1.0])
    html = trace.to_html()
    assert "⋮" in html
    assert "⋯" in html
    assert len(html.encode()) < 100_000
    assert len(repr(trace)) < 50_000
    assert trace["dense"]["Z"].value.shape == (1, 100)


def test_many_rows_are_counted_not_shown():
    trace = small().trace(np.ones((50, 2)), np.zeros(50, int))
    assert trace.rows == 50
    assert "46 more rows" in repr(trace)
    assert len(trace.to_html()) < 100_000


def test_a_saved_page_is_what_it_shows(tmp_path):
    trace = small(name="näme").trace([1.0, 2.0], 1)
    forms = {"html": trace.to_html(), "md": trace.to_markdown(), "tex": trace.to_latex()}
    for ending, text in (forms | {"txt": repr(trace)}).items():
        trace.save(tmp_path / f"trace.{ending}")
        assert (tmp_path / f"trace.{ending}").read_text("utf-8") == text
    assert forms["html"].startswith("<!DOCTYPE html>")


def test_digits_are_those_of_the_largest_number():
    assert cells(np.array([[0.123456, -12.3456], [0.0, 7.0]]), 3) == [
        ["0.1", "-12.3"],
        ["  0", "  7.0"],
    ]
    assert cells(np.array([[1e-9], [2e-9]]), 3) == [["1.00e-9"], ["2.00e-9"]]
    assert cells(np.array([[np.nan, np.inf, 1.0]]), 3) == [["nan", "inf", "1.00"]]
    assert cells(np.array([[1.0, -2.0]]), 5) == [["1", "-2"]]
    assert cells(np.arange(12).reshape(1, 12), 5, 4, 4) == [["0", "1", "⋯", "11"]]
    trace = small().trace([1.0, 2.0], 1)
    long = repr(trace)
    trace.digits = 3
    assert len(repr(trace)) < len(long)


def test_what_there_is_to_ask():
    trace = small().trace([[1.0, 2.0], [0.5, -1.0]], [1, 0])
    assert [section.name for section in trace.sections] == ["dense", "dense_1", "loss"]
    assert [step.symbol for step in trace["dense"].forward] == ["{Z}", "{A}"]
    assert trace.steps == [*trace.forward, *trace.backward, *trace.update]
    assert trace.step(0) is trace.forward[0]
    assert trace.step(-1).phase == "update"
    assert len(trace) == len(list(trace))
    J, a = trace.jacobian("dense_1", row=1), trace["dense_1"]["A"].value[1]
    assert np.allclose(J, np.diag(a) - np.outer(a, a), atol=1e-7)
    assert np.array_equal(J, trace["dense_1"]["[D_A,Z]"].value[1])
    slopes = trace["dense"]["D_A,Z"].value[0]
    assert np.array_equal(trace.jacobian("dense"), np.diag(slopes))
    assert trace["dense_1"]["[D_E,Wᵀ]"].section == "5.2"
    assert "{D_E,Z} ← [D_A,Z]ᵀ{D_E,A}" in repr(trace["dense_1"])
    sections = {step.section for step in trace}
    assert {"6.1, eq. (5)", "7.2, eq. (6)", "8.4, eq. (7)", "6.3, 9.2"} <= sections
    shapes = trace["dense"]["Z"].shape_equation.replace("\N{MULTIPLICATION SIGN}", "x")
    assert shapes == "[3x1] = [3x2][2x1] + [3x1]"


def test_wrong_questions_get_an_answer():
    trace = small().trace([1.0, 2.0], 1)
    with pytest.raises(UnknownNameError, match='Did you mean "dense_1"'):
        trace["dense1"]
    with pytest.raises(KeyError, match=r"Known: {Z}, {A}"):
        trace["dense"]["Q"]
    with pytest.raises(UnknownNameError, match="a layer with an activation"):
        trace.jacobian("loss")
    with pytest.raises(ConfigurationError, match="row as a number below 1"):
        trace.jacobian("dense", row=1)
    with pytest.raises(ConfigurationError, match="0 to "):
        trace.step(99)
    wide = Sequential([layers.Dense(1001, "tanh")], seed=0)
    wide.compile("sgd", "mse")
    with pytest.raises(ConfigurationError, match="at most 1000 units, got 1001"):
        wide.trace([1.0], np.zeros(1001)).jacobian("dense")


def test_doors():
    bare = Sequential([layers.Dense(1)])
    with pytest.raises(NotCompiledError, match=r"Sequential\.trace: expected a compiled model"):
        bare.trace([1.0], [1.0])
    model = small()
    model.build((None, 2))
    with pytest.raises(ValueError, match=r"Sequential\.trace: expected x of shape \(n, 2\)"):
        model.trace([[1.0, 2.0, 3.0]], [1])
    with pytest.raises(ValueError, match=r"Sequential\.trace: expected finite numbers"):
        small().trace([np.nan, 1.0], 1)


def test_a_model_without_weights_gets_none_by_being_traced():
    model = small()
    first = model.trace([1.0, 2.0], 1)
    assert not model.built
    model.fit(np.array([[1.0, 2.0]]), np.array([1]), verbose=0)
    assert np.array_equal(first.after["dense/kernel"], model.layers[0].kernel)


def test_an_optimizer_of_all_rows_has_no_update():
    model = Sequential([layers.Dense(1)], seed=0)
    model.compile("lbfgs", losses.HalfSumSquaredError())
    trace = model.trace([1.0], [1.0])
    assert trace.update == []
    assert "takes all rows at once" in repr(trace)


def test_training_does_not_load_it():
    code = (
        "import sys, numpy as np, annlib\n"
        "model = annlib.Sequential([annlib.layers.Dense(1)])\n"
        "model.compile('sgd', 'mse')\n"
        "model.fit(np.ones((4, 2)), np.ones(4), verbose=0)\n"
        "assert not [m for m in sys.modules if m.startswith(('annlib.tracing', 'annlib.formulas'))]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
