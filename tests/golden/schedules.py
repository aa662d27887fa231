"""Learning rates of the schedules at some steps."""

import torch

from golden.recorder import keras, plain, use_float64, write


def record_schedules():
    """Record the rates of the schedules at some steps."""
    common = {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9}
    steps = [0, 1, 6, 7, 8, 13, 14, 100, 12345]
    records = []
    for config in (common, {**common, "staircase": True}):
        schedule = keras.optimizers.schedules.ExponentialDecay(**config)
        rates = [float(plain(schedule(step))) for step in steps]
        records.append({"class": "ExponentialDecay", "config": config, "rates": rates})
    return {"steps": steps, "records": records}


if __name__ == "__main__":
    torch.set_num_threads(1)
    use_float64()
    write(__file__, schedules=record_schedules())
