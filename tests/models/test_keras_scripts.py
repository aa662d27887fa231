"""Scripts written for Keras run with other import lines, and give what Keras gives."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from golden import recorded

import annlib

SCRIPTS = Path(__file__).parents[1] / "scripts"
KERAS = recorded("scripts")["scripts"]


def with_annlib(source):
    """The script with ``annlib`` for ``keras`` in its import lines, and nothing else changed."""
    source = re.sub(r"^import keras$", "import annlib as keras", source, flags=re.MULTILINE)
    return re.sub(r"^from keras", "from annlib", source, flags=re.MULTILINE)


@pytest.fixture(scope="module", params=KERAS)
def script(request, tmp_path_factory):
    """The names that a script leaves, and the record of Keras."""
    source = (SCRIPTS / f"{request.param}.py").read_text()
    changed = with_annlib(source)
    lines = zip(source.splitlines(), changed.splitlines(), strict=True)
    assert all(a == b or a.startswith(("import keras", "from keras")) for a, b in lines)
    names = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp(request.param))
        patch.setattr(annlib.core.random_streams, "_process", [])
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            exec(compile(changed, request.param, "exec"), names)
        # Once, when the callback is made, and not for each file.
        files = [str(one.message) for one in told if ".keras is written in annlib's" in str(one)]
        assert len(files) == len(told) == source.count("ModelCheckpoint(")
        names["files"] = sorted(path.name for path in Path().iterdir())
    return names, KERAS[request.param]


def test_history_is_keras_history(script):
    names, theirs = script
    history = names["history"]
    assert list(history.history) == theirs["history_keys"]
    assert {type(value) for values in history.history.values() for value in values} == {float}
    assert history.epoch == list(range(len(history.epoch)))
    assert {k: v for k, v in history.params.items() if k != "verbose"} == {
        k: v for k, v in theirs["params"].items() if k != "verbose"
    }


def test_the_model_is_keras_model(script):
    names, theirs = script
    model = names["model"]
    assert [layer.name for layer in model.layers] == theirs["layers"]
    assert sum(weight.size for weight in model.trainable_weights) == theirs["trainable"]
    assert names["files"] == theirs["files"]


def test_it_learns_as_well(script):
    """The seeds give other numbers, and so other results: of the same kind."""
    names, theirs = script
    last = {key: values[-1] for key, values in names["history"].history.items()}
    for key, better in (("val_accuracy", 1), ("val_auc", 1), ("val_rmse", -1), ("val_mse", -1)):
        if key in last:
            assert better * (last[key] - theirs["last"][key]) > -0.1


def test_a_model_of_the_imbalanced_script_loads_again(script):
    names, _ = script
    if "reloaded" in names:
        assert names["same"]
        assert names["reloaded"].optimizer.iterations == names["model"].optimizer.iterations
        np.testing.assert_array_equal(
            names["reloaded"].get_weights()[0], names["model"].get_weights()[0]
        )


@pytest.mark.long
@pytest.mark.skipif(not annlib.datasets.mnist.is_available(), reason="needs mnist.npz")
def test_the_mnist_script_gives_keras_history_and_accuracy(capsys):
    names = {}
    exec(compile(with_annlib((SCRIPTS / "mnist_mlp.py").read_text()), "mnist_mlp", "exec"), names)
    assert list(names["history"].history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert names["score"][1] > 0.97
    assert "Test accuracy" in capsys.readouterr().out
