"""The names of a frame's columns are kept with the model, and other frames are refused.

The rule is scikit-learn's ``_check_feature_names``: names count if all are texts; a frame with
others, or with these in another order, is refused; an array is taken.
"""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest

from annlib import DataError, ModelFormatError, Sequential, clone_model, layers, load_model
from annlib.saving import container

rng = np.random.default_rng(3)
X = pd.DataFrame(rng.normal(size=(60, 3)) * [1, 10, 100], columns=["a", "b", "c"])
X["c"] = X["c"].astype(np.float32)  # columns of two types are no one array
Y = (X["a"] > 0).to_numpy(int)
SWAPPED = X[["b", "a", "c"]]


def make(*first):
    model = Sequential([*first, layers.Dense(4, "relu"), layers.Dense(1, "sigmoid")], seed=0)
    model.compile("adam", "binary_crossentropy", ["accuracy"])
    return model


def trained(frame=X):
    model = make()
    model.fit(frame, Y, epochs=2, verbose=0)
    return model


def stream(*frames):
    return ((frame, Y) for frame in frames)


USES = {
    "predict": lambda model, x: model.predict(x),
    "predict in batches": lambda model, x: model.predict(x, batch_size=7),
    "predict a stream": lambda model, x: model.predict(iter([x])),
    "call": lambda model, x: model(x),
    "predict_on_batch": lambda model, x: model.predict_on_batch(x),
    "evaluate": lambda model, x: model.evaluate(x, Y),
    "evaluate a stream": lambda model, x: model.evaluate(stream(x)),
    "test_on_batch": lambda model, x: model.test_on_batch(x, Y),
    "fit": lambda model, x: model.fit(x, Y, verbose=0),
    "fit with a part to validate on": lambda model, x: model.fit(
        x, Y, validation_split=0.5, verbose=0
    ),
    "fit a stream": lambda model, x: model.fit(stream(x), verbose=0),
    "fit arrays": lambda model, x: model.fit(X.to_numpy(), Y, validation_data=(x, Y), verbose=0),
    "validation_data": lambda model, x: model.fit(X, Y, validation_data=(x, Y), verbose=0),
    "validation_data as a stream": lambda model, x: model.fit(
        X, Y, validation_data=[(x, Y)], verbose=0
    ),
    "train_on_batch": lambda model, x: model.train_on_batch(x, Y),
    "trace": lambda model, x: model.trace(x[:1], Y[:1]),
}
OTHERS = {
    "swapped": (SWAPPED, "'b', 'a', 'c'"),
    "renamed": (X.rename(columns={"b": "z"}), r"\['z'\] for \['b'\]"),
    "one less": (X[["a", "b"]], r"none for \['c'\]"),
    "one more": (X.assign(d=1.0), r"\['d'\] for none"),
    "of polars": (pl.DataFrame(SWAPPED), "'b', 'a', 'c'"),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("other", OTHERS)
def test_another_frame_is_refused_wherever_x_goes(use, other):
    model = trained()
    frame, said = OTHERS[other]
    before, done = model.get_weights(), model.optimizer.steps
    with pytest.raises(DataError, match=rf"(?s)Sequential\..*columns.*{said}.*feature_names"):
        USES[use](model, frame)
    assert model.optimizer.steps == done
    for one, value in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, value)


@pytest.mark.parametrize("use", USES)
def test_the_same_frame_and_what_has_no_names_are_taken(use):
    frames = [X, pl.DataFrame(X), pd.DataFrame(X.to_numpy())]
    arrays = [] if use == "trace" else [X.to_numpy(), X.to_numpy(np.float32)]
    for x in frames + arrays:
        model = trained()
        USES[use](model, x)
        assert model.feature_names == ["a", "b", "c"]


def test_arrays_leave_no_names():
    for x in (X.to_numpy(), pd.DataFrame(X.to_numpy()), X.rename(columns={"b": 1})):
        model = trained(x)
        assert model.feature_names is None
        model.predict(SWAPPED)
        assert model.feature_names is None  # only what it learns from counts


def test_the_first_frame_counts_that_it_learns_from():
    model = trained(X.to_numpy())
    model.evaluate(SWAPPED, Y)
    model.fit(X, Y, verbose=0)
    assert model.feature_names == ["a", "b", "c"]
    with pytest.raises(DataError):
        model.fit(SWAPPED, Y, verbose=0)
    model = make()
    model.train_on_batch(pl.DataFrame(SWAPPED), Y)
    assert model.feature_names == ["b", "a", "c"]


def test_a_new_model_compares_the_parts_of_one_fit():
    for validation in ((SWAPPED, Y), [(SWAPPED, Y)]):
        with pytest.raises(DataError, match="validation_data"):
            make().fit(X, Y, validation_data=validation, verbose=0)
    with pytest.raises(DataError, match="batch 2"):
        make().fit(stream(X, SWAPPED), steps_per_epoch=2, verbose=0)


def test_nothing_is_kept_of_a_fit_that_is_refused():
    model = make()
    with pytest.raises(DataError):
        model.fit(X * np.nan, Y, verbose=0)
    assert model.feature_names is None


# -- copies and files ------------------------------------------------------------------------------


def test_names_go_with_the_weights(tmp_path):
    model = trained()
    model.save(tmp_path / "model")
    copies = [
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        Sequential(model.layers[:-1]),
    ]
    copies += [load_model(tmp_path / "model", compile=flag) for flag in (True, False)]
    for each in copies:
        assert each.feature_names == ["a", "b", "c"]
        with pytest.raises(DataError):
            each.predict(SWAPPED)
    assert clone_model(model).feature_names is None


def test_a_file_of_arrays_says_nothing_of_names(tmp_path):
    named, plain = trained(), trained(X.to_numpy())
    for model, path in ((named, "named"), (plain, "plain")):
        model.save(tmp_path / path)
    (one, tensors), (other, values) = (
        container.read(tmp_path / path, "model") for path in ("named", "plain")
    )
    assert one.pop("feature_names") == ["a", "b", "c"]
    assert one == other
    assert all(np.array_equal(tensors[key], values[key]) for key in tensors)


@pytest.mark.parametrize(
    "names", [["a", "b"], ["a", "b", "c", "d"], ["a", "b", 3], "abc", {"a": 0, "b": 1, "c": 2}, []]
)
def test_forged_names_are_refused(names, tmp_path):
    model = trained()
    header, tensors = model._describe()
    container.write(tmp_path / "forged", "model", {**header, "feature_names": names}, tensors)
    with pytest.raises(ModelFormatError, match="expected feature_names"):
        load_model(tmp_path / "forged")


def test_names_may_have_any_letters(tmp_path):
    odd = X.set_axis(["größe", "line\nbreak", "$x$"], axis=1)
    model = trained(odd)
    model.save(tmp_path / "model")
    assert load_model(tmp_path / "model").feature_names == list(odd.columns)
    with pytest.raises(DataError, match=r"line\\nbreak"):
        model.predict(odd.iloc[:, ::-1])


# -- adapt -----------------------------------------------------------------------------------------


def test_a_normalization_keeps_the_names_of_what_it_was_adapted_to(tmp_path):
    normalization = layers.Normalization()
    normalization.adapt(X)
    model = make(normalization)
    model.fit(X.to_numpy(), Y, verbose=0)
    model.save(tmp_path / "model")
    for each in (model, load_model(tmp_path / "model")):
        assert each.feature_names == ["a", "b", "c"]
        with pytest.raises(DataError):
            each.predict(SWAPPED)


def test_a_layer_on_its_own_is_adapted_anew_and_one_of_a_model_to_the_same_columns():
    normalization = layers.Normalization()
    normalization.adapt(X)
    normalization.adapt(SWAPPED)
    assert normalization.feature_names == ("b", "a", "c")
    normalization.adapt(X.to_numpy())
    assert normalization.feature_names is None
    model = make(layers.Normalization())
    model.fit(X, Y, verbose=0)
    mean = model.layers[0].adapt_mean.copy()
    with pytest.raises(DataError, match=r"Normalization\.adapt"):
        model.layers[0].adapt(SWAPPED)
    np.testing.assert_array_equal(model.layers[0].adapt_mean, mean)
    model.layers[0].adapt(X.to_numpy())
    assert model.feature_names == ["a", "b", "c"]
