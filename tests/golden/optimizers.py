"""Two variables after each of twelve steps, per optimizer of Keras and of PyTorch."""

import numpy as np
import torch

from golden.recorder import DTYPE, draw, gradient_tensor, keras, plain, use_float64, write


def optimizer_inputs():
    """Return the starting variables (kernel, bias) and twelve gradients."""
    rng = np.random.default_rng(101)
    variables = [draw(rng, 3, 4), draw(rng, 4)]
    gradients = [[draw(rng, 3, 4), draw(rng, 4)] for _ in range(12)]
    return variables, gradients


def optimizer_configurations():
    """List (name, class, keyword arguments, names without weight decay)."""
    schedule = {
        "class": "ExponentialDecay",
        "config": {"initial_learning_rate": 0.1, "decay_steps": 4, "decay_rate": 0.5},
    }
    adam = {"learning_rate": 0.01, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}
    decay = {"learning_rate": 0.01, "weight_decay": 0.004}
    rate = {"learning_rate": 0.1}
    return [
        ("sgd", "SGD", rate, []),
        ("sgd_momentum", "SGD", {**rate, "momentum": 0.9}, []),
        ("sgd_nesterov", "SGD", {**rate, "momentum": 0.9, "nesterov": True}, []),
        ("sgd_weight_decay", "SGD", {**rate, "weight_decay": 0.01}, []),
        ("sgd_momentum_clipnorm", "SGD", {**rate, "momentum": 0.9, "clipnorm": 0.5}, []),
        ("sgd_global_clipnorm", "SGD", {**rate, "global_clipnorm": 0.5}, []),
        ("sgd_clipvalue", "SGD", {**rate, "clipvalue": 0.1}, []),
        ("adam", "Adam", {}, []),
        ("adam_options", "Adam", adam, []),
        ("adam_amsgrad", "Adam", {"learning_rate": 0.01, "amsgrad": True}, []),
        ("adam_weight_decay", "Adam", decay, []),
        ("adam_weight_decay_excluded", "Adam", decay, ["bias"]),
        ("adam_global_clipnorm", "Adam", {"learning_rate": 0.01, "global_clipnorm": 0.3}, []),
        ("sgd_exponential_decay", "SGD", {"learning_rate": schedule}, []),
        ("rmsprop", "RMSprop", {}, []),
        ("rmsprop_options", "RMSprop", {"learning_rate": 0.01, "rho": 0.7, "epsilon": 1e-3}, []),
        ("rmsprop_momentum", "RMSprop", {"momentum": 0.9}, []),
        ("rmsprop_centered", "RMSprop", {"centered": True}, []),
        ("rmsprop_centered_momentum", "RMSprop", {"centered": True, "momentum": 0.9}, []),
    ]


def build_optimizer(class_name, config):
    """Build a Keras optimizer, turning a described schedule into an object."""
    config = dict(config)
    rate = config.get("learning_rate")
    if isinstance(rate, dict):
        schedule = getattr(keras.optimizers.schedules, rate["class"])
        config["learning_rate"] = schedule(**rate["config"])
    return getattr(keras.optimizers, class_name)(**config)


def record_optimizer(name, class_name, config, excluded):
    """Record the variables after each step of one Keras optimizer."""
    start, gradients = optimizer_inputs()
    optimizer = build_optimizer(class_name, config)
    if excluded:
        optimizer.exclude_from_weight_decay(var_names=excluded)
    variables = [
        keras.Variable(value, dtype=DTYPE, name=label)
        for value, label in zip(start, ("kernel", "bias"), strict=True)
    ]
    steps = []
    with torch.no_grad():
        for pair in gradients:
            optimizer.apply([torch.tensor(g) for g in pair], variables)
            steps.append(plain(variables))
    return {
        "name": name,
        "class": class_name,
        "dtype": DTYPE,
        "config": config,
        "exclude_from_weight_decay": excluded,
        "variable_names": ["kernel", "bias"],
        "variables": plain(start),
        "gradients": plain(gradients),
        "steps": steps,
    }


def record_optimizers():
    """Record every configuration of the Keras optimizers."""
    return [record_optimizer(*case) for case in optimizer_configurations()]


def record_torch_optimizer(name, class_name, config):
    """Record the variables after each step of one PyTorch optimizer."""
    start, gradients = optimizer_inputs()
    variables = [gradient_tensor(value) for value in start]
    optimizer = getattr(torch.optim, class_name)(variables, **config)
    steps = []
    for pair in gradients:
        for variable, gradient in zip(variables, pair, strict=True):
            variable.grad = torch.tensor(gradient)
        optimizer.step()
        steps.append(plain([v.detach().clone() for v in variables]))
    return {
        "name": name,
        "class": class_name,
        "dtype": DTYPE,
        "config": config,
        "variables": plain(start),
        "gradients": plain(gradients),
        "steps": steps,
    }


def record_torch_optimizers():
    """Record plain, momentum and Nesterov SGD, and Adam, of PyTorch."""
    return [
        record_torch_optimizer("sgd", "SGD", {"lr": 0.1}),
        record_torch_optimizer("sgd_momentum", "SGD", {"lr": 0.1, "momentum": 0.9}),
        record_torch_optimizer(
            "sgd_nesterov", "SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}
        ),
        record_torch_optimizer("adam", "Adam", {"lr": 0.001}),
        record_torch_optimizer(
            "adam_options", "Adam", {"lr": 0.01, "betas": [0.8, 0.95], "eps": 1e-3}
        ),
    ]


if __name__ == "__main__":
    torch.set_num_threads(1)
    use_float64()
    write(__file__, optimizers=record_optimizers(), torch_optimizers=record_torch_optimizers())
