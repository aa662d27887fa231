"""A class from outside the package, with ``register`` above it, does all that annlib's own do."""

from __future__ import annotations

import copy
import importlib
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import annlib
from annlib import MLPRegressor, Sequential, SequentialRegressor, layers, load_model, testing
from annlib.core.registry import FAMILIES

#: A name by which each part is found in its family.
PARTS = {
    "activation": "squash",
    "callback": "stop_after",
    "constraint": "clipped",
    "initializer": "alternating",
    "layer": "affine",
    "loss": "expectile",
    "metric": "within",
    "optimizer": "sign_descent",
    "regularizer": "quartic",
    "schedule": "stairs",
}
each_part = pytest.mark.parametrize("family", PARTS)

rng = np.random.default_rng(0)
X = rng.normal(size=(96, 4))
Y = X @ rng.normal(size=(4, 2)) + rng.normal(size=(96, 2)) / 10


@pytest.fixture(scope="module", autouse=True)
def parts():
    """The module of the parts; annlib forgets them after the tests of this file."""
    with pytest.MonkeyPatch.context() as patch:
        for family in PARTS:
            patch.setattr(FAMILIES[family], "_classes", dict(FAMILIES[family]._classes))
        yield importlib.import_module("extending.parts")


def part(family):
    return FAMILIES[family].get(PARTS[family])


def build(n_features=4, n_outputs=2):
    """A model whose every part is one of these, by its name where a name will do."""
    return Sequential(
        [
            layers.Input((n_features,)),
            layers.Dense(8, "squash", kernel_initializer="alternating"),
            part("layer"),
            layers.Dense(
                n_outputs, kernel_regularizer=part("regularizer"), kernel_constraint="clipped"
            ),
        ],
        seed=0,
    )


def compiled():
    model = build()
    optimizer = type(part("optimizer"))(part("schedule"))
    model.compile(optimizer, "expectile", metrics=["within"])
    return model


def trained(**arguments):
    model = compiled()
    model.fit(X, Y, epochs=3, batch_size=32, callbacks=[part("callback")], verbose=0, **arguments)
    return model


def test_every_family_has_a_part():
    assert PARTS.keys() == FAMILIES.keys()


# -- contracts -------------------------------------------------------------------------------------


@each_part
def test_the_configuration_is_the_constructor(family):
    testing.check_config(part(family))
    assert FAMILIES[family].get(PARTS[family]) is not None
    assert type(part(family))._registered


@each_part
def test_a_misspelt_name_names_it(family):
    misspelt = PARTS[family][:-2] + PARTS[family][-1] + PARTS[family][-2]
    with pytest.raises(annlib.UnknownNameError, match=f'Did you mean "{PARTS[family]}"'):
        FAMILIES[family].get(misspelt)


def test_it_keeps_the_rules_of_its_family():
    testing.check_activation(part("activation"), may_allocate=True)
    testing.check_layer(part("layer"), input_shape=(5,), may_allocate=True)
    testing.check_loss(part("loss"), may_allocate=True)
    testing.check_optimizer(part("optimizer"))
    testing.check_callback(part("callback"))


# -- training --------------------------------------------------------------------------------------


def test_it_learns():
    model = compiled()
    history = model.fit(X, Y, epochs=40, batch_size=16, validation_split=0.2, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] / 3
    assert history["val_within"][-1] > history["val_within"][0]
    assert np.abs(model.layers[-1].kernel).max() <= 2


def test_the_callback_stops():
    model = compiled()
    stop = type(part("callback"))(5)
    history = model.fit(X, Y, epochs=9, batch_size=32, callbacks=[stop], verbose=0)
    assert len(history.history["loss"]) == 2
    assert model.optimizer.iterations == 5


def test_the_schedule_sets_the_rate():
    model = compiled()
    model.fit(X, Y, epochs=20, batch_size=32, verbose=0)
    assert float(model.optimizer.learning_rate) == part("schedule")(60) == 0.01


def test_a_run_that_was_interrupted_ends_at_the_same_bits(tmp_path):
    def run(stop, folder, epochs):
        model = compiled()
        backup = annlib.callbacks.BackupAndRestore(folder, delete_checkpoint=False)
        model.fit(X, Y, epochs=epochs, batch_size=32, callbacks=[stop, backup], verbose=0)
        return model.get_weights()

    whole = run(part("callback"), tmp_path / "whole", 6)
    run(part("callback"), tmp_path / "parts", 3)
    resumed = run(part("callback"), tmp_path / "parts", 6)
    assert all(map(np.array_equal, whole, resumed))


# -- files and copies ------------------------------------------------------------------------------


def test_a_saved_model_comes_back_and_goes_on(tmp_path):
    model = trained()
    model.save(tmp_path / "m")
    loaded = load_model(tmp_path / "m")
    assert loaded.get_config() == model.get_config()
    assert loaded.optimizer == model.optimizer or repr(loaded.optimizer) == repr(model.optimizer)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    for each in (model, loaded):
        each.fit(X, Y, batch_size=32, shuffle=False, verbose=0)
    assert all(map(np.array_equal, model.get_weights(), loaded.get_weights()))


def test_a_file_needs_its_classes_by_register_or_by_hand(tmp_path, parts, monkeypatch):
    model = trained()
    model.save(tmp_path / "m")
    known = {type(part(family)).__name__: type(part(family)) for family in PARTS}
    for family in PARTS:
        classes = FAMILIES[family]._classes
        own = {key: cls for key, cls in classes.items() if cls.__module__ != parts.__name__}
        monkeypatch.setattr(FAMILIES[family], "_classes", own)
    with pytest.raises(annlib.AnnlibError, match="expected a known"):
        load_model(tmp_path / "m")
    loaded = load_model(tmp_path / "m", custom_objects=known)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))],
    ids=["deepcopy", "pickle"],
)
def test_a_copy_goes_on_by_itself(copied):
    model = trained()
    other = copied(model)
    before = model.get_weights()
    other.fit(X, Y, batch_size=32, verbose=0)
    assert all(map(np.array_equal, model.get_weights(), before))
    model.fit(X, Y, batch_size=32, verbose=0)
    assert all(map(np.array_equal, model.get_weights(), other.get_weights()))


def test_a_clone_has_its_configuration():
    model = annlib.clone_model(trained())
    assert model.get_config() == build().get_config()


# -- looking inside --------------------------------------------------------------------------------


def test_a_trace_shows_it_and_is_right():
    trace = trained().trace(X[:1], Y[:1])
    assert trace.verify().passed, trace.verify()
    assert repr(trace)
    for write in (trace.to_markdown, trace.to_latex, trace.to_html):
        assert "affine" in write()


#: What has a formula to explain.
EXPLAINED = ["activation", "layer", "loss", "optimizer", "regularizer", "schedule"]


@pytest.mark.parametrize("how", ["name", "class", "object"])
@pytest.mark.parametrize("family", EXPLAINED)
def test_explain_explains_it(family, how):
    """With a formula that says no more than is known, where the class has none of its own."""
    thing = {"name": PARTS[family], "class": type(part(family)), "object": part(family)}[how]
    explanation = annlib.explain(thing)
    text = str(explanation)
    assert PARTS[family] in text or type(part(family)).__name__ in text
    assert explanation._repr_html_()
    assert explanation.to_latex()


def test_checkup_and_gradient_check_take_it():
    report = annlib.gradcheck(compiled(), X[:8], Y[:8])
    assert report.ok, report
    assert str(annlib.checkup(compiled(), X, Y))


def test_runs_are_compared_in_the_direction_of_the_metric(parts):
    """Of a metric of one's own, by any name."""
    model = build()
    model.compile("sgd", "mse", metrics=[parts.Within(0.5), parts.Within(1.0, name="near")])
    history = model.fit(X, Y, epochs=5, verbose=0)
    best = annlib.compare({"run": history}).best["run"]
    assert best["within"].value == max(history.history["within"])
    assert best["near"].value == max(history.history["near"])


def test_a_model_of_it_shows_itself(tmp_path):
    model = trained()
    lines = []
    model.summary(print_fn=lines.append)
    assert "affine" in "\n".join(map(str, lines)).lower()
    annlib.plot_model(model, tmp_path / "m.svg")
    assert "affine" in (tmp_path / "m.svg").read_text().lower()
    assert "affine" in model._repr_html_().lower()


# -- estimators ------------------------------------------------------------------------------------


def test_perceptrons_take_it_by_name():
    net = MLPRegressor(
        hidden_layer_sizes=(8,),
        activation="squash",
        optimizer="sign_descent",
        loss="expectile",
        callbacks=["stop_after"],
        max_iter=20,
        n_iter_no_change=20,
        random_state=0,
    )
    assert clone(net).get_params() == net.get_params()
    with pytest.warns(Warning, match="Maximum iterations"):
        net.fit(X, Y)
    again = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(again.predict(X), net.predict(X))
    assert net.loss_curve_[-1] < net.loss_curve_[0]


def test_estimators_of_a_model_take_it():
    net = SequentialRegressor(
        build,
        optimizer=type(part("optimizer"))(part("schedule")),
        loss="expectile",
        metrics=["within"],
        callbacks=["stop_after"],
        epochs=3,
        random_state=0,
    )
    search = GridSearchCV(net, {"optimizer__learning_rate": [0.001, 0.01]}, cv=2).fit(X, Y)
    assert set(search.cv_results_["params"][0]) == {"optimizer__learning_rate"}
    assert search.best_estimator_.predict(X).shape == Y.shape
