"""``PyDataset``: data that a Python object makes batch by batch, as Keras' base class."""

import numpy as np
import pytest

from annlib import Sequential, layers, utils
from annlib.core.errors import ConfigurationError, DataError

X = np.random.default_rng(0).normal(size=(22, 3))
Y = X @ np.array([[1.0], [-2.0], [0.5]])


class Batches(utils.PyDataset):
    """Batches of five rows; it notes which were asked for, and the hooks."""

    def __init__(self, **keywords):
        super().__init__(**keywords)
        self.seen, self.hooks = [], []

    def __getitem__(self, index):
        self.seen.append(index)
        part = slice(5 * (index % 5), 5 * (index % 5) + 5)
        return X[part], Y[part]

    def on_epoch_begin(self):
        self.hooks.append("begin")

    def on_epoch_end(self):
        self.hooks.append("end")


class WithLength(Batches):
    def __len__(self):
        return 5


class WithNumber(Batches):
    num_batches = 5


class Endless(Batches):
    num_batches = None


def model():
    made = Sequential([layers.Input((3,)), layers.Dense(1)], seed=0, dtype="float64")
    made.compile("sgd", "mse")
    return made


@pytest.mark.parametrize("make", [WithLength, WithNumber])
def test_it_trains_as_the_arrays_do(make):
    ours, arrays = model(), model()
    data = make(workers=3, use_multiprocessing=True)
    assert (len(data), data.num_batches) == (5, 5)
    history = ours.fit(data, epochs=2, shuffle=False, verbose=0, validation_data=make())
    arrays.fit(X, Y, batch_size=5, epochs=2, shuffle=False, verbose=0, validation_data=(X, Y))
    for mine, theirs in zip(ours.get_weights(), arrays.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert len(history.history["val_loss"]) == 2
    assert data.hooks == ["begin", "end"] * 2
    np.testing.assert_allclose(ours.predict(make()), arrays.predict(X))
    assert ours.evaluate(make()) == pytest.approx(arrays.evaluate(X, Y))
    assert [len(y) for _, y in data] == [5, 5, 5, 5, 2]


def test_epochs_of_what_has_no_end_go_on_where_the_last_ended():
    data = Endless()
    data.prefetch = False
    model().fit(data, steps_per_epoch=3, epochs=3, verbose=0)
    assert data.seen == list(range(9))
    items = iter(data)
    assert [len(next(items)[1]) for _ in range(6)] == [5, 5, 5, 5, 2, 5]


def test_without_a_number_of_steps_what_has_no_end_is_refused():
    trained = model()
    with pytest.raises(ConfigurationError, match="steps_per_epoch with batches that have no end"):
        trained.fit(Endless(), verbose=0)
    with pytest.raises(ConfigurationError, match="validation_steps with batches that have no end"):
        trained.fit(X, Y, validation_data=Endless(), verbose=0)
    with pytest.raises(TypeError, match="Endless has no end"):
        len(Endless())


def test_what_is_not_written_is_named():
    with pytest.raises(NotImplementedError, match=r"Batches: write __len__\(self\)"):
        model().fit(Batches(), verbose=0)
    with pytest.raises(NotImplementedError, match=r"PyDataset: write __getitem__"):
        utils.PyDataset()[0]
    with pytest.raises(ConfigurationError, match="PyDataset: expected workers as an integer"):
        utils.PyDataset(workers=1.5)


def test_a_length_of_0_is_no_data():
    class Nothing(utils.Sequence):
        def __len__(self):
            return 0

    with pytest.raises(DataError, match=r"got none\. Its len is 0"):
        model().fit(Nothing(), verbose=0)


def batches_of(values):
    while True:
        yield np.array(values)


@pytest.mark.parametrize(
    ("layer", "values", "found"),
    [
        (layers.Normalization(), [[1.0], [3.0]], lambda layer: float(layer.mean[0]) == 2.0),
        (layers.Discretization(num_bins=2), [[1.0], [3.0]], lambda layer: layer.bin_boundaries),
        (layers.IntegerLookup(), [[4], [4], [7]], lambda layer: layer.vocabulary == [4, 7]),
        (
            layers.StringLookup(),
            [["b"], ["b"], ["a"]],
            lambda layer: layer.vocabulary == ["b", "a"],
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_layers_adapt_to_so_many_batches(layer, values, found):
    where = type(layer).__name__
    with pytest.raises(
        ConfigurationError, match=rf"{where}.adapt: expected steps with batches that"
    ):
        layer.adapt(batches_of(values))
    with pytest.raises(ConfigurationError, match=rf"{where}.adapt: expected steps only with data"):
        layer.adapt(np.array(values), steps=2)
    with pytest.raises(ConfigurationError, match=rf"{where}.adapt: expected steps as an integer"):
        layer.adapt(batches_of(values), steps=0)
    layer.adapt(batches_of(values), steps=3)
    assert found(layer)


def test_a_lookup_adapts_to_what_has_batches_by_index():
    class Codes(utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return np.array([[7, index]]), np.zeros((1, 1))

    layer = layers.IntegerLookup()
    layer.adapt(Codes())
    assert layer.vocabulary == [7, 1, 0]


def test_a_buffer_that_a_generator_uses_again_counts_by_what_it_held():
    def items():
        buffer = np.zeros((2, 1), int)
        for value in (5, 6, 6):
            buffer[...] = value
            yield buffer

    layer = layers.IntegerLookup()
    layer.adapt(items())
    assert layer.vocabulary == [6, 5]
