"""PyTorch's modules come in and go out with their weights; PyTorch's part was recorded."""

from __future__ import annotations

import copy
import sys

import numpy as np
import pytest
from export import stand_in_torch
from export.exported import assert_equal
from golden import recorded

from annlib import Sequential, activations, export, layers
from annlib.core.errors import ConfigurationError
from annlib.export.torch_layers import _IN
from annlib.export.torch_modules import _OUT, NAMES

RECORDS = recorded("torch_modules")
MODULES, MODELS = RECORDS["modules"], RECORDS["models"]
TOLERANCE = {"float32": 1e-6, "float64": 1e-12}


@pytest.fixture
def torch(monkeypatch):
    found = stand_in_torch.torch_of(RECORDS["signatures"], RECORDS["activations"])
    monkeypatch.setitem(sys.modules, "torch", found)
    return found


def classes(described):
    yield described["class"]
    for child in described["children"].values():
        yield from classes(child)


def came_in(torch, record, dtype="float64"):
    module = stand_in_torch.module_of(torch, record["module"], dtype)
    return export.from_torch(module, record["input_shape"])


def assert_is(module, described):
    """A stand-in of the class, with the arguments and the numbers that PyTorch's has."""
    assert type(module).__name__ == described["class"]
    for name, value in described["attributes"].items():
        if name in vars(module) and name != "inplace":
            given = vars(module)[name]
            assert (list(given) if isinstance(given, tuple) else given) == value, name
    state = module.state_dict()
    for name, values in described["state"].items():
        if name == "num_batches_tracked":
            continue
        if values is None:
            assert name not in state
        else:
            np.testing.assert_array_equal(state[name].values, values)
    frozen = {name for name, one in module.named_parameters() if not one.requires_grad}
    assert frozen == {*described["frozen"]}
    assert [*module._modules] == [*described["children"]]
    for name, child in described["children"].items():
        assert_is(module._modules[name], child)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", MODULES)
def test_a_module_predicts_as_in_pytorch(torch, case, dtype):
    record = MODULES[case]
    model = came_in(torch, record, dtype)
    kind = np.int64 if isinstance(record["x"][0][0], int) else dtype
    if not model.weights:  # of which nothing says the type
        model = Sequential([layer.clone() for layer in model.layers], dtype=dtype)
    found = model.predict(np.array(record["x"], kind))
    assert found.dtype == dtype
    assert_equal(found, np.array(record["predicted"][dtype], dtype), TOLERANCE[dtype])


@pytest.mark.parametrize("case", MODULES)
def test_a_module_goes_back_as_from_pytorch(torch, case):
    assert_is(export.to_torch(came_in(torch, MODULES[case])), MODULES[case]["back"])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", MODELS)
def test_layers_predict_in_pytorch(torch, case, dtype):
    record = MODELS[case]
    model = Sequential.from_config(copy.deepcopy(record["config"]) | {"dtype": dtype})
    model.set_weights([np.array(one, dtype) for one in record["weights"]])
    found = model.predict(np.array(record["x"], dtype))
    assert_equal(found, np.array(record["predicted"][dtype], dtype), TOLERANCE[dtype])
    if dtype == "float64":
        assert_is(export.to_torch(model), record["back"])


def test_names_frozen_layers_and_modules_in_a_module_come_in(torch):
    model = came_in(torch, MODULES["named"])
    kinds = [(type(layer).__name__, layer.trainable) for layer in model.layers]
    assert kinds == [("Dense", True), ("Dropout", True), ("Dense", False)]
    assert not model.layers[0].use_bias


def test_what_does_nothing_is_a_module(torch):
    model = Sequential([layers.Input((2,)), layers.Activation("linear")])
    (made,) = export.to_torch(model)._modules.values()
    assert isinstance(made, torch.nn.Identity)


def test_all_that_both_have_was_recorded():
    there = {name for record in MODULES.values() for name in classes(record["module"])}
    assert {*_IN} <= there
    theirs = {name.lower(): name for name in RECORDS["activations"]}
    both = {
        NAMES.get(name, name) for cls in activations.registry for name in [cls.__name__.lower()]
    }
    assert {theirs[name] for name in both if name in theirs} <= there
    kinds = {one["class_name"] for record in MODELS.values() for one in record["config"]["layers"]}
    made = {name for record in MODULES.values() for name in classes(record["back"])}
    inside = {"Dropout", "AlphaDropout", "Embedding", "Identity"}
    assert inside <= made
    assert {cls.__name__ for cls in _OUT} - inside <= kinds


# -- what is refused -------------------------------------------------------------------------------


def chain(torch, **children):
    return torch.nn.Sequential(children)


def unlike(torch, name, *given, **attributes):
    module = getattr(torch.nn, name)(*given)
    vars(module).update(attributes)
    return module


@pytest.mark.parametrize(
    ("name", "given", "attributes", "said"),
    [
        ("BatchNorm1d", (4,), {"track_running_stats": False}, "track_running_stats=True"),
        ("BatchNorm1d", (4,), {"momentum": None}, "momentum as a number"),
        ("Linear", (5, 2), {}, "in_features=4"),
        ("LayerNorm", (3,), {}, "the last axes"),
        ("PReLU", (3,), {}, "1 or 4 parameters"),
        ("Hardtanh", (), {"max_val": 2.0}, "limits -1 and 1"),
        ("Softplus", (), {"beta": 2.0}, "beta=1"),
        ("Softplus", (), {"threshold": 1.0}, "threshold=20"),
        ("Flatten", (), {"start_dim": 0}, "start_dim=1"),
        ("Unflatten", (2, (2, 2)), {}, "dim=1"),
    ],
)
def test_arguments_that_annlib_does_not_have_are_refused(torch, name, given, attributes, said):
    module = unlike(torch, name, *given, **attributes)
    with pytest.raises(ConfigurationError, match=rf'from_torch, module "odd": .*{said}'):
        export.from_torch(chain(torch, first=torch.nn.Tanh(), odd=module), (4,))


def test_embeddings_with_rules_of_their_own_are_refused(torch):
    for rule in ({"max_norm": 1.0}, {"padding_idx": 0}):
        module = unlike(torch, "Embedding", 4, 2, **rule)
        with pytest.raises(ConfigurationError, match=f'module "0".*{next(iter(rule))}=None'):
            export.from_torch(torch.nn.Sequential({"0": module}), (3,))


def test_modules_that_annlib_does_not_have_are_refused_by_name_and_place(torch):
    convolution = stand_in_torch.class_of("Conv2d", {})()
    nested = chain(torch, inner=chain(torch, a=torch.nn.Tanh(), b=convolution))
    with pytest.raises(ConfigurationError, match=r'module "inner\.b".*got Conv2d'):
        export.from_torch(nested, (4,))

    class Mine(torch.nn.Module):
        pass

    with pytest.raises(ConfigurationError, match='got Mine as "0", a class of its own'):
        export.from_torch(torch.nn.Sequential({"0": Mine()}), (4,))
    linear = torch.nn.Linear(4, 4)
    with pytest.raises(ConfigurationError, match='each module once, got "b" again'):
        export.from_torch(chain(torch, a=linear, b=linear))
    with pytest.raises(ConfigurationError, match=r"Pass\s+input_shape"):
        export.from_torch(chain(torch, a=torch.nn.Tanh()))
    with pytest.raises(ConfigurationError, match="A state_dict has the weights alone"):
        export.from_torch(linear.state_dict())
    with pytest.raises(ConfigurationError, match="of modules, got none"):
        export.from_torch(chain(torch), (4,))
    half = chain(torch, a=torch.nn.Linear(4, 2)).to(np.float16)
    with pytest.raises(ConfigurationError, match="float32 or float64, got float16"):
        export.from_torch(half)


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (layers.GaussianNoise(0.1), "got GaussianNoise"),
        (layers.Dense(2, "sparsemax"), "activation.*got .*[Ss]parsemax"),
        (layers.Activation("exponential"), "[Ee]xponential"),
        (layers.ReLU(max_value=3.0), "max_value=3"),
        (layers.Dropout(0.2, noise_shape=(1, 4)), "noise_shape=None"),
        (layers.BatchNormalization(renorm=True), "without renorm"),
        (layers.Normalization(), "got Normalization"),
    ],
)
def test_layers_that_pytorch_does_not_have_are_refused_by_name_and_place(torch, layer, said):
    model = Sequential([layers.Input((4,)), layers.Dense(4), layer._replace(name="odd")])
    with pytest.raises(ConfigurationError, match=rf'to_torch, layer "odd".*{said}'):
        export.to_torch(model)
