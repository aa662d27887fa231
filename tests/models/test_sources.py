"""Batches that the user makes train to the same weights as the plain arrays."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from cases.streams import (
    CLASSES,
    COUNT,
    LABELS,
    SIZE,
    STREAMS,
    WEIGHTS,
    Dataset,
    Endless,
    InMainThread,
    Loader,
    N,
    X,
    classifier,
    cut,
    readers,
    rng,
    same,
    steps_of,
)  # fmt: skip

from annlib import AnnlibError, Sequential, callbacks, layers, optimizers
from annlib.core.errors import DataError, ShapeError

GRAMMAR = re.compile(r"Sequential[\w.:, ]*: expected \S.*, got \S.*[.)]", re.DOTALL)
each_stream = pytest.mark.parametrize("make", STREAMS.values(), ids=STREAMS)


@pytest.fixture(autouse=True)
def no_reader_stays():
    yield
    assert readers() == []


# -- the same bits ---------------------------------------------------------------------------------


@each_stream
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [None, CLASSES])
def test_fit_gives_the_same_bits_as_arrays(make, weighted, classes):
    keywords = {"epochs": 3, "shuffle": False, "class_weight": classes, "verbose": 0}
    columns = (X, LABELS, WEIGHTS) if weighted else (X, LABELS)
    plain = classifier()
    plain.fit(
        X, LABELS, SIZE, sample_weight=WEIGHTS if weighted else None, validation_data=columns,
        validation_batch_size=SIZE, **keywords,
    )  # fmt: skip
    model, stream, held_out = classifier(), make(cut(*columns)), make(cut(*columns))
    model.fit(
        stream, validation_data=held_out, **steps_of(stream),
        **steps_of(held_out, "validation_steps"), **keywords,
    )  # fmt: skip
    same(model, plain)


@each_stream
def test_evaluate_and_predict_give_the_same_bits_as_arrays(make):
    model = classifier()
    model.fit(X, LABELS, verbose=0)
    stream = make(cut(X, LABELS, WEIGHTS))
    steps = steps_of(stream, "steps")
    found = model.evaluate(stream, return_dict=True, **steps)
    assert found == model.evaluate(X, LABELS, SIZE, sample_weight=WEIGHTS, return_dict=True)
    expected = model.predict(X, batch_size=SIZE)
    for columns in ((X,), (X, LABELS), (X, LABELS, WEIGHTS)):
        np.testing.assert_array_equal(model.predict(make(cut(*columns)), **steps), expected)
    np.testing.assert_array_equal(model.predict(make(cut(X)), steps=3), expected[: 3 * SIZE])
    alone = (x for (x,) in cut(X))
    np.testing.assert_array_equal(model.predict(alone), expected)
    np.testing.assert_array_equal(
        model.predict(x.tolist() for (x,) in cut(X)), model.predict(X.tolist(), batch_size=SIZE)
    )


@pytest.mark.parametrize(
    "part",
    {
        "float64": lambda x: x.astype("f8"),
        "float16": lambda x: x.astype("f2").astype("f4").astype("f2"),
        "other byte order": lambda x: x.astype(">f4"),
        "F order": np.asfortranarray,
        "list": np.ndarray.tolist,
        "read only": lambda x: np.frombuffer(x.tobytes(), "f4").reshape(x.shape),
        "frame": pd.DataFrame,
        "frame of polars": lambda x: pytest.importorskip("polars").DataFrame(x),
        "frame of several types": lambda x: pd.DataFrame(x).astype({0: "f8", 2: "Float32"}),
    }.items(),
    ids=lambda item: item[0],
)
def test_batches_of_any_kind(part):
    x = X.astype("f2").astype("f4")  # which all of them hold
    plain, model = classifier(), classifier()
    plain.fit(x, LABELS, SIZE, shuffle=False, verbose=0)
    batches = ((part[1](x), pd.Series(y)) for x, y in cut(x, LABELS))
    model.fit(batches, shuffle=False, verbose=0)
    same(model, plain)


@pytest.mark.parametrize("kind", [sp.csr_array, sp.csc_matrix])
def test_sparse_batches(kind):
    sparse, model = classifier(), classifier()
    sparse.fit(sp.csr_array(X), LABELS, SIZE, shuffle=False, verbose=0)
    model.fit(((kind(x), y) for x, y in cut(X, LABELS)), shuffle=False, verbose=0)
    same(model, sparse)


def test_a_sparse_batch_may_be_overwritten_when_the_next_is_asked_for():
    def batches():
        lent = sp.csr_array(np.ones_like(X[:SIZE]))
        for x, y in cut(X, LABELS):
            if len(x) < SIZE:
                return
            lent.data[:] = x.ravel()
            yield lent, y

    whole = len(X) // SIZE * SIZE
    sparse, model = classifier(), classifier()
    sparse.fit(sp.csr_array(X[:whole]), LABELS[:whole], SIZE, shuffle=False, verbose=0)
    model.fit(batches(), shuffle=False, verbose=0)
    same(model, sparse)


def test_batches_of_a_memory_map(tmp_path):
    np.save(tmp_path / "x.npy", X)
    x = np.load(tmp_path / "x.npy", mmap_mode="r+")
    plain, model = classifier(), classifier()
    plain.fit(X, LABELS, SIZE, shuffle=False, verbose=0)
    model.fit(iter(cut(x, LABELS)), shuffle=False, verbose=0)
    same(model, plain)
    x[20, 1] = np.nan
    with pytest.raises(DataError, match=r"batch 3: expected finite numbers in x.* row 4"):
        model.fit(iter(cut(x, LABELS)), verbose=0)


def test_batches_of_any_length():
    lengths = [1, 20, 3, 3, 33]
    ends = np.cumsum(lengths)
    batches = [(X[b - n : b], LABELS[b - n : b]) for n, b in zip(lengths, ends, strict=True)]
    model, plain = classifier(), classifier()
    model.fit(iter(batches), verbose=0)
    for x, y in batches:
        plain.train_on_batch(x, y)
    assert [w.tobytes() for w in model.weights] == [w.tobytes() for w in plain.weights]


def test_a_batch_may_weigh_nothing():
    """Of a whole data set that is refused, of a part it is not."""
    weights = WEIGHTS.copy()
    weights[SIZE : 2 * SIZE] = 0
    one, two, plain = classifier(), classifier(), classifier()
    one.fit(iter(cut(X, LABELS, weights)), shuffle=False, verbose=0)
    plain.fit(X, LABELS, SIZE, sample_weight=weights, shuffle=False, verbose=0)
    same(one, plain)
    ordered = np.argsort(LABELS)
    two.fit(cut(X[ordered], LABELS[ordered]), class_weight=CLASSES, shuffle=False, verbose=0)
    plain = classifier()
    plain.fit(
        X[ordered], LABELS[ordered], SIZE, class_weight=CLASSES, shuffle=False, verbose=0
    )  # fmt: skip
    same(two, plain)


def test_classes_do_not_count_in_a_split():
    keywords = {"class_weight": CLASSES, "shuffle": False, "verbose": 0}
    split, given = classifier(), classifier()
    split.fit(X, LABELS, SIZE, validation_split=0.25, **keywords)
    given.fit(X[:45], LABELS[:45], SIZE, validation_data=(X[45:], LABELS[45:]), **keywords)
    same(split, given)


def test_the_batches_of_a_data_set_are_shuffled_by_the_models_seed():
    orders = []
    for seed in (5, 5, 6):
        data, model = InMainThread(cut(X, LABELS)), classifier(seed)
        model.fit(data, epochs=3, verbose=0)
        # The first is looked at before the first epoch, and read anew unless it comes first.
        drawn = data.order[len(data.order) - 3 * COUNT :]
        rounds = [drawn[a : a + COUNT] for a in range(0, 3 * COUNT, COUNT)]
        assert all(sorted(one) == list(range(COUNT)) for one in rounds)
        assert rounds[0] != rounds[1] != rounds[2]
        orders.append(drawn)
        assert data.calls == ["begin", "end"] * 3
    assert orders[0] == orders[1] != orders[2]
    ordered = [data.batches[index] for index in orders[2]]
    plain = classifier(6)
    plain.fit(iter(ordered), epochs=3, steps_per_epoch=COUNT, verbose=0)
    assert [w.tobytes() for w in model.weights] == [w.tobytes() for w in plain.weights]


def test_a_layer_of_codes_takes_batches():
    codes, y = rng.integers(0, 9, (N, 2)), rng.normal(size=N)

    def fitted(*data, **keywords):
        model = Sequential([layers.Embedding(9, 3), layers.Flatten(), layers.Dense(1)], seed=0)
        model.compile("sgd", "mse")
        model.fit(*data, verbose=0, **keywords)
        return model

    same(fitted(cut(codes, y), shuffle=False), fitted(codes, y, batch_size=SIZE, shuffle=False))
    with pytest.raises(DataError, match=r"batch 2: expected whole numbers from 0 to 8 in x"):
        fitted([(codes, y), (codes + 1, y)])


def test_what_the_first_batch_tells():
    """Names whose meaning depends on the data, and the shape that a model is built for."""
    for y, loss in ((LABELS, "SparseCategorical"), (np.eye(3)[LABELS], "Categorical")):
        model = Sequential([layers.Dense(3, "softmax")], seed=0)
        model.compile("sgd", "crossentropy", ["accuracy"])
        model.fit(cut(X, y), verbose=0)
        assert model.input_shape == (None, 4)
        assert type(model.loss).__name__ == f"{loss}Crossentropy"
    with pytest.raises(AnnlibError, match="targets"):
        model.fit([(X, np.eye(3)[LABELS]), (X, LABELS)], verbose=0)


# -- epochs ----------------------------------------------------------------------------------------


class Counter(callbacks.Callback):
    """How many batches each epoch had, and what the progress bar was told."""

    def on_train_begin(self, logs=None):
        self.batches = []

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.append(0)

    def on_train_batch_end(self, batch, logs=None):
        self.batches[-1] += 1


@pytest.mark.parametrize(
    ("make", "steps", "expected", "told"),
    [
        (list, None, [8, 8, 8], 8),
        (list, 3, [3, 3, 3], 3),
        (list, 20, [20, 20, 20], 20),
        (Dataset, 4, [4, 4, 4], 4),
        (Endless, None, [8, 8, 8], None),
        (Dataset, 7, [7, 7, 7], 7),
        (Endless, 3, [3, 3, 3], 3),
        (Endless, 4, [4, 4, 4], 4),
        (Endless, 20, [20, 20, 20], 20),
        (itertools.cycle, 5, [5, 5, 5], 5),
    ],
)
def test_steps_cut_rounds_into_epochs(make, steps, expected, told):
    model, counter = classifier(), Counter()
    model.fit(make(cut(X, LABELS)), epochs=3, steps_per_epoch=steps, callbacks=[counter], verbose=0)
    assert counter.batches == expected
    assert counter.params["steps"] == told


@pytest.mark.parametrize("make", [None, list, Loader, Endless, Dataset])
@pytest.mark.parametrize(("steps", "cuts"), [(3, (4, 5, 6)), (6, (5, 7, 9))])
def test_epochs_of_so_many_steps_resume_where_they_were_cut_off(make, steps, cuts, tmp_path):
    """Passes of four batches end within epochs: cut off there, at an epoch's end, and between."""

    class Killed(callbacks.Callback):
        def __init__(self, left):
            self.left = left

        def on_train_batch_end(self, batch, logs=None):
            self.left -= 1
            if not self.left:
                raise InterruptedError

    def fit(folder, left=0):
        model = classifier()
        rows = [(X[i : i + 15], LABELS[i : i + 15]) for i in range(0, N, 15)]
        x, y, size = (X, LABELS, 15) if make is None else (make(rows), None, None)
        how = {"epochs": 2, "steps_per_epoch": steps, "verbose": 0}
        keep = callbacks.BackupAndRestore(folder, save_freq=1)
        history = model.fit(x, y, size, callbacks=[Killed(left), keep], **how)
        return history.history, [W.tobytes() for W in model.get_weights()]

    expected = fit(tmp_path / "whole")
    for left in cuts:  # the checkpoint holds one step less
        with pytest.raises(InterruptedError):
            fit(tmp_path / str(left), left)
        assert fit(tmp_path / str(left)) == expected


@pytest.mark.parametrize("make", [list, Endless, Dataset])
@pytest.mark.parametrize("steps", [3, 4, 6, 8])
def test_so_many_steps_are_those_of_arrays_in_turn(make, steps):
    """Two passes as one array: the same batches in the same order, whatever the epochs are."""
    one, two = classifier(), classifier()
    rows = [(X[i : i + 15], LABELS[i : i + 15]) for i in range(0, N, 15)]
    one.fit(make(rows), epochs=24 // steps, steps_per_epoch=steps, shuffle=False, verbose=0)
    two.fit(np.tile(X, (6, 1)), np.tile(LABELS, 6), 15, shuffle=False, verbose=0)
    assert [w.tobytes() for w in one.weights] == [w.tobytes() for w in two.weights]


def test_hooks_of_a_data_set_come_once_an_epoch_wherever_passes_end():
    model, data = classifier(), Dataset(cut(X, LABELS))
    model.fit(data, epochs=3, steps_per_epoch=5, verbose=0)
    assert data.calls == ["begin", "end"] * 3


class Once:
    """Something that says it can be iterated, and gives nothing in a second pass."""

    def __init__(self, batches):
        self.items = iter(batches)

    def __iter__(self):
        yield from self.items


@pytest.mark.parametrize("steps", [3, 9])
def test_a_second_pass_without_a_batch_is_an_error(steps):
    model = classifier()
    epoch, got = divmod(COUNT, steps)
    says = f"epoch {epoch + 1}: expected {steps} batches from x, a Once, got {got}"
    with pytest.raises(DataError, match=says):
        model.fit(Once(cut(X, LABELS)), epochs=9, steps_per_epoch=steps, verbose=0)
    assert model.optimizer.steps == COUNT


def test_a_generator_goes_on_from_fit_to_fit():
    drawn = []

    def generator():
        for batch in itertools.cycle(cut(X, LABELS)):
            drawn.append(None)
            yield batch

    one, two, source = classifier(), classifier(), generator()
    one.fit(source, epochs=4, steps_per_epoch=3, verbose=0)
    assert len(drawn) == 12  # and none that nobody needs
    source = generator()
    for _ in range(4):
        two.fit(source, steps_per_epoch=3, verbose=0)
    assert [w.tobytes() for w in one.weights] == [w.tobytes() for w in two.weights]


# -- what is refused before anything happens -------------------------------------------------------


def state(model):
    optimizer = model.optimizer
    return (
        model.built,
        [weight.tobytes() for weight in model.weights],
        (optimizer.iterations, optimizer.state.tobytes()),
        model._network.streams.state(),
        model.history,
    )


def refused(model, call, says, kind=AnnlibError):
    before = state(model)
    with pytest.raises(kind) as caught:
        call(model)
    assert GRAMMAR.fullmatch(str(caught.value)), caught.value
    assert re.search(says, str(caught.value)), caught.value
    assert state(model) == before


@pytest.mark.parametrize(
    ("keywords", "says"),
    [
        ({"y": LABELS}, r"no y beside an x that gives batches \(a list\).*Let x give"),
        ({"sample_weight": WEIGHTS}, r"no sample_weight beside .*\(x, y, sample_weight\)"),
        ({"batch_size": 4}, "no batch_size where x gives batches, got 4. Leave it out"),
        ({"validation_split": 0.2}, r"no validation_split .*, got 0\.2. Pass validation_data"),
        (
            {"validation_data": cut(X, LABELS), "validation_batch_size": 4},
            "validation_data: expected no validation_batch_size",
        ),
        ({"validation_data": [(X[:, :2], LABELS)]}, r"validation_data, batch 1: .*\(60, 2\)"),
        ({"validation_data": iter(())}, "validation_data: expected some batches .* got none"),
        ({"class_weight": {"a": 1}}, "batch 1: expected class_weight by the integer codes"),
    ],
)
def test_arguments_that_streams_do_not_go_with(keywords, says):
    refused(classifier(), lambda m: m.fit(cut(X, LABELS), verbose=0, **keywords), says)


def test_nothing_is_drawn_for_a_model_that_is_not_compiled():
    source = iter(cut(X, LABELS))
    for call in (Sequential([layers.Dense(3)]).fit, Sequential([layers.Dense(3)]).evaluate):
        with pytest.raises(AnnlibError, match="expected a compiled model"):
            call(source)
    assert len(list(source)) == COUNT


def test_other_calls_that_streams_do_not_go_with():
    batches = cut(X, LABELS)
    refused(classifier(), lambda m: m.evaluate(batches, batch_size=4), "no batch_size")
    refused(classifier(), lambda m: m.evaluate(batches, LABELS), "Sequential.evaluate.* no y")
    refused(classifier(), lambda m: m.predict(batches, batch_size=4), "no batch_size")
    for call in ("train_on_batch", "test_on_batch"):
        refused(classifier(), lambda m, c=call: getattr(m, c)(iter(batches), LABELS), "x with rows")
    model = Sequential([layers.Dense(1)])
    model.compile(optimizers.LBFGS(), "mse")
    refused(model, lambda m: m.fit([(X, X[:, 0])], verbose=0), "arrays with an optimizer that")


BAD_ITEMS = {
    "x alone": ((X,), r"a tuple \(x, y\) or .*, got a tuple of 1\. Targets"),
    "four": ((X, LABELS, WEIGHTS, 1), "got a tuple of 4"),
    "an array": (X, r"got array\("),
    "a dictionary": ({"x": X, "y": LABELS}, "got {'x'"),
    "None": (None, "got None"),
    "no targets": ((X, None), "targets y, got None"),
    "another width": ((X[:, :3], LABELS), r"\(n, 4\).*\(60, 3\)"),
    "a row": ((X[0], LABELS[0]), r"\(n, 4\).*\(4,\)"),
    "lengths that differ": ((X, LABELS[1:]), "one length, got 60 rows of x and 59 of y"),
    "NaN in x": ((np.where(X[3, 2] == X, np.nan, X), LABELS), "finite .* in x.* row 3, column 2"),
    "NaN in y": ((X, np.where(LABELS == 1, np.nan, LABELS)), "finite numbers in y"),
    "a label too large": ((X, LABELS + 1), r"labels in 0\.\.2 .*got \[3\]"),
    "one-hot": ((X, np.eye(3)[LABELS]), "labels y of shape"),
    "a negative weight": ((X, LABELS, -WEIGHTS), "sample_weight of at least 0"),
    "too few weights": ((X, LABELS, WEIGHTS[1:]), r"sample_weight of shape \(60,\)"),
    "text": ((X.astype(str), LABELS), "hold numbers"),
    "no rows": ((X[:0], LABELS[:0]), "at least one row"),
}


@pytest.mark.parametrize("case", BAD_ITEMS)
@pytest.mark.parametrize("make", [iter, InMainThread])
def test_a_bad_batch(case, make):
    """It is refused at once, or when its turn comes: after the good steps, which stay."""
    item, says = BAD_ITEMS[case]
    if case not in ("another width", "a row"):
        refused(classifier(), lambda m: m.fit(make([item]), verbose=0), f"fit, batch 1: .*{says}")
    good = cut(X, LABELS)[:5]
    model, plain = classifier(), classifier()
    with pytest.raises(AnnlibError) as caught:
        model.fit(make([*good, item]), epochs=2, steps_per_epoch=4, shuffle=False, verbose=0)
    assert re.search(f"^Sequential.fit, epoch 2, batch 2: .*{says}", str(caught.value))
    assert GRAMMAR.fullmatch(str(caught.value))
    plain.fit(iter(good), verbose=0)
    assert [w.tobytes() for w in model.weights] == [w.tobytes() for w in plain.weights]
    model.fit(good, verbose=0)  # it goes on as if nothing had been


def forever(batches):
    while True:
        yield from batches


class Forever(Loader):
    """Can be iterated again, and each time without end."""

    __len__ = None

    def __iter__(self):
        return forever(self.batches)


ENDLESS = {
    "generator": forever,
    "cycle": itertools.cycle,
    "repeat": lambda batches: itertools.repeat(batches[0]),
    "generator expression": lambda batches: (batches[i % 8] for i in itertools.count()),
    "map": lambda batches: map(tuple, itertools.cycle(batches)),
    "zip": lambda batches: zip(itertools.repeat(X), forever([LABELS]), strict=False),
    "iterable": Forever,
}
each_endless = pytest.mark.parametrize("make", ENDLESS.values(), ids=ENDLESS)


@each_endless
def test_what_has_no_end_needs_a_number_of_steps(make):
    endless, model = make(cut(X, LABELS)), classifier()
    model.fit(X, LABELS, verbose=0)
    for call, says in (
        (
            lambda m: m.fit(X, LABELS, validation_data=endless, verbose=0),
            "^Sequential.fit: validation_data: expected validation_steps with batches",
        ),
        (lambda m: m.fit(endless, verbose=0), "^Sequential.fit: expected steps_per_epoch"),
        (lambda m: m.evaluate(endless), "^Sequential.evaluate: expected steps with"),
        (lambda m: m.predict(endless), "^Sequential.predict: expected steps with"),
    ):
        refused(model, call, says)
    assert model.evaluate(endless, steps=3) is not None
    assert model.predict(endless, steps=1).shape[1] == 3
    model.fit(endless, steps_per_epoch=2, validation_data=endless, validation_steps=1, verbose=0)


def test_a_generator_to_validate_on_needs_a_number_of_steps():
    """It would be used up by the first epoch, if it has an end at all."""
    model = classifier()
    for epochs in (1, 3):
        refused(
            model,
            lambda m, epochs=epochs: m.fit(
                X, LABELS, validation_data=(b for b in cut(X, LABELS)), epochs=epochs, verbose=0
            ),
            "validation_data: expected validation_steps with a generator.*a list of batches",
        )


def test_a_generator_that_has_an_end_is_evaluated_and_predicted_to_it():
    def finite():
        yield from cut(X, LABELS)

    model = classifier()
    model.fit(X, LABELS, verbose=0)
    expected = model.evaluate(X, LABELS, batch_size=SIZE)
    assert model.evaluate(finite()) == expected
    assert model.evaluate(itertools.islice(forever(cut(X, LABELS)), COUNT)) == expected
    np.testing.assert_array_equal(model.predict(finite()), model.predict(X, batch_size=SIZE))
    once = model.predict(itertools.repeat(X, 1))
    np.testing.assert_array_equal(once, model.predict(X, batch_size=N))


def test_a_bad_batch_to_evaluate_or_predict():
    model = classifier()
    model.fit(X, LABELS, verbose=0)
    bad = [*cut(X, LABELS)[:2], (X[:, :3], LABELS)]
    for call, where in (
        (lambda m: m.evaluate(iter(bad)), "^Sequential.evaluate, batch 3: "),
        (lambda m: m.predict(iter(bad)), "^Sequential.predict, batch 3: "),
    ):
        refused(model, call, where + r".*\(n, 4\)")
    with pytest.raises(AnnlibError, match=r"^Sequential.fit: validation_data after epoch 1, batch"):
        model.fit(X, LABELS, validation_data=bad, verbose=0)


@pytest.mark.parametrize(
    ("x", "keywords", "says"),
    [
        (
            iter(cut(X, LABELS)),
            {"epochs": 2},
            "epoch 2: expected some batches.*got none.*exhausted",
        ),
        (
            iter(cut(X, LABELS)),
            {"epochs": 3, "steps_per_epoch": 3},
            "epoch 3: expected 3 batches from x, a list_iterator, got 2.*exhausted",
        ),
        (
            cut(X, LABELS),
            {"validation_data": iter(cut(X, LABELS)), "validation_steps": 9},
            "validation_data after epoch 1: expected 9 batches.*got 8",
        ),
    ],
)
def test_a_generator_that_runs_dry(x, keywords, says):
    model = classifier()
    with pytest.raises(DataError) as caught:
        model.fit(x, verbose=0, **keywords)
    assert re.search(says, str(caught.value)), caught.value
    assert GRAMMAR.fullmatch(str(caught.value))
    assert all(np.isfinite(w).all() for w in model.get_weights())
    assert model.optimizer.iterations == COUNT
    model.fit(cut(X, LABELS), verbose=0)


# -- one feature -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "vector",
    [np.asarray, list, pd.Series, lambda x: np.repeat(x, 2)[::2]],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize(
    "first",
    [
        lambda: [layers.Input((1,)), layers.Dense(4, "tanh")],
        lambda: [layers.Dense(4, "tanh", input_dim=1)],
        lambda: [layers.Normalization(axis=None, input_shape=[1]), layers.Dense(4, "tanh")],
    ],
)
def test_a_vector_is_rows_of_the_one_feature_that_was_declared(first, vector):
    x = np.linspace(-1, 1, 50)
    y, found = x**2, []
    for given in (x.reshape(-1, 1), vector(x)):
        model = Sequential([*first(), layers.Dense(1)], seed=0)
        if isinstance(model.layers[0], layers.Normalization):
            model.layers[0].adapt(given)
        model.compile("adam", "mse")
        model.fit(given, y, validation_data=(given, y), verbose=0)
        model.fit(given, y, validation_split=0.2, verbose=0)
        results = [model.evaluate(given, y), *model.predict(given)[:, 0], *model(given)[:, 0]]
        found.append(
            [*results, model.train_on_batch(given, y), *model.predict_on_batch(given)[:, 0]]
        )
    assert found[0] == found[1]


def test_batches_of_a_stream_may_be_vectors_of_the_one_feature():
    model = Sequential([layers.Input((1,)), layers.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    batches = [(np.arange(4.0), np.ones(4)), (np.arange(3.0), np.ones(3))]
    model.fit(batches, verbose=0)
    assert model.predict(iter([x for x, _ in batches])).shape == (7, 1)


def test_a_vector_for_several_features_or_none_declared_is_refused():
    for model in (
        Sequential([layers.Input((2,)), layers.Dense(1)]),
        Sequential([layers.Dense(1)]),
    ):
        with pytest.raises(ShapeError, match=r"x.reshape\(-1, 1\)"):
            model.predict(np.arange(4.0))
