"""Learning rates of the schedules of Keras and PyTorch at some steps and in training runs."""

import numpy as np
import torch

from golden.recorder import draw, keras, plain, use_float64, write

STEPS = [0, 1, 2, 3, 5, 6, 7, 8, 9, 13, 14, 15, 17, 20, 21, 22, 29, 48, 49, 50, 100, 1234, 12345]


def schedule_configurations():
    """List (class, arguments) of Keras' schedules."""
    rate = {"initial_learning_rate": 0.1}
    decay = {**rate, "decay_steps": 7}
    restarts = {**rate, "first_decay_steps": 7}
    warmup = {"initial_learning_rate": 0.02, "decay_steps": 15, "warmup_target": 0.3}
    return [
        ("ExponentialDecay", {**decay, "decay_rate": 0.9}),
        ("ExponentialDecay", {**decay, "decay_rate": 0.9, "staircase": True}),
        ("InverseTimeDecay", {**decay, "decay_rate": 0.5}),
        ("InverseTimeDecay", {**decay, "decay_rate": 0.5, "staircase": True}),
        ("PiecewiseConstantDecay", {"boundaries": [7, 14, 20], "values": [1.0, 0.5, 0.25, 0.1]}),
        ("PiecewiseConstantDecay", {"boundaries": [8], "values": [0.2, 0.3]}),
        ("PolynomialDecay", decay),
        ("PolynomialDecay", {**decay, "end_learning_rate": 0.02, "power": 2.5}),
        ("PolynomialDecay", {**decay, "power": 0.5, "cycle": True}),
        ("PolynomialDecay", {**decay, "end_learning_rate": 0.03, "cycle": True}),
        ("CosineDecay", decay),
        ("CosineDecay", {**decay, "decay_steps": 29, "alpha": 0.2}),
        ("CosineDecay", {**warmup, "warmup_steps": 6}),
        ("CosineDecay", {**warmup, "warmup_steps": 7, "alpha": 0.1, "initial_learning_rate": 0.0}),
        ("CosineDecay", {**warmup, "warmup_steps": 0}),
        ("CosineDecayRestarts", restarts),
        ("CosineDecayRestarts", {**restarts, "t_mul": 1.0}),
        ("CosineDecayRestarts", {**restarts, "t_mul": 1.0, "m_mul": 0.8, "alpha": 0.1}),
        ("CosineDecayRestarts", {**restarts, "t_mul": 2.0, "m_mul": 0.5}),
        ("CosineDecayRestarts", {**restarts, "t_mul": 1.5, "m_mul": 0.9, "alpha": 0.05}),
    ]


def build_schedule(class_name, config):
    return getattr(keras.optimizers.schedules, class_name)(**config)


def record_schedules():
    """Record the rates and the whole configuration of Keras' schedules."""
    records = []
    for class_name, config in schedule_configurations():
        schedule = build_schedule(class_name, config)
        records.append(
            {
                "class": class_name,
                "config": config,
                "full_config": schedule.get_config(),
                "rates": [float(plain(schedule(step))) for step in STEPS],
            }
        )
    return {"steps": STEPS, "records": records}


def record_one_cycle():
    """Record the rates of PyTorch's OneCycleLR at all its steps."""
    records = []
    for config in [
        {"total_steps": 20},
        {"total_steps": 17, "pct_start": 0.41, "div_factor": 10.0, "final_div_factor": 100.0},
        {"total_steps": 20, "anneal_strategy": "linear"},
        {"total_steps": 20, "three_phase": True},
        {"total_steps": 23, "three_phase": True, "anneal_strategy": "linear", "pct_start": 0.27},
        {"total_steps": 8, "pct_start": 0.5, "three_phase": True},
        {"total_steps": 9, "pct_start": 0.0},
        {"total_steps": 9, "pct_start": 1.0},
        {"total_steps": 1},
    ]:
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)])
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=0.3, cycle_momentum=False, **config
        )
        rates = []
        for _ in range(config["total_steps"]):
            rates += schedule.get_last_lr()
            optimizer.step()
            if len(rates) < config["total_steps"]:
                schedule.step()
        records.append({"max_learning_rate": 0.3, "config": config, "rates": rates})
    return records


def record_training():
    """Record the rate after each epoch, and the last weights, of a model trained by each."""
    rng = np.random.default_rng(303)
    x, y, kernel = draw(rng, 20, 3), draw(rng, 20, 2), draw(rng, 3, 2)
    runs = []
    for class_name, config in schedule_configurations():
        layer = keras.layers.Dense(2)
        model = keras.Sequential([keras.Input((3,)), layer])
        layer.set_weights([kernel, np.zeros(2)])
        optimizer = keras.optimizers.SGD(build_schedule(class_name, config))
        model.compile(optimizer, "mse")
        rates = []
        for _ in range(4):
            model.fit(x, y, batch_size=8, shuffle=False, verbose=0)
            rates.append(float(plain(model.optimizer.learning_rate)))
        runs.append(
            {
                "class": class_name,
                "config": config,
                "rates": rates,
                "weights": plain(layer.get_weights()),
            }
        )
    return {"x": plain(x), "y": plain(y), "kernel": plain(kernel), "batch_size": 8, "runs": runs}


if __name__ == "__main__":
    torch.set_num_threads(1)
    use_float64()
    write(
        __file__,
        schedules=record_schedules(),
        one_cycle=record_one_cycle(),
        training=record_training(),
    )
