"""Every part with every option trains as Keras does: the numbers that ``benchmarks.keras_parity``
has recorded, twenty steps of each row of its table.
"""

import numpy as np
import pytest
from golden import recorded

import annlib

PARITY = recorded("parity")
DATA = {key: np.array(value) for key, value in PARITY["data"].items()}


def made(value):
    """The object that is described, or the value itself."""
    if isinstance(value, dict) and value.keys() == {"family", "class", "config"}:
        family = annlib
        for part in value["family"].split("."):
            family = getattr(family, part)
        return getattr(family, value["class"])(**{k: made(v) for k, v in value["config"].items()})
    return [made(item) for item in value] if isinstance(value, list) else value


def trained(record, dtype):
    model = annlib.Sequential([made(item) for item in record["layers"]], dtype=dtype)
    x = DATA[record["x"]]
    model.build((None, *x.shape[1:]))
    shapes = [W.shape for W in model.get_weights()]
    model.set_weights([np.reshape(W, s) for W, s in zip(record["start"], shapes, strict=True)])
    optimizer = made(record["optimizer"])
    if record["excluded"]:
        optimizer.exclude_from_weight_decay(var_names=record["excluded"])
    model.compile(optimizer, made(record["loss"]), metrics=made(record["metrics"]))
    fit = dict(record["fit"])
    if "sample_weight" in fit:
        fit["sample_weight"] = DATA[fit["sample_weight"]]
    if "class_weight" in fit:
        fit["class_weight"] = {int(key): value for key, value in fit["class_weight"].items()}
    history = model.fit(
        x,
        DATA[record["y"]],
        batch_size=PARITY["batch_size"],
        epochs=PARITY["versions"]["epochs"],
        shuffle=False,
        verbose=0,
        **fit,
    )
    return model, history.history


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-9), ("float32", 1e-4)])
@pytest.mark.parametrize(
    "record", PARITY["records"], ids=lambda record: f"{record['group']} {record['label']}"
)
def test_weights_and_history_are_those_of_keras(record, dtype, tolerance):
    model, history = trained(record, dtype)
    tolerance = 1e-7 if record["known"] and dtype == "float64" else tolerance
    for path, mine, theirs in zip(
        paths(model), model.get_weights(), record["weights"], strict=True
    ):
        theirs = np.reshape(theirs, mine.shape)
        assert np.abs(mine - theirs).max() <= tolerance * np.abs(theirs).max(), path
    assert history.keys() == record["history"].keys()
    if record["compare_history"]:
        for key, theirs in record["history"].items():
            np.testing.assert_allclose(history[key], theirs, rtol=tolerance, err_msg=key)


def paths(model):
    leaves = [leaf for layer in model.layers for leaf in layer._leaves()]
    return [f"{path}/{p.name}" for path, leaf in leaves for p in leaf._parameters]


def test_every_optimizer_loss_schedule_and_activation_is_there():
    """What is not recorded is not compared: each registered class stands in the table."""
    text = str(
        [
            {key: record[key] for key in ("layers", "optimizer", "loss")}
            for record in PARITY["records"]
        ]
    )
    for family, left_out in {
        # Not in Keras; where Keras on PyTorch has another rule than on JAX.
        "optimizers": {"LBFGS", "MultiOptimizer", "ScheduleFreeAdamW"},
        # The paper's, scikit-learn's, and annlib's own.
        "losses": {
            *("BlockCrossentropy", "HalfSumSquaredError"),
            *("SumBinaryCrossentropy", "HalfPoissonDeviance"),
            *("Quantile", "Gamma", "Tweedie"),
        },
        "schedules": {"OneCycle", "LinearWarmup"},  # not in Keras
        "regularizers": {"Ridge"},  # scikit-learn's
        "constraints": set(),
    }.items():
        for cls in getattr(annlib, family).registry:
            assert f"'{cls.__name__}'" in text or cls.__name__ in left_out, cls
