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
        # Its own theme as a file; within a page the page's.
        colours = re.findall(r"([^{}]*)\{[^{}]*color:#[^{}]*\}", style)
        assert [selector.split(".")[-1][-5:] for selector in colours] == [":root", ":root"]
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
    with pytest.raises(ConfigurationError, match=r"\.svg or \.png, got 'model\.pdf'"):
        plot_model(mixed(), "model.pdf")
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


# -- many layers -----------------------------------------------------------------------------------


def boxes_of(root):
    return [
        tuple(float(r.get(key)) for key in ("x", "y", "width", "height"))
        for r in root.iter(f"{SVG}rect")
        if r.get("class") == "b"
    ]


@pytest.mark.parametrize("rankdir", ["TB", "LR"])
@pytest.mark.parametrize("depth", [5, 20, 50, 300])
def test_many_layers_are_put_beside_each_other(rankdir, depth):
    root = parsed(plot_model(deep(depth), None, show_shapes=True, rankdir=rankdir))
    size = float(root.get("width")), float(root.get("height"))
    boxes = boxes_of(root)
    assert len(boxes) == depth + 1
    for x, y, w, h in boxes:
        assert 0 <= x <= size[0] - w
        assert 0 <= y <= size[1] - h
    for (x, y, w, h), (other_x, other_y, *_) in itertools.combinations(boxes, 2):
        assert other_x >= x + w or other_y >= y + h or other_x + w <= x or other_y + h <= y
    # In reading order: column by column, or row by row.
    along, across = (1, 0) if rankdir == "TB" else (0, 1)
    places = [(box[across] // (box[across + 2] / 2), box[along]) for box in boxes]
    assert places == sorted(places)
    if depth >= 50:
        assert 1 / 3 < size[0] / size[1] < 3
    arrows = list(root.iter(f"{SVG}g"))
    assert len(arrows) == depth
    for path in (part for arrow in arrows for part in arrow if not arrow.get("transform")):
        pairs = re.findall(r"([MHV])([\d. ]+)", path.get("d"))
        numbers = {kind: list(map(float, text.split())) for kind, text in pairs}
        assert all(0 <= x <= size[0] for x in numbers["M"][:1] + numbers.get("H", []))
        assert all(0 <= y <= size[1] for y in numbers["M"][1:] + numbers.get("V", []))


@pytest.mark.parametrize("depth", [15, 16, 31, 50])
def test_many_columns_of_units_are_put_below_each_other(depth):
    root = parsed(plot_model(deep(depth), None, show_units=True))
    width, height = float(root.get("width")), float(root.get("height"))
    uses = [u for u in root.iter(f"{SVG}use") if u.get("class") == "c"]
    drawn = [(float(u.get("x")), float(u.get("y"))) for u in uses]
    assert len(set(drawn)) == len(drawn)
    lines = {y for _, y in drawn}
    assert len(lines) == -(-depth // 15)
    assert len(drawn) == depth + len(lines)  # each line begins with the end of the one above
    assert width <= 16 * 104
    assert all(0 < x < width and 0 < y < height for x, y in drawn)
    assert len([u for u in root.iter(f"{SVG}use") if u.get("class") == "e"]) == depth
    names = [text for text in texts(root) if text.startswith("dense")]
    assert len(set(names)) == depth


# -- other formats ---------------------------------------------------------------------------------


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A folder that alone is searched for programs."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr("annlib.plots.rendering.find_spec", lambda name: None)
    return folder


def write_program(folder, name, code):
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport sys\n{code}\n")
    path.chmod(0o755)


def test_png_says_what_to_install(programs, tmp_path):
    for name in ("m.png", "m.PNG"):
        with pytest.raises(ConfigurationError, match="pip install cairosvg, or install rsvg-conv"):
            plot_model(mixed(), tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["programs"]


@pytest.mark.parametrize("program", ["cairosvg", "rsvg-convert", "inkscape", "resvg"])
def test_png_is_what_the_program_makes_of_the_svg(program, programs, tmp_path):
    echo = "sys.stdout.buffer.write(b'\\x89PNG' + sys.stdin.buffer.read())"
    write_program(programs, program, echo)
    drawing = plot_model(mixed(), tmp_path / "m.png", show_units=True)
    written = (tmp_path / "m.png").read_bytes()
    root = parsed(written[4:])
    assert texts(root) == texts(parsed(drawing))
    # Dark on a page of its own, in every theme.
    page = root.find(f"{SVG}rect")
    assert (page.get("width"), page.get("fill"), root.get("color")) == (
        "100%",
        "#ffffff",
        "#1f2328",
    )
    assert set(re.findall(rb"[;{]color:(#\w+)", written)) == {b"#1f2328"}


def test_png_of_a_program_that_fails(programs, tmp_path):
    write_program(programs, "rsvg-convert", "sys.exit('no such option')")
    with pytest.raises(ConfigurationError, match="rsvg-convert failed: no such option"):
        plot_model(mixed(), tmp_path / "m.png")
    write_program(programs, "inkscape", "sys.stdout.buffer.write(b'\\x89PNG')")
    plot_model(mixed(), tmp_path / "m.png")
    assert (tmp_path / "m.png").read_bytes() == b"\x89PNG"


@pytest.mark.parametrize("how", [{"show_shapes": True}, {"show_units": True}])
def test_png_of_what_is_installed(how, tmp_path):
    try:
        plot_model(mixed(), tmp_path / "m.png", **how)
    except ConfigurationError:
        pytest.skip("nothing that makes PNG is installed")
    image = pytest.importorskip("matplotlib.image").imread(tmp_path / "m.png")
    root = parsed(plot_model(mixed(), None, **how))
    expected = [2 * float(root.get("height")), 2 * float(root.get("width"))]
    np.testing.assert_allclose(image.shape[:2], expected, atol=2)
    assert (image[0, -1, :3] == 1).all()  # white
    assert (image[..., :3].max(axis=2) < 0.3).sum() > 500  # text
