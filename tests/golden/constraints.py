"""What constraints make of a kernel, a bias, a stack of kernels, and a kernel with zeros."""

import numpy as np
import torch

from golden.recorder import (
    draw,
    gradient_tensor,
    keras,
    parameter_arrays,
    plain,
    use_float64,
    write,
)


def record_constraints():
    """Record what a constraint makes of a parameter."""
    cases = [
        ("NonNeg", {}, ("kernel", "bias")),
        ("MaxNorm", {}, ("kernel", "bias")),
        ("MaxNorm", {"max_value": 0.5}, ("kernel", "bias")),
        ("MaxNorm", {"max_value": 1.5, "axis": 1}, ("kernel",)),
        ("MaxNorm", {"max_value": 1.5, "axis": [0, 1]}, ("kernel", "stack")),
        ("MaxNorm", {"max_value": 1.5, "axis": -1}, ("kernel", "stack")),
        ("UnitNorm", {}, ("kernel", "bias", "stack", "gap")),
        ("UnitNorm", {"axis": 1}, ("kernel", "stack", "gap")),
        ("UnitNorm", {"axis": [0, 2]}, ("stack",)),
        ("MinMaxNorm", {}, ("kernel", "bias", "gap")),
        ("MinMaxNorm", {"min_value": 1.5, "max_value": 3.0}, ("kernel", "bias", "gap")),
        ("MinMaxNorm", {"min_value": 2.0, "max_value": 2.5, "rate": 0.3}, ("kernel", "gap")),
        ("MinMaxNorm", {"min_value": 1.5, "max_value": 2.0, "axis": 1}, ("kernel",)),
        ("MinMaxNorm", {"min_value": 0.5, "rate": 0.0, "axis": [1]}, ("kernel",)),
    ]
    rng = np.random.default_rng(808)
    arrays = {**parameter_arrays(), "stack": draw(rng, 2, 3, 4), "gap": draw(rng, 3, 4)}
    arrays["gap"][:, 1] = arrays["gap"][2] = 0.0  # a unit without weights
    arrays["gap"][:, 3] *= 1e-6
    arrays["gap"] = np.round(arrays["gap"], 9)
    return {
        "inputs": plain(arrays),
        "records": [
            {
                "class": class_name,
                "config": config,
                "input": key,
                "output": plain(
                    getattr(keras.constraints, class_name)(**config)(
                        gradient_tensor(arrays[key])
                    ).detach()
                ),
            }
            for class_name, config, keys in cases
            for key in keys
        ],
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    use_float64()
    write(__file__, constraints=record_constraints())
