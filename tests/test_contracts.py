"""What every plug-in promises: a row in the tables, and a configuration that is its constructor."""

from __future__ import annotations

import copy
import importlib
import json
import math
import pickle

import numpy as np
import pytest
from cases import ALL, TABLES, as_given

import annlib
from annlib import Sequential, layers
from annlib.core.config import Configurable, serialize
from annlib.core.constructors import constructor_arguments
from annlib.core.errors import ConfigurationError, ShapeError
from annlib.core.registry import FAMILIES
from annlib.core.workspace import Workspace
from annlib.metrics import MeanOverRows
from annlib.testing import check_config, check_gradient
from annlib.testing.passes import LayerTrial

each = pytest.mark.parametrize("row", ALL, ids=repr)
# What holds functions has no configuration that JSON could hold.
each_configurable = pytest.mark.parametrize(
    "row", [row for row in ALL if not getattr(row, "holds_functions", False)], ids=repr
)


@pytest.fixture(autouse=True)
def folder_of_its_own(request, monkeypatch):
    """Callbacks write files: let them do it where nothing is."""
    row = getattr(request.node, "callspec", None) and request.node.callspec.params.get("row")
    if row in TABLES["callback"]:
        monkeypatch.chdir(request.getfixturevalue("tmp_path"))


def missing(family: str) -> set[type]:
    """The registered classes of a family that have no row."""
    return set(FAMILIES[family]) - {row.cls for row in TABLES[family]}


def family_of(row) -> str:
    return next(name for name, rows in TABLES.items() if row in rows)


# -- the tables are complete -----------------------------------------------------------------------


def test_every_family_has_a_table():
    assert FAMILIES.keys() == TABLES.keys()


@pytest.mark.parametrize("family", TABLES)
def test_every_registered_class_has_a_row(family):
    assert not missing(family)


@pytest.mark.parametrize("family", TABLES)
def test_a_class_without_a_row_is_noticed(family):
    registry = FAMILIES[family]
    forgotten = type("Forgotten", (registry.base,), {})
    registry.register()(forgotten)
    assert missing(family) == {forgotten}


@pytest.mark.parametrize("family", TABLES)
def test_every_public_class_of_a_family_is_registered(family):
    """A class that its package exports can be named, saved and loaded, unless it is a base."""
    package = importlib.import_module(FAMILIES[family].base.__module__.rpartition(".")[0])
    base = FAMILIES[family].base
    public = {getattr(package, name) for name in package.__all__}
    classes = {c for c in public if isinstance(c, type) and issubclass(c, base)}
    bases = {
        c for c in classes if any(c is not other and issubclass(other, c) for other in classes)
    }
    # Made of functions; not a plug-in.
    unnamed = {"Elementwise", "LossFunctionWrapper", "MeanMetricWrapper", "CallbackList"}
    assert {c.__name__ for c in classes - set(FAMILIES[family]) - bases} <= unnamed


# -- configuration ---------------------------------------------------------------------------------


def through_json(config):
    return json.loads(json.dumps(config, allow_nan=False))


@each_configurable
def test_the_configuration_is_the_constructor(row):
    made = row.make()
    check_config(made)
    assert FAMILIES[family_of(row)].get(made) is made


@each_configurable
def test_the_configuration_is_what_the_constructor_was_given(row):
    """No argument is lost: the one given at each place comes back, resolved or as it is."""
    config = through_json(row.make().get_config())
    given = dict(zip(constructor_arguments(row.cls), row.arguments, strict=False)) | row.keywords
    for name, value in given.items():
        stored = config[name]
        if isinstance(value, Configurable):
            assert stored == {
                "class_name": type(value).__name__,
                "config": through_json(value.get_config()),
            }
        elif (
            isinstance(stored, dict) and "class_name" in stored
        ):  # a name, now the object of that name
            assert value in FAMILIES_BY_CLASS[stored["class_name"]]._names
        elif name == "optimizer_map":
            assert stored == through_json(serialize(value, "optimizers"))
        elif callable(value):  # a registered function
            assert layers.registry.function(stored) is value
        elif name == "chains":
            parts = [[part.get_config() for part in _layers(chain)] for chain, _ in value]
            assert through_json(parts) == [
                [part["config"] for part in _layers(chain)] for chain, _ in stored
            ]
            assert [columns for _, columns in value] == [columns for _, columns in stored]
        elif name == "bin_boundaries":  # of each feature as many as it has
            assert stored == value
        else:
            np.testing.assert_array_equal(stored, value)


def _layers(chain):
    return chain if isinstance(chain, list) else [chain]


FAMILIES_BY_CLASS = {cls.__name__: cls for registry in FAMILIES.values() for cls in registry}


def namespace(row):
    """All public classes, those of the row's own family before others of the same name."""
    names = {"array": np.array, "inf": math.inf, "nan": math.nan}
    order = [family for family in FAMILIES if family != family_of(row)] + [family_of(row)]
    for family in order:
        names |= {cls.__name__: cls for cls in FAMILIES[family]}
    return names


@each_configurable
def test_the_repr_pasted_back_is_the_same_object(row):
    made = row.make()
    again = eval(repr(made), namespace(row))
    assert through_json(again.get_config()) == through_json(made.get_config())
    assert repr(again) == repr(made)


@each_configurable
def test_unknown_keys_and_keywords_raise_and_name_the_near_one(row):
    made = row.make()
    arguments = list(constructor_arguments(row.cls))
    wrong = f"{arguments[0]}x" if arguments else "nonsense"
    with pytest.raises(ConfigurationError) as raised:
        row.cls.from_config({**made.get_config(), wrong: 1})
    assert row.cls.__name__ in str(raised.value)
    if arguments:
        assert f'Did you mean "{arguments[0]}"?' in str(raised.value)
    with pytest.raises((ConfigurationError, TypeError)) as raised:
        row.cls(*row.arguments, **row.keywords, **{wrong: 1})
    if family_of(row) in ("layer", "loss", "optimizer") and row.cls is not layers.Input:
        assert f'Did you mean "{arguments[0]}"?' in str(raised.value)


ONE_EACH = {row.cls: row for row in ALL if row not in TABLES["callback"]}.values()


@pytest.mark.parametrize("bad", [math.nan, [None], object()], ids=["nan", "list", "object"])
@pytest.mark.parametrize("row", ONE_EACH, ids=repr)
def test_each_argument_that_cannot_be_meant_is_named(row, bad):
    names = list(constructor_arguments(row.cls))
    given = dict(zip(names, row.arguments, strict=False)) | row.keywords
    for name in names:
        with pytest.raises(ConfigurationError) as raised:
            row.cls(**given | {name: bad})
        assert row.cls.__name__ in str(raised.value)
        assert name in str(raised.value)


# -- clones, copies and equality -------------------------------------------------------------------


def attributes(thing):
    """What an object holds, in a form that can be compared."""
    return {
        name: value.tobytes() if isinstance(value, np.ndarray) else repr(value)
        for name, value in vars(thing).items()
    }


def used(row):
    """An object after the work that it is made for; its family says what that is."""
    made, family = row.make(), family_of(row)
    x, y = np.random.default_rng(0).normal(size=(2, 12, 5))
    if family == "layer" and row.cls is not layers.Input:
        shape = getattr(row, "shapes", [(5,)])[0]
        model = Sequential([made], seed=0)
        model.compile("sgd", "mse")
        model.build((None, *shape))
        x = as_given(made, LayerTrial(row.make(), shape).data(12)[0])
        model.fit(x, np.ones((12, *model.output_shape[1:])), verbose=0)
    elif family == "optimizer":
        model = Sequential([layers.Dense(5, input_dim=5)], seed=0)
        model.compile(made, "mse")
        model.fit(x, y, verbose=0, epochs=2)  # of which some make an update every other step
    elif family == "callback":
        if hasattr(row, "needs"):
            pytest.importorskip(row.needs)
        model = Sequential([layers.Dense(5, input_dim=5)], seed=0)
        averaging = annlib.optimizers.SGD(use_ema=getattr(row, "averages", False))
        model.compile(averaging, "mse", ["mae"])
        model.fit(x, y, verbose=0, epochs=2, callbacks=[made], validation_split=0.3)
    elif family == "metric":
        from cases import targets_and_predictions

        made.update_state(*targets_and_predictions(row, 6, 3, np.random.default_rng(0)))
    return made


@each
def test_a_clone_is_as_new(row):
    assert attributes(used(row).clone()) == attributes(row.make())


@pytest.mark.parametrize(
    "row", TABLES["optimizer"] + TABLES["metric"] + TABLES["callback"][:3], ids=repr
)
def test_use_leaves_a_state_that_a_clone_has_not(row):
    made = used(row)
    if isinstance(made, MeanOverRows):
        assert 0 < made.count <= 6  # rows, without those of a class that it ignores
    assert attributes(made) != attributes(row.make())
    assert repr(made) == repr(row.make())


STATELESS = [
    row
    for family in ("activation", "constraint", "initializer", "loss", "regularizer", "schedule")
    for row in TABLES[family]
]
STATEFUL = [row for row in ALL if row not in STATELESS]


@pytest.mark.parametrize("row", STATELESS, ids=repr)
def test_what_has_no_state_is_equal_by_its_configuration(row):
    made = row.make()
    for other in (row.make(), made.clone(), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert made == other
        assert hash(made) == hash(other)
    assert made != repr(made)
    assert made != object()
    for rival in STATELESS:
        another = rival.make()
        alike = type(another) is type(made) and another.get_config() == made.get_config()
        assert (made == another) == alike


@pytest.mark.parametrize("row", STATEFUL, ids=repr)
def test_what_has_state_is_equal_to_itself_alone(row):
    made = row.make()
    assert made == made
    assert made != made.clone()
    assert len({made, made, made.clone()}) == 2


@each
@pytest.mark.parametrize("protocol", [0, pickle.HIGHEST_PROTOCOL])
def test_copies_have_the_configuration(row, protocol):
    made = used(row)
    for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made, protocol))):
        assert repr(other) == repr(made)
        assert other is not made


@each
def test_names_find_the_class(row):
    registry = FAMILIES[family_of(row)]
    for name in (*row.cls._names, row.cls.__name__, row.cls.__name__.lower()):
        assert registry.find(name) is row.cls
    assert len(repr(row.make())) < 500


# -- families that have no contracts of their own --------------------------------------------------


@pytest.mark.parametrize("row", TABLES["regularizer"], ids=repr)
@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_a_penaltys_gradient_is_its_derivative_added_at_a_scale(row, scale):
    penalty, work = row.make(), Workspace("float64")
    W, dW = np.random.default_rng(0).normal(size=(2, 4, 3))
    found = dW.copy()
    work.array("penalty", 4, 3).fill(np.nan)
    penalty.add_gradient(W, found, work, scale)
    check_gradient(lambda W: scale * penalty(W), found - dW, W)
    assert isinstance(penalty(W.astype("f4")), float)


@pytest.mark.parametrize("row", TABLES["initializer"], ids=repr)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(3,), (4, 2), (2, 2), ()])
def test_initial_values_have_shape_type_and_memory_of_their_own(row, dtype, shape):
    if shape not in getattr(row, "fits", [shape]):
        with pytest.raises(ShapeError):
            row.make()(shape, dtype)
        return
    rng = np.random.default_rng(0)
    state = rng.bit_generator.state
    value = row.make()(shape, dtype, rng)
    assert value.shape == shape
    assert value.dtype == dtype
    if row.make().seed is not None:
        assert rng.bit_generator.state == state
    again = row.make()(shape, dtype, np.random.default_rng(0))
    np.testing.assert_array_equal(value, again)


@pytest.mark.parametrize("row", TABLES["constraint"], ids=repr)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_constraint_projects_in_place_and_once(row, dtype):
    W = np.random.default_rng(0).normal(size=(4, 3)).astype(dtype) * 3
    before, limit = W.copy(), row.make()
    assert limit(W) is W
    assert W.dtype == dtype
    assert not np.array_equal(W, before)
    if getattr(row, "idempotent", True):
        once = W.copy()
        limit(W)
        np.testing.assert_allclose(W, once, rtol=1e-5)


# -- models ----------------------------------------------------------------------------------------


def plain_layers():
    rows = [row for row in TABLES["layer"] if getattr(row, "shapes", [(5,)])[0] == (5,)]
    return [row for row in rows if row.cls is not layers.Columns]


def test_a_model_of_every_layer_round_trips():
    stack = [row.make() for row in plain_layers() if row.cls is not layers.Input]
    model = Sequential([layers.Input((5,)), *stack], seed=11, dtype="float64", name="all")
    config = model.get_config()
    again = Sequential.from_config(through_json(config))
    assert through_json(again.get_config()) == through_json(config)
    assert repr(again) == repr(model)
    for one, other in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)  # the same seed
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]


def test_the_repr_of_a_model_pasted_back_is_the_same_model():
    model = Sequential(
        [layers.Dense(3, activation="relu", input_dim=4), layers.Dropout(0.5), layers.Dense(1)],
        seed=5,
    )
    names = {"Sequential": Sequential, **vars(layers)}
    again = eval(repr(model), names)
    assert through_json(again.get_config()) == through_json(model.get_config())
    x = np.ones((3, 4))
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


def test_a_model_without_a_seed_keeps_the_one_it_drew():
    model = Sequential([layers.Dense(2, input_dim=3)])
    again = Sequential.from_config(through_json(model.get_config()))
    assert again.seed == model.seed
    np.testing.assert_array_equal(again.layers[0].kernel, model.layers[0].kernel)
    assert Sequential([layers.Dense(2, input_dim=3)]).seed != model.seed


def test_a_model_refuses_unknown_keys():
    config = Sequential([layers.Dense(2)], seed=1).get_config()
    with pytest.raises(ConfigurationError, match='Did you mean "seed"'):
        Sequential.from_config({**config, "seeed": 2})
    config["layers"][0]["config"]["unit"] = 3
    with pytest.raises(ConfigurationError, match='Did you mean "units"'):
        Sequential.from_config(config)


def test_a_function_has_no_configuration_and_the_error_says_so():
    optimizer = annlib.optimizers.SGD(lambda step: 0.1)
    with pytest.raises(ConfigurationError, match=r"SGD\.learning_rate.*register"):
        optimizer.get_config()
