"""What ``annlib.explain`` takes and shows."""

from __future__ import annotations

import numpy as np
import pytest

from annlib import activations, explain, formulas, layers, losses, optimizers, schedules
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
        (layers.Layer, None, UnknownNameError, "Write one for a class of your own"),
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
    layer.declare((None, features))
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

    with pytest.raises(UnknownNameError, match="formula_of"):
        explain(Square())
    # In a layer it is just some function.
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


def test_a_subclass_is_another_class():
    class Mine(activations.ReLU):
        pass

    with pytest.raises(UnknownNameError, match="Mine"):
        explain(Mine())


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
    assert layer.built_shape is None and not layer.parameters
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
