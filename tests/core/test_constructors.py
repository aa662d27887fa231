"""What a constructor takes, as help and editors show it."""

from __future__ import annotations

import inspect
import pydoc
import subprocess
import sys

import cloudpickle
import pytest

from annlib import activations, callbacks, layers, losses, metrics, optimizers
from annlib.core.registry import _FAMILIES, FAMILIES

CLASSES = sorted(
    {
        cls
        for family in _FAMILIES
        for cls in FAMILIES[family]
        if cls.__module__.startswith("annlib")
    },
    key=lambda cls: (cls.__module__, cls.__name__),
)
needs_docstrings = pytest.mark.skipif(sys.flags.optimize > 1, reason="there are none")


class Plain(layers.Dense):
    pass


class Wider(layers.Dense):
    """A layer.

    Parameters
    ----------
    factor : int
        By which it is wider.
    **keywords
        What ``Dense`` takes.

    Notes
    -----
    Below.
    """

    def __init__(self, units, factor=2, *arguments, **keywords):
        super().__init__(units, *arguments, **keywords)
        self.factor = factor


class Silent(layers.Layer):
    """Its author says nothing of arguments."""


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: f"{cls.__module__}.{cls.__name__}")
def test_a_constructor_takes_each_argument_that_its_signature_shows(cls):
    parameters = inspect.signature(cls).parameters.values()
    required = {p.name for p in parameters if p.default is p.empty and p.kind < p.VAR_KEYWORD}
    required -= {p.name for p in parameters if p.kind is p.VAR_POSITIONAL}
    if not required <= cls.example_arguments.keys():
        pytest.skip("no example of it")
    given = dict(cls.example_arguments)
    plain = cls(**given)
    for parameter in parameters:
        assert parameter.kind is not parameter.VAR_KEYWORD, "nothing is left unnamed"
        if parameter.name in given:
            continue
        made = cls(**given, **{parameter.name: parameter.default})
        assert made.get_config() == plain.get_config(), parameter.name


@pytest.mark.parametrize(
    ("cls", "names"),
    [
        (layers.Dense, "units kernel_initializer name trainable input_shape input_dim dtype"),
        (layers.BatchNormalization, "momentum name trainable input_shape"),
        (optimizers.Adam, "beta_1 clipnorm clipvalue global_clipnorm weight_decay use_ema name"),
        (optimizers.SGD, "momentum clipnorm ema_momentum gradient_accumulation_steps"),
        (losses.Huber, "delta reduction name mask_nan"),
        (losses.BinaryFocalCrossentropy, "gamma from_logits label_smoothing reduction name"),
        (metrics.BinaryAccuracy, "threshold name"),
        (callbacks.EarlyStopping, "monitor patience"),
        (Plain, "units name trainable"),
        (Wider, "units factor activation name trainable"),
        (losses.huber, "y_true y_pred delta mask_nan"),
        (metrics.binary_accuracy, "y_true y_pred threshold"),
    ],
)
def test_signatures_and_help_name_what_is_passed_on(cls, names):
    assert [n for n in names.split() if n not in inspect.signature(cls).parameters] == []
    if sys.flags.optimize < 2:
        said = inspect.getdoc(cls)
        assert [n for n in names.split() if f"{n} : " not in said and f"{n}," not in said] == []
        assert "**keywords" not in said


def test_losses_take_shared_arguments_by_position_as_keras_does():
    names = [*inspect.signature(losses.Huber).parameters]
    assert names[:3] == ["delta", "reduction", "name"]
    assert losses.Huber(2.0, "sum", "mine").name == "mine"


def test_an_activation_is_called_with_arguments_of_its_constructor():
    called = inspect.signature(activations.LeakyReLU(0.4)).parameters
    assert [*called] == ["x", "negative_slope"]
    assert called["negative_slope"].default == 0.4
    assert [*inspect.signature(activations.relu6).parameters] == ["x"]
    assert [*inspect.signature(activations.LeakyReLU).parameters] == ["negative_slope"]


def test_an_objects_signature_is_that_of_its_call():
    assert [*inspect.signature(layers.Dense(2)).parameters] == ["x", "training"]
    assert [*inspect.signature(losses.Huber()).parameters] == ["y_true", "y_pred", "sample_weight"]
    assert not hasattr(layers.Dense(2), "__signature__")


@needs_docstrings
def test_what_a_base_says_stands_where_its_arguments_belong():
    said = inspect.getdoc(Wider)
    assert said.index("units : int") < said.index("factor : int") < said.index("trainable : ")
    assert said.index("trainable : ") < said.index("Notes\n-----\nBelow.")
    assert said.count("trainable : ") == said.count("Parameters\n---") == 1
    assert "trainable : bool" in pydoc.render_doc(layers.Dense)
    assert Silent.__doc__ == "Its author says nothing of arguments."
    assert Plain.__doc__ is None
    assert inspect.getdoc(Plain) == inspect.getdoc(layers.Dense)


def test_a_class_of_the_users_is_pickled_by_value():
    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)
    try:
        made = cloudpickle.loads(cloudpickle.dumps(Wider(3)))
    finally:
        cloudpickle.unregister_pickle_by_value(here)
    assert made.factor == 2
    assert inspect.getdoc(type(made)) == inspect.getdoc(Wider)


def test_there_are_signatures_without_docstrings():
    code = (
        "import inspect; from annlib import layers, losses\n"
        "print(layers.Dense.__doc__, losses.huber.__doc__, losses.LossFunction.__doc__)\n"
        "print('name' in inspect.signature(layers.Dense).parameters)"
    )
    said = subprocess.run(
        [sys.executable, "-OO", "-c", code], capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == ["None", "None", "None", "True"]
