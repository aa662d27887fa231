"""What summary prints is what the model is, and it stays in its columns."""

from __future__ import annotations

import re

import numpy as np
import pytest
from cases import DEEP, FLAT, LAYERS

from annlib import Input, Sequential, layers
from annlib.core.errors import ConfigurationError
from annlib.layers.base import Layer

rng = np.random.default_rng(0)


def table(model, **how):
    lines = []
    model.summary(print_fn=lines.append, **how)
    assert len(lines) == 1
    return lines[0]


def cells(model, **how):
    """The cells of the table, and the lines below it by what stands before the colon."""
    _, head, body, below = re.split("\n─+\n", table(model, **how))
    below = dict(line.split(": ", 1) for line in below.splitlines())
    return [re.split(r"\s{2,}", line) for line in [head, *body.splitlines()]], below


def network(**how):
    stack = [
        Input((20,)),
        layers.Dense(6, "relu"),
        layers.BatchNormalization(),
        layers.Dense(3, "softmax"),
    ]
    return Sequential(stack, **{"seed": 7, **how})


def branches():
    numbers = [layers.Normalization(mean=[0.0, 1.0], variance=[1.0, 4.0]), layers.Dense(4, "tanh")]
    columns = layers.Columns([(layers.Embedding(5, 3), [0]), (numbers, [1, 2])])
    model = Sequential([columns, layers.Dense(2)], seed=0)
    model.build((None, 4))
    return model


def test_a_row_says_what_a_layer_does_and_costs():
    (head, *rows), below = cells(network())
    assert head == ["Layer (type)", "Activation", "Output shape", "Param #", "Mult/row"]
    assert rows == [
        ["dense (Dense)", "relu", "(None, 6)", "126", "120"],
        ["batch_normalization", "(None, 6)", "24", "6"],
        ["(BatchNormalization)"],
        ["dense_1 (Dense)", "softmax", "(None, 3)", "21", "18"],
    ]
    assert below["Multiplications a row"] == "144"
    assert below["Seed"] == "7"
    assert table(network()).startswith('Model: "sequential" (float32)\nInput shape: (None, 20)\n')


def test_what_is_not_known_before_it_is_built_is_a_question():
    rows, below = cells(Sequential([layers.Dense(2, "elu")], seed=3))
    assert rows[1] == ["dense (Dense)", "elu", "?", "?", "?"]
    assert below == {"Total params": below["Total params"], "Seed": "3"}
    assert "Input shape: ?" in table(Sequential([layers.Dense(2)]))
    assert "Input shape: ?" in table(Sequential())


@pytest.mark.parametrize("expand", [True, False])
def test_layers_inside_of_others(expand):
    rows, below = cells(branches(), expand_nested=expand)
    names = [row[0] for row in rows[1:]]
    inside = ["  embedding (Embedding)", "  normalization (Normalization)", "  dense (Dense)"]
    if expand:
        lines = table(branches()).splitlines()
        assert [line for line in inside if not any(each.startswith(line) for each in lines)] == []
    assert len(names) == 2 + 3 * expand
    assert below["Multiplications a row"] == str(2 + 2 * 4 + 2 * (3 + 4 + 1))


def test_a_layer_that_does_not_say_how_much_it_multiplies_is_counted_apart():
    class Own(Layer):
        def build(self, input_shape):
            self.add_weight("w", input_shape[1:])

        def forward(self, x, work, *, training=False):
            return x * self.w

    model = Sequential([Input((3,)), Own(), layers.Dense(2)])
    rows, below = cells(model)
    assert rows[1][-2:] == ["3", "?"]
    assert below["Multiplications a row"] == "6, and those of 1 layers that do not say"


# -- multiplications, counted ----------------------------------------------------------------------


class Counted(float):
    """A number of a row that counts how often it meets one that is none."""

    times = 0

    def _met(self, other, result):
        if not isinstance(other, Counted):
            Counted.times += 1
        return Counted(result)

    def __mul__(self, other):
        return self._met(other, float(self) * float(other))

    def __truediv__(self, other):
        return self._met(other, float(self) / float(other))

    __rmul__ = __mul__

    def __add__(self, other):
        return Counted(float(self) + float(other))

    def __sub__(self, other):
        return Counted(float(self) - float(other))

    __radd__ = __add__


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.Dense(4), (5,)),
        (layers.Dense(4, use_bias=False), (2, 5)),
        (layers.BatchedDense(3, 4), (5,)),
        (layers.BatchedDense(3, 4), (3, 5)),
        (layers.Scaling(shared_axes=1), (2, 5)),
        (layers.Rescaling(2.0, 1.0), (2, 5)),
        (layers.Flatten(), (2, 5)),
        (layers.Dropout(0.5), (5,)),
    ],
    ids=repr,
)
def test_multiplications_are_those_that_one_sees(layer, shape):
    model = Sequential([Input(shape), layer], seed=0, dtype="float64")
    row = np.frompyfunc(Counted, 1, 1)(rng.normal(size=(1, *shape)))
    Counted.times = 0
    layer.expression(row)
    assert model.layers[0].count_multiplications() == Counted.times


@pytest.mark.parametrize("row", LAYERS, ids=repr)
def test_every_layer_says_how_much_it_multiplies(row):
    for shape in getattr(row, "shapes", [FLAT, DEEP]):
        layer = row.make()
        layer._declare((None, *shape))
        count = layer.count_multiplications()
        matrices = [p.shape for p in layer._parameters if p.name.endswith("kernel")]
        assert count >= sum(map(np.prod, matrices))


# -- in its columns --------------------------------------------------------------------------------


def wide():
    stack = [Input((10_000,)), layers.Dense(2000, "leaky_relu", name="n" * 70)]
    stack += [layers.BatchNormalization(), layers.Reshape((10, 20, 10)), layers.Dense(1000)]
    return Sequential(stack, name="m" * 100)


@pytest.mark.parametrize("make", [network, branches, wide])
@pytest.mark.parametrize("how", [{}, {"show_trainable": True}])
@pytest.mark.parametrize("width", [None, 64, 78, 100, 140])
def test_it_fits_its_line(make, how, width):
    if width == 64 and how:
        width = 76  # six columns take that
    lines = table(make(), line_length=width, **how).splitlines()
    assert max(map(len, lines)) == (width or 78)
    assert {len(line) for line in lines if set(line) == {"─"}} == {width or 78}
    assert "n" * 70 not in table(wide()) and table(wide()).replace("\n", "").count("n") > 70


def test_positions_are_where_columns_end():
    lines = table(network(), positions=[0.5, 0.75, 1.0], line_length=80).splitlines()
    assert lines[3] == f"{'Layer (type)':40}{'Output shape':20}{'Param #':>20}"
    assert lines[5] == f"{'dense (Dense)':40}{'(None, 6)':20}{'126':>20}"
    absolute = table(network(), positions=[40, 60, 80])
    assert absolute.splitlines() == lines
    assert table(network(), positions=[0.5, 0.75, 1.0, 1.0], line_length=80) == absolute
    every = table(network(), positions=[30, 45, 60, 70, 80, 90], show_trainable=True)
    head = every.splitlines()[3]
    assert [head.index(name) for name in ("Activation", "Output", "Trainable")] == [30, 45, 80]
    keras = table(network(), positions=[0.4, 0.6, 0.8, 1.0], show_trainable=True)
    assert "Trainable" in keras
    assert "Mult/row" not in keras


@pytest.mark.parametrize(
    ("ends", "shown"),
    [
        (["dense", "dense"], ["dense", "dense_1"]),  # patterns, as in Keras
        (["dense$", "batch"], ["dense", "batch_normalization"]),
        (["batch", "dense$"], ["dense", "batch_normalization"]),
        (("dense_1", "dense_1"), ["dense_1"]),
    ],
)
def test_a_range_of_layers(ends, shown):
    rows, below = cells(network(), layer_range=ends)
    names = [row[0].split()[0] for row in rows[1:] if not row[0].startswith("(")]
    if ends == ["dense", "dense"]:
        shown = ["dense", "batch_normalization", "dense_1"]
    assert names == shown
    assert below["Total params"].startswith("171 ")


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"positions": [0.5, 1.0]}, "ends of 5 columns, or of Keras' 3"),
        ({"positions": print}, "print_fn="),
        ({"positions": [0.5, 0.4, 1.0]}, "positions that rise"),
        ({"positions": [0.5, "a", 1.0]}, "expected positions"),
        ({"layer_range": ["dense", "dens_2"]}, r"got 'dens_2', which is none. The layers are"),
        ({"layer_range": ["("] * 2}, "which is none"),
        ({"layer_range": "dense"}, "names of two layers"),
    ],
)
def test_what_cannot_be_shown_is_refused(how, says):
    with pytest.raises(ConfigurationError, match=says):
        network().summary(**how)
