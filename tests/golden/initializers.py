"""Statistics of one large sample of each initializer (its numbers cannot be matched)."""

import numpy as np
import torch

from golden.recorder import DTYPE, keras, plain, use_float64, write


def record_initializers():
    """Record statistics of one sample of each initializer."""
    names = (
        "GlorotUniform",
        "GlorotNormal",
        "HeUniform",
        "HeNormal",
        "LecunUniform",
        "LecunNormal",
        "RandomUniform",
        "RandomNormal",
        "TruncatedNormal",
        "VarianceScaling",
    )
    shape = (200, 300)
    records = []
    for name in names:
        initializer = getattr(keras.initializers, name)(seed=0)
        config = {k: v for k, v in initializer.get_config().items() if k != "seed"}
        sample = np.array(plain(initializer(shape, dtype=DTYPE)))
        records.append(
            {
                "class": name,
                "dtype": DTYPE,
                "shape": list(shape),
                "seed": 0,
                "default_config": plain(config),
                "min": float(sample.min()),
                "max": float(sample.max()),
                "mean": float(sample.mean()),
                "std": float(sample.std()),
            }
        )
    return records


if __name__ == "__main__":
    torch.set_num_threads(1)
    use_float64()
    write(__file__, initializers=record_initializers())
