"""Outputs and vector-Jacobian products of the activations."""

import numpy as np
import torch

from golden.recorder import DTYPE, draw, gradient_tensor, keras, plain, use_float64, write


def record_activations():
    """Record outputs and vector-Jacobian products of the activations."""
    rng = np.random.default_rng(303)
    x = draw(rng, 5, 4)
    x[1] = [0.0, 1.0, -1.0, 0.0]
    x[2] = [20.0, -20.0, 1.0, -1.0]
    x[3] = [90.0, -90.0, 0.0, 20.0]
    cotangent = draw(rng, 5, 4)
    records = []
    for name in ("relu", "sigmoid", "tanh", "softmax", "linear"):
        tensor = gradient_tensor(x)
        output = keras.activations.get(name)(tensor)
        output.backward(torch.tensor(cotangent))
        records.append(
            {
                "name": name,
                "dtype": DTYPE,
                "output": plain(output.detach()),
                "gradient": plain(tensor.grad),
            }
        )
    return {"x": plain(x), "cotangent": plain(cotangent), "records": records}


if __name__ == "__main__":
    torch.set_num_threads(1)
    use_float64()
    write(__file__, activations=record_activations())
