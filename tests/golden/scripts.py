"""The keys of History, and what came out, of the scripts in ``tests/scripts``, run with Keras."""

import contextlib
import io
import os
import tempfile
from pathlib import Path

from golden.recorder import keras, plain, write

SCRIPTS = Path(__file__).parents[1] / "scripts"
NAMES = ["digits_mlp", "imbalanced_classification", "regression"]


def record_script(name):
    """Run one, and record what it gives."""
    keras.utils.clear_session()
    names = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile((SCRIPTS / f"{name}.py").read_text(), name, "exec"), names)
        files = sorted(os.listdir())
    model, history = names["model"], names["history"]
    return {
        "history_keys": list(history.history),
        "types": sorted({type(value[0]).__name__ for value in history.history.values()}),
        "last": {key: plain(values[-1]) for key, values in history.history.items()},
        "epochs": len(history.epoch),
        "params": plain(history.params),
        "layers": [layer.name for layer in model.layers],
        "trainable": sum(int(keras.ops.size(weight)) for weight in model.trainable_weights),
        "files": files,
    }


if __name__ == "__main__":
    write(__file__, scripts={name: record_script(name) for name in NAMES})
