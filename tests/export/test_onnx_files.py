"""ONNX: what onnxruntime computes from a file is what the model predicts."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import onnx
import pandas as pd
import pytest
from export.exported import (
    activation_models,
    assert_equal,
    in_double,
    layer_models,
    networks,
    onnx_bytes,
    run,
)

from annlib import ConfigurationError, NotBuiltError, Sequential, export, layers
from annlib.activations import Activation, ReLU
from annlib.graph.onnx_nodes import NODES, OPERATORS
from annlib.graph.symbol import BINARY, UNARY

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def check(models, tolerance=1e-6, **arguments):
    for what, model, x in models:
        (y,) = run(onnx_bytes(model, **arguments), x)
        expected = model.predict(x)
        assert y.dtype == expected.dtype, what
        error = np.abs(y - expected).max() / max(1.0, np.abs(expected).max())
        if error > tolerance and model.dtype == "float32":
            # What rounds to so different numbers: the file's are to be no worse than the model's.
            true = in_double(model, x)
            assert np.abs(y - true).max() <= np.abs(expected - true).max(), what
        else:
            assert_equal(y, expected, tolerance, what)


def test_every_activation():
    check(activation_models())


def test_every_layer():
    check(layer_models())


@pytest.mark.slow
@pytest.mark.parametrize("opset_version", [17, 18, 20, 21])
def test_every_part_in_other_versions(opset_version):
    check(activation_models(), opset_version=opset_version)
    check(layer_models(), opset_version=opset_version)


@pytest.mark.slow
def test_every_part_in_double_precision():
    check(activation_models("float64"), 1e-12)
    check(layer_models("float64"), 1e-12)


def test_random_networks():
    check(networks(20, "float32"))


@pytest.mark.slow
def test_many_random_networks():
    check(networks(200, "float32"))
    check(networks(100, "float64"), 1e-12)


def test_numbers_where_exponentials_end():
    x = np.array([[-1e4, -200.0, -89.0, -30.0, 0.0, 30.0, 89.0, 200.0, 1e4]], np.float32)
    for name in ("sigmoid", "softplus", "log_sigmoid", "gelu", "silu", "mish", "elu", "tanh"):
        for opset_version in (17, 20):
            model = Sequential([layers.Activation(name)])
            expected = model.predict(x)
            (y,) = run(onnx_bytes(model, opset_version=opset_version), x)
            np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-6, err_msg=name)


def operators(data):
    return [node.op_type for node in onnx.load_from_string(data).graph.node]


def built(*parts, features=3, **keywords):
    model = Sequential([*parts], seed=0, **keywords)
    model.build((None, features))
    return model


def test_a_graph_reads_as_the_network():
    model = built(
        layers.Dense(5, "relu"),
        layers.Dropout(0.5),
        layers.Dense(4, "gelu"),
        layers.Dense(2, "softmax"),
    )
    assert operators(onnx_bytes(model)) == ["Gemm", "Relu", "Gemm", "Gelu", "Gemm", "Softmax"]
    made = onnx.load_from_string(onnx_bytes(model))
    assert [one.name for one in made.graph.initializer][:2] == ["dense/kernel", "dense/bias"]
    assert made.producer_name == "annlib"
    assert "Gelu" not in operators(onnx_bytes(model, opset_version=17))


def test_the_number_of_rows_is_free_and_names_are_the_users():
    model = built(layers.Dense(2))
    data = onnx_bytes(model, input_names=["features"], output_names="price")
    made = onnx.load_from_string(data).graph
    assert [made.input[0].name, made.output[0].name] == ["features", "price"]
    assert [d.dim_param or d.dim_value for d in made.input[0].type.tensor_type.shape.dim] == [
        "n",
        3,
    ]
    for rows in (1, 4, 1000):
        x = np.random.default_rng(0).normal(size=(rows, 3)).astype(np.float32)
        assert_equal(run(data, x)[0], model.predict(x), 1e-6)
    with pytest.raises(ConfigurationError, match="input_names as 1 different names"):
        onnx_bytes(model, input_names=["a", "b"])
    with pytest.raises(ConfigurationError, match="output_names"):
        onnx_bytes(model, output_names=[3])


def test_columns_that_are_looked_up_are_inputs_of_their_own():
    x = pd.DataFrame({"age": [20, 30, 41], "city": ["Bonn", "Ulm", "Bonn"], "kind": [7, 9, 8]})
    branches = layers.Columns(
        [
            ([layers.StringLookup(), layers.Embedding(4, 2), layers.Flatten()], "city"),
            (layers.IntegerLookup(output_mode="one_hot"), "kind"),
            (layers.Normalization(), "age"),
        ]
    )
    branches.adapt(x)
    model = Sequential([branches, layers.Dense(2)], seed=0)
    model.predict(x)
    unknown = pd.DataFrame({"age": [50], "city": ["Rom"], "kind": [1]})
    data = onnx_bytes(model)
    assert [one.name for one in onnx.load_from_string(data).graph.input] == list(x)
    for frame in (x, unknown):
        assert_equal(run(data, frame.to_numpy(object))[0], model.predict(frame), 1e-6)


def test_several_codes_for_unknown_values():
    layer = layers.IntegerLookup(vocabulary=[5, 7], num_oov_indices=3)
    model = Sequential([layer, layers.Embedding(5, 2)], seed=0)
    x = np.array([[5, 7], [-4, 12], [100, 3]])
    expected = model.predict(x)
    assert_equal(run(onnx_bytes(model), x)[0], expected, 1e-6)


# -- parts of one's own ----------------------------------------------------------------------------


class Cube(Activation):
    def forward(self, Z, A, work):
        np.multiply(Z * Z, Z, out=A)


class ExportedCube(Cube):
    def expression(self, Z):
        return Z**3


class Steeper(ReLU):
    """A forward of its own, of which the expression of its base class knows nothing."""

    def forward(self, Z, A, work):
        np.maximum(Z, 3 * Z, out=A)


class Shift(layers.Layer):
    def build(self, input_shape):
        self.add_weight("shift", (input_shape[-1],), "ones")

    def forward(self, x, work, *, training=False):
        return np.add(x, self.shift, out=work.array("y", *x.shape))


class ExportedShift(Shift):
    def expression(self, x):
        return x + self.shift


@pytest.mark.parametrize("activation", [Cube(), Steeper()], ids=lambda a: type(a).__name__)
def test_a_part_without_an_expression_is_named(tmp_path, activation):
    kept = tmp_path / "kept.onnx"
    kept.write_bytes(b"before")
    model = built(layers.Dense(2, name="first"), layers.Dense(2, activation, name="second"))
    with pytest.raises(ConfigurationError, match=rf'layer "second".* {type(activation).__name__}'):
        export.onnx(model, kept)
    with pytest.raises(ConfigurationError, match=r'layer "mine".*Shift without'):
        export.onnx(built(Shift(name="mine")), kept)
    assert kept.read_bytes() == b"before"
    assert [*tmp_path.iterdir()] == [kept]


def test_a_part_of_ones_own_with_an_expression():
    model = built(ExportedShift(), layers.Dense(4, ExportedCube()))
    x = np.random.default_rng(0).normal(size=(5, 3))
    assert_equal(run(onnx_bytes(model), x)[0], model.predict(x), 1e-6)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1),
        lambda x: np.concatenate([x[:, ::-1], x[:, [2, 0]] * 2, x[..., -1:]], axis=1),
        lambda x: x.reshape(len(x) if isinstance(x, np.ndarray) else -1, 3, 1).max(axis=2) % 2,
        lambda x: (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.sum(axis=1, keepdims=True) ** 2),
        lambda x: np.transpose(x[:, None, :] * np.ones((2, 1), x.dtype), (0, 2, 1))[:, 1],
        lambda x: (x >= 0) & ~(x > 1) | (x != x),  # which is never so
        lambda x: np.sign(x) * np.floor(np.abs(x) ** 1.5) + np.cos(x) - np.sin(x) / np.expm1(1.5),
        lambda x: np.clip(x, -1, None) + np.ones_like(x) - np.log1p(np.square(x)) * 2,
        lambda x: np.hstack([x @ np.arange(6.0).reshape(3, 2), np.dot(x, np.ones((3, 1)))]),
        lambda x: np.matmul(x.reshape(-1, 1, 3), x.reshape(-1, 3, 1))[:, 0] / 1.5,
        lambda x: np.min(x, axis=1, keepdims=True) + np.amax(x, axis=1, keepdims=True),
        lambda x: np.argmax(x, axis=1)[:, None] * 1.0,
    ],
)  # fmt: skip
def test_functions_of_numpy(function):
    model = built(layers.Lambda(lambda x: np.asarray(function(x)) * 1.0 if isinstance(x, np.ndarray)
                                else function(x) * 1.0))  # fmt: skip
    x = np.random.default_rng(0).normal(size=(6, 3)) * 2
    assert_equal(run(onnx_bytes(model), x)[0], model.predict(x), 1e-6)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: np.sort(x, axis=1), "np.sort"),
        (lambda x: x - x.mean(axis=0), "over the rows"),
        (lambda x: x[::-1], "single rows"),
        (lambda x: np.fromiter((float(v) for v in x[:, 0]), float).reshape(-1, 1), "numbers are"),
        (lambda x: np.multiply(x, 2, dtype=x.dtype), "dtype"),
    ],
)
def test_what_no_graph_has_is_refused_by_layer(function, said):
    model = built(layers.Dense(3), layers.Lambda(function, name="odd"))
    with pytest.raises(ConfigurationError, match=rf'layer "odd", a Lambda.*{said}'):
        onnx_bytes(model)


# -- files -----------------------------------------------------------------------------------------


def test_files(tmp_path):
    model, path = built(layers.Dense(2)), tmp_path / "model.onnx"
    assert export.onnx(model, path) is None
    onnx.checker.check_model(str(path), full_check=True)
    with pytest.raises(FileExistsError, match=r"model\.onnx"):
        export.onnx(model, path, overwrite=False)
    with pytest.raises(ConfigurationError, match=r"ends in \.onnx, got"):
        export.onnx(model, tmp_path / "model.safetensors")
    with pytest.raises(ConfigurationError, match="opset_version"):
        export.onnx(model, path, opset_version=16)
    with pytest.raises(NotBuiltError, match="weights"):
        export.onnx(Sequential([layers.Dense(2)]), path)
    with pytest.raises(ConfigurationError, match="a model or a fitted estimator"):
        export.onnx(layers.Dense(2), path)
    assert [*tmp_path.iterdir()] == [path]


def test_a_file_half_written_does_not_stay(tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"before")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        export.onnx(built(layers.Dense(2)), path)
    assert path.read_bytes() == b"before"
    assert [*tmp_path.iterdir()] == [path]


def test_the_methods_of_keras(tmp_path):
    model = built(layers.Dense(2, "tanh"))
    x = np.ones((2, 3), np.float32)
    model.export(tmp_path / "m.onnx", format="onnx", verbose=False, opset_version=18)
    assert_equal(run((tmp_path / "m.onnx").read_bytes(), x)[0], model.predict(x), 1e-6)
    model.export(tmp_path / "m.c", format="c")
    model.export(tmp_path / "m.py", "python", function="price")
    assert "def price(x):" in (tmp_path / "m.py").read_text()
    for arguments, said in (
        ({"format": "tf_saved_model"}, "to_keras"),
        ({"format": "png"}, "format"),
        ({"input_signature": [1]}, "input_signature"),
        ({"opset": 18}, "opset_version"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            model.export(tmp_path / "other.onnx", **arguments)
    assert not (tmp_path / "other.onnx").exists()


def test_without_onnx_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ConfigurationError, match=r"pip install .*\[onnx\]"):
        export.onnx(built(layers.Dense(2)), tmp_path / "m.onnx")
    assert not [*tmp_path.iterdir()]


def test_annlib_loads_no_onnx():
    code = (
        "import sys, annlib; annlib.export.source_size; annlib.MLPClassifier; "
        "assert not {'onnx', 'onnxruntime', 'skl2onnx'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_operation_has_a_node():
    composed = {"log1p", "expm1", "mod"}
    assert {*UNARY.values(), *BINARY.values()} - composed <= NODES.keys()
    assert all(since <= 20 for since, _ in OPERATORS.values())
