"""plot_model writes SVG that an XML parser reads, of what the model is, small and in its bounds."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import annlib
from annlib import Input, Sequential, layers, plot_model, utils
from annlib.core.errors import ConfigurationError
from annlib.plots.markup import escape

SVG = "{http://www.w3.org/2000/svg}"


def mixed(**how):
    return Sequential(
        [
            Input((784,)),
            layers.Dense(128, "relu", name='a<b>&"c"', **how),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(16, "tanh", trainable=False),
            layers.Dense(10, "softmax"),
        ],
        seed=0,
    )


def deep(depth=50, units=16):
    return Sequential([Input((units,)), *[layers.Dense(units, "relu") for _ in range(depth)]])


def parsed(svg):
    root = ET.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    return root


def texts(root):
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def test_boxes_say_what_was_asked_for():
    model = mixed()
    assert texts(parsed(plot_model(model, None))) == [
        "Input", "Dense", "BatchNormalization", "Dropout", "Dense", "Dense",
    ]  # fmt: skip
    everything = plot_model(
        model,
        None,
        show_shapes=True,
        show_dtype=True,
        show_layer_names=True,
        show_layer_activations=True,
        show_trainable=True,
    )
    assert texts(parsed(everything)) == [
        *("Input", "(None, 784)", "float32"),
        *('a<b>&"c" (Dense)', "relu", "(None, 128)", "100,480 parameters", "float32"),
        *("batch_normalization (BatchNormalization)", "(None, 128)", "512 parameters", "float32"),
        *("dropout (Dropout)", "(None, 128)", "float32"),
        *("dense (Dense)", "tanh", "(None, 16)", "2,064 parameters", "float32", "frozen"),
        *("dense_1 (Dense)", "softmax", "(None, 10)", "170 parameters", "float32"),
    ]


@pytest.mark.parametrize("rankdir", ["TB", "LR"])
def test_boxes_lie_in_the_picture_and_apart(rankdir):
    root = parsed(plot_model(mixed(), None, show_shapes=True, rankdir=rankdir))
    width, height = float(root.get("width")), float(root.get("height"))
    boxes = [
        tuple(float(r.get(key)) for key in ("x", "y", "width", "height"))
        for r in root.iter(f"{SVG}rect")
        if r.get("class") == "b"
    ]
    assert len(boxes) == 6
    for x, y, w, h in boxes:
        assert x >= 0
        assert y >= 0
        assert x + w <= width
        assert y + h <= height
    for (x, y, w, h), (next_x, next_y, *_) in itertools.pairwise(boxes):
        assert (next_x > x + w) if rankdir == "LR" else (next_y > y + h)
    assert len(list(root.iter(f"{SVG}g"))) == 5  # arrows
    # A text in its box: 12 px letters are about 7 px wide.
    longest = max(len(text) for text in texts(root))
    assert boxes[0][2] >= 6.5 * longest


def columns(root):
    """Units drawn and texts of each column, from left to right."""
    groups = {group.get("id"): group for group in root.iter(f"{SVG}g")}
    uses = [u for u in root.iter(f"{SVG}use") if u.get("class") == "c"]
    found = [groups[use.get("href")[1:]] for use in uses]
    return [(len(g.findall(f"{SVG}circle")), "".join(g.itertext())) for g in found]


def test_units_over_sixteen_are_elided():
    root = parsed(plot_model(mixed(), None, show_units=True))
    assert columns(root) == [(10, "⋮"), (10, "⋮"), (10, "⋮"), (10, "⋮"), (16, ""), (10, "")]
    labels = texts(root)[-12:]
    assert labels[:4] == ["input", "784", 'a<b>&"c"', "128 · relu"]
    # Connections: all with all, and one to one behind a layer without a matrix.
    paths = {p.get("id"): p.get("d").count("M") for p in root.iter(f"{SVG}path")}
    uses = [u.get("href")[1:] for u in root.iter(f"{SVG}use") if u.get("class") == "e"]
    assert [paths[use] for use in uses] == [100, 10, 10, 160, 160]


def test_a_model_that_is_not_built_has_question_marks():
    model = Sequential([layers.Dense(5, "relu"), layers.Dropout(0.1)])
    root = parsed(plot_model(model, None, show_shapes=True))
    assert texts(root) == [
        "Input",
        "?",
        "Dense",
        "?",
        "? parameters",
        "Dropout",
        "?",
        "? parameters",
    ]
    assert columns(parsed(plot_model(model, None, show_units=True))) == [
        (0, "?"),
        (5, ""),
        (0, "?"),
    ]
    assert texts(parsed(plot_model(Sequential(), None))) == ["Input"]
    parsed(plot_model(Sequential(), None, show_units=True))
    assert not model.built


@pytest.mark.parametrize("how", [{"show_units": True}, {"show_shapes": True}])
def test_fifty_layers_are_small(how):
    svg = plot_model(deep(), None, show_layer_names=True, **how)
    assert len(svg.encode()) <= 200_000
    parsed(svg)


def test_names_that_are_hostile_come_out_as_text():
    class Odd(layers.Identity):
        pass

    Odd.__name__ = "]]><script>\x1b\u202e&amp;"
    model = Sequential([Input((3,)), Odd(), layers.Dense(2, name="x" * 300)], name="</title>")
    for how in ({}, {"show_units": True}):
        svg = plot_model(model, None, show_layer_names=True, **how)
        root = parsed(svg.encode())
        assert not list(root.iter(f"{SVG}script"))
        assert all(len(text) <= 48 for text in texts(root))
        assert root.find(f"{SVG}title").text.endswith("</title>")
    assert texts(parsed(plot_model(model, None)))[1] == "]]><script>\ufffd\ufffd&amp;"
    ET.fromstring(f"<a>{escape(''.join(map(chr, range(0x11000))))}</a>".encode())


def test_colours_follow_the_theme():
    for how in ({}, {"show_units": True}):
        style = "".join(parsed(plot_model(mixed(), None, **how)).find(f"{SVG}style").itertext())
        assert "@media(prefers-color-scheme:dark)" in style
        assert style.count("{") == style.count("}")
        # What is not of a fixed colour has that of the text.
        assert set(re.findall(r"(?:fill|stroke):([^;}]+)", style)) == {"currentColor", "none"}


def test_a_file_is_written_as_svg(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    drawing = plot_model(mixed())
    assert (tmp_path / "model.svg").read_text(encoding="utf-8") == drawing == drawing._repr_html_()
    utils.plot_model(mixed(), tmp_path / "other.SVG", show_units=True)
    parsed((tmp_path / "other.SVG").read_bytes())
    assert re.fullmatch(r"<SVG of [\d,]+ characters>", repr(drawing))
    with pytest.raises(ConfigurationError, match=r"\.svg, got 'model\.png'"):
        plot_model(mixed(), "model.png")
    with pytest.raises(ConfigurationError, match="rankdir one of TB, LR"):
        plot_model(mixed(), None, rankdir="RL")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.svg", "other.SVG"]


def test_neither_matplotlib_nor_anything_else_is_needed():
    code = (
        "import sys; from annlib import Sequential, layers, plot_model\n"
        "m = Sequential([layers.Dense(2, input_dim=2)]); plot_model(m, None); m._repr_html_()\n"
        "bad = {'matplotlib', 'sklearn', 'IPython', 'pandas'} & set(sys.modules)\n"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert annlib.plot_model is plot_model is utils.plot_model


def test_the_model_stays_as_it_is():
    model = mixed()
    before = [w.tobytes() for w in model.weights], model._network.streams.state()
    plot_model(model, None, show_units=True)
    model._repr_html_()
    assert ([w.tobytes() for w in model.weights], model._network.streams.state()) == before
    assert np.isfinite(model.predict(np.ones((1, 784)))).all()
