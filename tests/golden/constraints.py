"""What constraints make of a kernel and a bias."""

import torch

from golden.recorder import gradient_tensor, keras, parameter_arrays, plain, use_float64, write


def record_constraints():
    """Record what a constraint makes of a parameter."""
    cases = [
        ("NonNeg", {}, ("kernel", "bias")),
        ("MaxNorm", {}, ("kernel", "bias")),
        ("MaxNorm", {"max_value": 0.5}, ("kernel", "bias")),
        ("MaxNorm", {"max_value": 1.5, "axis": 1}, ("kernel",)),
    ]
    arrays = parameter_arrays()
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
