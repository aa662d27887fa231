"""Penalties and their gradients on a kernel and a bias."""

import torch

from golden.recorder import gradient_tensor, keras, parameter_arrays, plain, use_float64, write


def record_regularizers():
    """Record the penalty and its gradient."""
    cases = [
        ("L1", {}),
        ("L1", {"l1": 0.3}),
        ("L2", {}),
        ("L2", {"l2": 0.2}),
        ("L1L2", {"l1": 0.3, "l2": 0.2}),
        ("OrthogonalRegularizer", {}),
        ("OrthogonalRegularizer", {"factor": 0.5, "mode": "columns"}),
    ]
    arrays = parameter_arrays()
    records = []
    for class_name, config in cases:
        for key, value in arrays.items():
            if value.ndim < 2 and class_name == "OrthogonalRegularizer":
                continue
            tensor = gradient_tensor(value)
            penalty = getattr(keras.regularizers, class_name)(**config)(tensor)
            penalty.backward()
            records.append(
                {
                    "class": class_name,
                    "config": config,
                    "input": key,
                    "value": plain(penalty.detach()),
                    "gradient": plain(tensor.grad),
                }
            )
    return {"inputs": plain(arrays), "records": records}


if __name__ == "__main__":
    torch.set_num_threads(1)
    use_float64()
    write(__file__, regularizers=record_regularizers())
