"""Statistics of a large sample of each random initializer (its numbers cannot be matched).

What is exact is stored as it is: identities, and the singular values of orthogonal matrices.
"""

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


def record_matrices():
    """Record identities, and the singular values of orthogonal kernels as matrices (..., last)."""
    shapes = [(4, 4), (4, 2), (2, 5)]
    identities = [
        {
            "gain": gain,
            "shape": list(shape),
            "values": plain(keras.initializers.Identity(gain)(shape)),
        }
        for gain, shape in zip((1.0, 2.5, -0.5), shapes, strict=True)
    ]
    orthogonal = []
    for gain, shape in [(1.0, (4, 4)), (1.5, (5, 2)), (0.5, (2, 5)), (2.0, (2, 3, 4))]:
        kernel = np.array(plain(keras.initializers.Orthogonal(gain, seed=0)(shape)))
        sizes = np.linalg.svd(kernel.reshape(-1, shape[-1]), compute_uv=False)
        orthogonal.append({"gain": gain, "shape": list(shape), "singular_values": plain(sizes)})
    defaults = {
        name: getattr(keras.initializers, name)().get_config()
        for name in ("Identity", "Orthogonal")
    }
    return {"identities": identities, "orthogonal": orthogonal, "default_configs": defaults}


if __name__ == "__main__":
    torch.set_num_threads(1)
    use_float64()
    write(__file__, initializers=record_initializers(), matrices=record_matrices())
