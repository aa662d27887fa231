"""CSVLogger writes the text that Keras writes."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import scripted
from golden import recorded

from annlib import Input, Sequential, layers
from annlib.callbacks import CSVLogger, ReduceLROnPlateau
from annlib.core.errors import ConfigurationError

RECORDS = recorded("scripted_callbacks")["csv_logger"]


def written(path, record):
    logger = CSVLogger(path, **record["arguments"])
    for epochs in record["runs"]:
        arrays = [{k: np.array(v) if k == "f1" else v for k, v in e.items()} for e in epochs]
        scripted.run(logger, arrays)
    return path.read_bytes().decode()


@pytest.mark.parametrize("name", [name for name in RECORDS if name != "array"])
def test_the_text_is_keras(name, tmp_path):
    assert written(tmp_path / "log.csv", RECORDS[name]) == RECORDS[name]["text"]


def test_an_array_is_a_list_in_its_cell(tmp_path):
    """Without the second pair of quotation marks that Keras puts around it."""
    row = written(tmp_path / "log.csv", RECORDS["array"]).splitlines()[1]
    (cells,) = csv.reader([row])
    assert json.loads(cells[1]) == [0.25, 0.5]


def test_what_was_trained_is_read_back_exactly(tmp_path):
    x = np.random.default_rng(0).normal(size=(40, 3))
    model = Sequential([Input((3,)), layers.Dense(1)], seed=0)
    model.compile("sgd", "mse", ["mae"])
    path = tmp_path / "runs" / "log.csv"
    callbacks = [ReduceLROnPlateau(), CSVLogger(path)]
    history = model.fit(
        x, x[:, 0], epochs=4, validation_split=0.25, verbose=0, callbacks=callbacks
    ).history
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", *sorted(history)]
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3"]
    for key, values in history.items():
        assert [float(row[key]) for row in rows] == values


@pytest.mark.parametrize("separator", ["", ", ", None, 1])
def test_a_separator_is_one_character(separator):
    with pytest.raises(ConfigurationError, match="separator as one character"):
        CSVLogger("log.csv", separator)
