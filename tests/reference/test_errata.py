"""Every row of the errata in PAPER.md: what the paper prints, and that annlib does otherwise."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from annlib import Sequential, activations, initializers, layers, losses, optimizers, reference
from annlib.core.workspace import Workspace
from annlib.reference import column_2_1

rng = np.random.default_rng(0)
X = rng.uniform(-1, 1, (40, 2))
Y = X @ [[2.0], [-1.0]] + 0.5
PAGE = (Path(__file__).parents[2] / "PAPER.md").read_text(encoding="utf-8")


def test_every_row_of_the_page_names_a_test_of_this_file():
    rows = re.findall(r"^\| (\d+) \|.*\| `(\w+)` \|$", PAGE, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 20))
    for number, name in rows:
        assert name.startswith(f"test_row_{int(number):02}_")
        assert callable(globals()[name])


def linear_network():
    return reference.Network(
        [reference.FullyConnected(np.zeros((1, 2)), [0.0])], "half_sum_squared_error"
    )


def trained(monkeypatch, gradient, steps=30):
    """The loss before and after batch gradient descent with this gradient of the loss."""
    network = linear_network()
    losses_ = reference.LOSSES[network.loss]
    monkeypatch.setitem(reference.LOSSES, network.loss, losses_._replace(gradient=gradient))
    before, _ = reference.accumulate_5_2(network, X, Y)
    for _ in range(steps):
        _, accumulated = reference.accumulate_5_2(network, X, Y)
        reference.update_5_2(network, accumulated, 0.02)
    after, _ = reference.accumulate_5_2(network, X, Y)
    return before, after


def test_row_01_the_printed_sign_diverges(monkeypatch):
    before, after = trained(monkeypatch, lambda A, Y: Y - A)
    assert after > 1e6 * before
    before, after = trained(monkeypatch, reference.half_sum_of_squares_gradient_9_1, steps=300)
    assert after < 1e-6 * before
    model = Sequential([layers.Dense(1)], dtype="float64")
    model.compile(optimizers.SGD(0.02), losses.HalfSumSquaredError(reduction="sum"))
    model.fit(X, Y, batch_size=40, epochs=600, verbose=0)
    design = np.column_stack([X, np.ones(40)])
    expected = np.linalg.lstsq(design, Y, rcond=None)[0]
    assert np.abs(np.vstack(model.get_weights()[:1]) - expected[:2]).max() < 1e-8


def test_row_02_the_sum_is_over_the_outputs():
    M, N = 5, 2  # inputs and outputs of a layer: y and a have N elements, there is no a_5
    layer = reference.FullyConnected(np.ones((N, M)), np.zeros(N))
    A = reference.fully_connected_6_1(layer.Wt, column_2_1([1] * M), layer.B)
    assert len(A) == N
    assert reference.half_sum_of_squares_9_1(A, column_2_1([4, 2])) == (1 + 9) / 2
    assert losses.HalfSumSquaredError()([[4, 2]], [[5.0, 5.0]]) == (1 + 9) / 2


def slope(f, at, step=1e-6):
    return (f(at + step) - f(at - step)) / (2 * step)


def test_row_03_the_sign_belongs_to_the_sum():
    y, a = 1.0, 0.3
    printed = -y / a
    assert slope(lambda a: y * np.log(a), a) == pytest.approx(-printed, rel=1e-6)  # of epsilon
    E = losses.CategoricalCrossentropy()
    of_loss = slope(lambda a: reference.cross_entropy_9_2(column_2_1([a]), column_2_1([y])), a)
    assert of_loss == pytest.approx(printed, rel=1e-6)
    gradient = reference.cross_entropy_gradient_9_2(column_2_1([a]), column_2_1([y]))
    assert gradient.item() == printed
    assert E([[1.0, 0.0]], [[a, 1 - a]]) == pytest.approx(-np.log(a))


def test_row_04_one_term_teaches_nothing_about_zeros():
    A, zero = column_2_1([0.999]), column_2_1([0.0])
    assert reference.cross_entropy_9_2(A, zero) == 0
    assert reference.cross_entropy_gradient_9_2(A, zero).item() == 0
    assert reference.binary_log_loss_9_2(A, zero) > 6
    assert reference.binary_log_loss_gradient_9_2(A, zero).item() > 900

    x, y = np.array([[-1.0], [-0.5], [0.5], [1.0]]), np.array([0.0, 0.0, 1.0, 1.0])
    network = reference.Network(
        [reference.FullyConnected([[0.1]], [0.0]), reference.Activation("sigmoid")],
        "categorical_crossentropy",
    )
    reference.train_5_2(network, x, y[:, None], 1.0, 4, [range(4)] * 300)
    printed = [reference.forward_6(network, column_2_1(row))[-1].item() for row in x]
    assert min(printed) > 0.5  # everything is called 1
    model = Sequential([layers.Dense(1, "sigmoid")], seed=0)
    model.compile(optimizers.SGD(1.0), "binary_crossentropy")
    model.fit(x, y, batch_size=4, epochs=300, verbose=0)
    assert (model.predict(x)[:, 0].round() == y).all()


def test_row_05_sigmoids_with_the_multiclass_loss_collapse():
    """On classes that overlap: all outputs go to 1, whatever the class, and the loss to 0."""
    centres = np.array([[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7]])
    labels = np.arange(90) % 3
    x = 0.5 * centres[labels] + np.random.default_rng(1).normal(size=(90, 2))
    sigmoids = reference.Network(
        [reference.FullyConnected(np.zeros((3, 2)), np.zeros(3)), reference.Activation("sigmoid")],
        "categorical_crossentropy",
    )
    reference.train_5_2(sigmoids, x, np.eye(3)[labels], 0.5, 90, [range(90)] * 300)
    total, _ = reference.accumulate_5_2(sigmoids, x, np.eye(3)[labels])
    outputs = np.array([reference.forward_6(sigmoids, column_2_1(row))[-1][:, 0] for row in x])
    assert total / 90 < 0.01
    assert outputs.mean() > 0.85
    model = Sequential([layers.Dense(3, "softmax")], seed=0, dtype="float64")
    model.compile(optimizers.SGD(0.5), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, labels, batch_size=90, epochs=300, verbose=0)
    assert np.allclose(model.predict(x).sum(axis=1), 1)
    loss, accuracy = model.evaluate(x, labels)
    assert accuracy > 0.6
    assert loss > 0.5  # what such data leave undecided


def test_row_06_the_last_rows_gradient_does_not_descend():
    def loss_after(printed):
        network = linear_network()
        for _ in range(200):
            _, accumulated = reference.accumulate_5_2(network, X, Y)
            if printed:
                _, last = reference.accumulate_5_2(network, X[-1:], Y[-1:])
                accumulated = [(last[0][0], accumulated[0][1])]
            reference.update_5_2(network, accumulated, 0.02)
        return reference.accumulate_5_2(network, X, Y)[0]

    assert loss_after(printed=False) < 1e-6
    assert loss_after(printed=True) > 1.0


def test_row_07_the_input_gradient_is_a_sum():
    Wt, D_EZ = rng.normal(size=(3, 2)), rng.normal(size=(3, 1))
    Z = column_2_1(rng.normal(size=2))
    expected = [
        slope(lambda z, j=j: float((D_EZ.T @ Wt[:, [j]] * z).item()), Z[j, 0]) for j in range(2)
    ]
    assert np.allclose(reference.input_gradient_7_3(Wt, D_EZ)[:, 0], expected, rtol=1e-6)
    layer, dZ = layers.Dense(3), rng.normal(size=(4, 3))
    model = Sequential([layer], dtype="float64")
    model.build((None, 2))
    model.vector.allocate_gradients()
    work = Workspace("float64")
    layer.forward(rng.normal(size=(4, 2)), work)
    dX = layer.backward(dZ.copy(), work)
    for dx, dz in zip(dX, dZ, strict=True):
        row = reference.input_gradient_7_3(layer.kernel.T, column_2_1(dz))
        assert np.allclose(dx, row[:, 0], rtol=0, atol=1e-15)


def test_row_08_the_index_form_of_the_layer():
    W, b = rng.normal(size=(2, 3)), rng.normal(size=3)
    layer = layers.Dense(3)
    model = Sequential([layer], dtype="float64")
    model.build((None, 2))
    model.set_weights([W, b])
    by_index = [
        reference.fully_connected_by_index_5_1(W.T, column_2_1(row), column_2_1(b)) for row in X
    ]
    assert np.allclose(model.predict(X), np.hstack(by_index).T, rtol=0, atol=1e-15)
    with pytest.raises(IndexError):  # as printed: w_ij runs out of rows, for i counts outputs
        [sum(W[i, j] * X[0, j] for j in range(2)) for i in range(3)]


def test_row_09_only_the_transposed_form_conforms():
    W, x = rng.normal(size=(2, 3)), column_2_1([1.0, 2.0])
    with pytest.raises(ValueError, match="mismatch"):
        W @ x
    assert np.allclose(W.T @ x, (x.T @ W).T)


def test_row_10_the_output_stage_has_a_layer_of_its_own():
    """A hidden stage of 4 units gives 4 numbers: no loss can compare them with 10 classes."""
    hidden = Sequential([layers.Dense(4, "relu")])
    hidden.compile("sgd", "categorical_crossentropy")
    with pytest.raises(ValueError, match=r"expected targets y of shape \(n, 4\)"):
        hidden.fit(X, np.eye(10)[np.zeros(40, int)], verbose=0)
    whole = Sequential([layers.Dense(4, "relu"), layers.Dense(10, "softmax")])
    whole.compile("sgd", "categorical_crossentropy")
    whole.fit(X, np.eye(10)[np.zeros(40, int)], verbose=0)


def test_row_11_the_printed_softmax_overflows():
    z = np.array([[1000.0, 999.0, 0.0]], np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        printed = np.exp(z) / np.exp(z).sum()
    assert np.isnan(printed).any()
    expected = [1 / (1 + np.exp(-1.0)), 1 / (1 + np.exp(1.0)), 0.0]
    assert np.allclose(activations.softmax(z), expected, rtol=1e-6)
    assert np.allclose(reference.softmax_8_4(z.T.astype(float))[:, 0], expected, rtol=1e-12)


def test_row_12_the_printed_tanh_forms_fail():
    with np.errstate(over="ignore", invalid="ignore"):
        z = np.array([-800.0])
        assert np.isnan((1 - np.exp(-2 * z)) / (1 + np.exp(-2 * z))).all()
    tiny = np.array([1e-12])
    second = 2 / (1 + np.exp(-2 * tiny)) - 1
    assert abs(second / tiny - 1).item() > 1e-6
    assert np.allclose(activations.tanh(tiny), tiny, rtol=1e-12)
    assert activations.tanh(z) == -1


def test_row_13_the_slope_of_relu_at_zero_is_an_argument():
    z = np.array([[-1.0, 0.0, 1.0]])
    for choice, expected in ((0.0, [0, 0, 1]), (1.0, [0, 1, 1]), (0.5, [0, 0.5, 1])):
        layer, work = (
            layers.Activation(activations.ReLU(slope_at_zero=choice)),
            Workspace("float64"),
        )
        layer.forward(z, work)
        assert layer.backward(np.ones((1, 3)), work).tolist() == [expected]
        column = reference.relu_gradient_8_1(z.T, choice)
        assert column[:, 0].tolist() == expected
    assert activations.get("relu").slope_at_zero == 0


def test_row_14_the_sum_is_one_argument_away():
    for rows in (10, 40):
        model = Sequential([layers.Dense(1, kernel_initializer="zeros")], dtype="float64")
        model.compile(optimizers.SGD(1.0), losses.HalfSumSquaredError(reduction="sum"))
        model.train_on_batch(X[:rows], Y[:rows])
        assert np.allclose(model.get_weights()[0], X[:rows].T @ Y[:rows])  # grows with the batch
        model = Sequential([layers.Dense(1, kernel_initializer="zeros")], dtype="float64")
        model.compile(optimizers.SGD(1.0), losses.HalfSumSquaredError())
        model.train_on_batch(X[:rows], Y[:rows])
        assert np.allclose(model.get_weights()[0], X[:rows].T @ Y[:rows] / rows)


def test_row_15_the_papers_initial_values():
    paper = initializers.RandomUniform(-1, 1)
    layer = layers.Dense(500, kernel_initializer=paper, bias_initializer=paper)
    model = Sequential([layers.Input((400,)), layer], seed=0)
    for W in model.get_weights():
        assert -1 <= W.min() < -0.98
        assert 0.98 < W.max() <= 1
    wide = layers.Activation("tanh").activation(rng.normal(size=(50, 400)) @ layer.kernel)
    assert np.mean(np.abs(wide) > 0.99) > 0.8  # why it is not the default: it saturates
    default = Sequential([layers.Input((400,)), layers.Dense(500)], seed=0).get_weights()
    assert np.abs(default[0]).max() <= np.sqrt(6 / 900)
    assert not default[1].any()


def test_row_16_two_losses_of_squares():
    y, a = [[0.0, 0.0]], [[1.0, 3.0]]
    assert losses.HalfSumSquaredError()(y, a) == 5.0  # (1 + 9) / 2
    assert losses.MeanSquaredError()(y, a) == 5.0  # (1 + 9) over 2 outputs: the same by chance
    assert losses.HalfSumSquaredError()([[0.0]], [[3.0]]) == 4.5
    assert losses.MeanSquaredError()([[0.0]], [[3.0]]) == 9.0


def test_row_17_a_start_at_zero_does_not_move():
    section = PAGE[PAGE.index("### 10.2") : PAGE.index("### 10.3 Logistic")]
    (block,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    space = {"np": np, "layers": layers}
    exec(block[: block.index("x = rng")], space)
    for start, end in ((1.0, 1.5), (-1.0, -1.5), (0.0, 0.0)):
        model = Sequential([space["SquaredSlope"]()], dtype="float64")
        model.build((None, 1))
        model.set_weights([[0.0], [start]])
        model.compile(optimizers.SGD(0.01), losses.HalfSumSquaredError(reduction="sum"))
        x = np.linspace(-1, 1, 50).reshape(-1, 1)
        model.fit(x, 2.25 * x, batch_size=50, epochs=500, verbose=0)
        assert model.get_weights()[1].item() == pytest.approx(end, abs=1e-6)


def test_row_18_the_jacobian_is_never_formed():
    """5,000 outputs: the Jacobian of one row would be 200 MB; and the values agree at 50."""
    import tracemalloc

    layer, work = layers.Activation("softmax"), Workspace("float64")
    z = rng.normal(size=(3, 5000))
    layer.forward(z, work)
    tracemalloc.start()
    layer.backward(rng.normal(size=z.shape), work)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e6
    z, dA = rng.normal(size=(2, 1, 50))
    layer.forward(z, work)
    J = reference.softmax_jacobian_8_4(z.T)
    expected = reference.activation_case_2_7_2(dA.T, J)
    assert np.abs(layer.backward(dA.copy(), work) - expected.T).max() < 1e-15


def test_row_19_logistic_regression_takes_any_number_of_inputs():
    for inputs in (1, 2, 17):
        x = np.random.default_rng(inputs).normal(size=(80, inputs))
        y = (x[:, 0] > 0).astype(float)
        model = Sequential([layers.Dense(1, "sigmoid")], seed=0)
        model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
        model.optimizer.learning_rate = 0.1
        model.fit(x, y, epochs=30, verbose=0)
        assert model.evaluate(x, y)[1] > 0.9
