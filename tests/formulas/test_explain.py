"""What ``annlib.explain`` takes and shows."""

from __future__ import annotations

import numpy as np
import pytest

from annlib import (
    activations,
    explain,
    formulas,
    layers,
    losses,
    optimizers,
    regularizers,
    schedules,
)
from annlib.core.errors import ConfigurationError, UnknownNameError


def test_a_name_that_families_share_is_the_activation():
    assert explain("softmax").formula.kind == "activation"
    assert explain("softmax", kind="layer").formula.kind == "layer"
    assert explain("ReLU").formula.kind == "activation"


@pytest.mark.parametrize(
    ("obj", "kind", "error", "message"),
    [
        ("sofmax", None, UnknownNameError, 'Did you mean "softmax"'),
        ("softmax", "loss", UnknownNameError, "expected a known loss"),
        ("relu", "activations", UnknownNameError, 'Did you mean "activation"'),
        (3, None, ConfigurationError, "expected the name, a class or an object"),
        (np.sin, None, ConfigurationError, "expected the name"),
    ],
)
def test_what_cannot_be_explained(obj, kind, error, message):
    with pytest.raises(error, match=message):
        explain(obj, kind)


def test_the_objects_own_arguments_are_in_it():
    assert "0.9" in repr(explain(optimizers.SGD(0.1, momentum=0.9)))
    assert explain(optimizers.SGD(0.1)).formula.text == "θ ← θ − η g"
    assert "0.07 zᵢ" in repr(explain(activations.LeakyReLU(0.07)))
    assert "[10 × 784] [784 × 1]" in repr(explain(_built(layers.Dense(10), 784)))
    assert "L = Σᵣ" in repr(explain(losses.MeanSquaredError(reduction="sum")))
    assert "∂E/∂zᵢ = 1/N (aᵢ − yᵢ)" in repr(explain(losses.BinaryCrossentropy(from_logits=True)))


def _built(layer, features):
    layer._declare((None, features))
    return layer


def test_a_pair_of_functions():
    shown = explain(activations.get((np.sin, np.cos)))
    assert shown.formula.text == "aᵢ = sin(zᵢ)"
    assert explain((np.sin, np.cos)).formula == shown.formula
    np.testing.assert_allclose(shown.curve.lines["a"], np.sin(shown.curve.x))
    pair = (lambda y, a: ((a - y) ** 2).mean(axis=-1), lambda y, a: 2 * (a - y))
    assert explain(losses.get(pair)).formula.kind == "loss"
    assert explain(layers.Dense(3, activation=(np.sin, np.cos))).formula.kind == "layer"


def test_a_class_of_ones_own():
    class Square(activations.Activation):
        needs_input = True

        def forward(self, Z, A, work):
            np.square(Z, out=A)

        def backward(self, dA, Z, A, work):
            dA *= 2 * Z

    # Without a formula it is just some function, also in a layer.
    assert explain(Square()).formula.text == "aᵢ = f(zᵢ)"
    assert "aᵢ = f(zᵢ)" in repr(explain(layers.Dense(3, activation=Square())))
    assert "f'(zᵢ)" in repr(explain(layers.Activation(Square())))

    @formulas.formula_of(Square)
    def square(f):
        return formulas.Formula("<b>&", "activation", ("a_i = z_i^2",), source="<script>")

    shown = explain(Square())
    assert "aᵢ = zᵢ²" in repr(shown)
    html = shown._repr_html_()
    assert "&lt;b&gt;&amp;" in html and "&lt;script&gt;" in html and "<script>" not in html
    np.testing.assert_allclose(shown.curve.lines["a"], shown.curve.x**2)


def test_a_subclass_that_computes_the_same_has_the_same_formula():
    class Mine(activations.ReLU):
        pass

    class Same(losses.MeanSquaredError):
        pass

    for own, base in ((Mine(0.5), activations.ReLU(0.5)), (Same(), losses.MeanSquaredError())):
        assert explain(own).formula.text == explain(base).formula.text
    assert explain(Mine()).title == "mine, an activation"


def test_a_subclass_that_computes_something_else_is_some_function():
    class Twice(activations.Tanh):
        def forward(self, Z, A, work):
            super().forward(2 * Z, A, work)

    class Cubes(losses.MeanSquaredError):
        def terms(self, Y, A, T, work):
            T[:] = abs(A - Y) ** 3

    class Shifted(layers.Dense):
        def forward(self, x, work, *, training=False):
            return super().forward(x, work, training=training) + 1

    class Signs(optimizers.SGD):
        def update(self, theta, gradient, rate, *state, scratch):
            theta -= rate * np.sign(gradient)

    class Cubic(regularizers.L1):
        def __call__(self, W):
            return float(abs(W**3).sum())

    assert explain(Twice()).formula.text == "aᵢ = f(zᵢ)"
    assert explain(Cubes()).formula.text == "E = L({Y}, {A})"
    assert explain(Shifted(2)).formula.text == "{Y} = f({X})"
    assert explain(Signs(0.5, clipvalue=2.0)).formula.equations[1:] == (
        r"\theta \leftarrow \operatorname{f}(\theta, g)",
    )
    assert "0.5, the learning rate" in repr(explain(Signs(0.5)))
    assert "tanh" not in repr(explain(layers.Dense(2, Twice())))


class Mine(activations.Softmax):
    """A function of rows, by what it inherits."""


class Centred(activations.Activation):
    """One of one's own."""

    elementwise = False

    def forward(self, Z, A, work):
        np.subtract(Z, Z.mean(axis=-1, keepdims=True), out=A)

    def backward(self, dA, Z, A, work):
        dA -= dA.mean(axis=-1, keepdims=True)


class Peaked(activations.Softmax):
    """A function of rows that computes something else than its base class."""

    def rows_forward(self, Z, A, work):
        super().rows_forward(3 * Z, A, work)


@pytest.mark.parametrize("activation", [Mine(), Centred(), Peaked(), activations.LogSoftmax()])
def test_a_function_of_rows_has_a_whole_jacobian(activation):
    for layer in (layers.Dense(3, activation), layers.Dense(3, activation, use_bias=False)):
        text = repr(explain(layer))
        assert "{D_E,Z} = [D_A,Z]ᵀ{D_E,A}" in text.replace(" {D_E,A}", "{D_E,A}")
        assert "⊛" not in text and "∂zⱼ" in text
    assert "∂aᵢ/∂zⱼ" in repr(explain(activation))
    assert explain(activation).curve.xlabel == "z₁, with z₂ = z₃ = 0"
    assert "[N × N]" in repr(explain(layers.Activation(activation)))
    assert ("δᵢⱼ" in repr(explain(activation))) == (not isinstance(activation, Centred | Peaked))


@pytest.mark.parametrize("activation", [activations.Tanh(), activations.get((np.sin, np.cos))])
def test_a_function_of_each_number_has_a_diagonal(activation):
    text = repr(explain(layers.Dense(3, activation)))
    assert "⊛" in text and "∂zⱼ" not in text


def test_every_class_has_an_example_or_says_what_it_needs():
    class Own(layers.Layer):
        example_arguments = {"width": 3}

        def __init__(self, width, **keywords):
            super().__init__(**keywords)
            self.width = width

    assert explain(Own).title == "own, a layer"
    Own.example_arguments = {}
    with pytest.raises(ConfigurationError, match="which needs width"):
        explain(Own)


def test_the_curve_is_the_objects_own():
    curve = explain(activations.ELU(0.5)).curve
    np.testing.assert_allclose(curve.lines["a"], activations.ELU(0.5)(curve.x), atol=1e-12)
    slope = np.gradient(curve.lines["a"], curve.x)
    np.testing.assert_allclose(curve.lines["∂a/∂z"][2:110], slope[2:110], atol=1e-2)
    curve = explain(losses.Huber(2.0)).curve
    by_hand = [losses.Huber(2.0)([[0.0]], [[a]]) for a in curve.x]
    np.testing.assert_allclose(curve.lines["E"], by_hand, atol=1e-6)
    schedule = schedules.ExponentialDecay(0.1, 100, 0.5)
    curve = explain(schedule).curve
    np.testing.assert_allclose(curve.lines["learning rate"], [schedule(t) for t in curve.x])


def test_plot_draws_on_the_axes_given():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    ax = figure.subplots()
    shown = explain("tanh")
    assert shown.plot(ax) is ax
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), np.tanh(shown.curve.x))
    with pytest.raises(ValueError, match="expected something with a curve"):
        explain("adam").plot(ax)


def test_the_formula_is_frozen():
    with pytest.raises(AttributeError):
        formulas.of("tanh").name = "other"


def test_an_explanation_leaves_the_object_as_it_was():
    layer = layers.BatchNormalization()
    explain(layer)
    assert layer._built_shape is None and not layer._parameters
    optimizer = optimizers.Adam()
    explain(optimizer)
    assert optimizer.steps == 0 and optimizer.state.size == 0


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\frac{1}{2} x_i", "1/2 xᵢ"),
        (r"-\frac{y_i}{a_i}", "−yᵢ/aᵢ"),
        (r"\frac{a - b}{c} d", "((a − b) / c) d"),
        (r"x^{n+1}", "xⁿ⁺¹"),
        (r"(1 - a)^\gamma", "(1 − a)^γ"),
        (r"e^{-z_i}", "exp(−zᵢ)"),
        (r"\sqrt{v} + \varepsilon", "√v + ε"),
        (r"\{D_{E,W^T}\}", "{D_E,Wᵀ}"),
        (r"\hat{m}_t", "m\u0302ₜ"),
        (r"\max(a, -b)", "max(a, −b)"),
        (r"a = b \quad c", "a = b  c"),
        (r"a = b \qquad c", "a = b    c"),
        (r"\begin{cases} 1 & \text{for~} z > 0 \\ 0 & \text{otherwise} \end{cases}",
         "{ 1 for z > 0; 0 otherwise }"),
    ],
)  # fmt: skip
def test_text(latex, text):
    assert formulas.as_text(latex) == text


@pytest.mark.parametrize("latex", [r"\foo", r"\frac{1}", "{x", "x}", r"\begin{matrix}", "x_"])
def test_latex_beyond_the_small_part_is_refused(latex):
    with pytest.raises(ConfigurationError, match="formula: expected"):
        formulas.as_text(latex)


def test_html_characters_in_formulas_are_escaped():
    assert "&lt;" in formulas.as_mathml("a < b") and "<mo><" not in formulas.as_mathml("a < b")
    assert "&lt;b&gt;" in formulas.as_mathml(r"\text{<b>}")
