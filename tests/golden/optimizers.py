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


SCHEDULE = {
    "class": "ExponentialDecay",
    "config": {"initial_learning_rate": 0.1, "decay_steps": 4, "decay_rate": 0.5},
}
MAX_NORM = {"class": "MaxNorm", "config": {"max_value": 0.9}}
RATE = {"learning_rate": 0.1}
BETAS = {"learning_rate": 0.01, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}
EMA = {"use_ema": True, "ema_momentum": 0.7}


def rules():
    """List (name, class, keyword arguments) for each optimizer and each of its own options."""
    momentum = {**RATE, "momentum": 0.9}
    ftrl = {**RATE, "initial_accumulator_value": 0.2}
    strengths = {
        "l1_regularization_strength": 0.3,
        "l2_regularization_strength": 0.2,
        "l2_shrinkage_regularization_strength": 0.05,
    }
    return [
        ("sgd", "SGD", RATE),
        ("sgd_momentum", "SGD", momentum),
        ("sgd_nesterov", "SGD", {**momentum, "nesterov": True}),
        ("adam", "Adam", {}),
        ("adam_options", "Adam", BETAS),
        ("adam_amsgrad", "Adam", {"learning_rate": 0.01, "amsgrad": True}),
        ("adamw", "AdamW", {}),
        ("adamw_options", "AdamW", {**BETAS, "weight_decay": 0.3, "amsgrad": True}),
        ("rmsprop", "RMSprop", {}),
        ("rmsprop_options", "RMSprop", {"learning_rate": 0.01, "rho": 0.7, "epsilon": 1e-3}),
        ("rmsprop_momentum", "RMSprop", {"momentum": 0.9}),
        ("rmsprop_centered", "RMSprop", {"centered": True}),
        ("rmsprop_centered_momentum", "RMSprop", {"centered": True, "momentum": 0.9}),
        ("adagrad", "Adagrad", {}),
        ("adagrad_options", "Adagrad", {**RATE, "initial_accumulator_value": 0, "epsilon": 0.01}),
        ("adadelta", "Adadelta", {}),
        ("adadelta_options", "Adadelta", {"learning_rate": 1.0, "rho": 0.8, "epsilon": 1e-3}),
        ("adamax", "Adamax", {}),
        ("adamax_options", "Adamax", BETAS),
        ("nadam", "Nadam", {}),
        ("nadam_options", "Nadam", BETAS),
        ("nadam_without_momentum", "Nadam", {**BETAS, "beta_1": 0.0}),
        ("lion", "Lion", {}),
        ("lion_options", "Lion", {"learning_rate": 0.01, "beta_1": 0.6, "beta_2": 0.8}),
        ("lion_of_the_momentum_alone", "Lion", {"beta_1": 1.0}),
        ("lamb", "Lamb", {}),
        ("lamb_options", "Lamb", BETAS),
        ("adafactor", "Adafactor", {}),
        (
            "adafactor_options",
            "Adafactor",
            {"learning_rate": 0.3, "beta_2_decay": -0.6, "epsilon_2": 0.1, "clip_threshold": 0.5}
            | {"epsilon_1": 1e-2},
        ),
        ("adafactor_absolute", "Adafactor", {"learning_rate": 2.0, "relative_step": False}),
        ("muon", "Muon", {}),
        (
            "muon_options",
            "Muon",
            {**RATE, "momentum": 0.8, "ns_steps": 3, "nesterov": False, "rms_rate": None}
            | {"adam_lr_ratio": 0.5, "adam_weight_decay": 0.1, "weight_decay": 0.2},
        ),
        (
            "muon_excluded",
            "Muon",
            {**RATE, "exclude_layers": ["kernel", "w"], "exclude_embeddings": False}
            | {"adam_beta_1": 0.7, "adam_beta_2": 0.9, "epsilon": 1e-3},
        ),
        ("muon_letters", "Muon", {**RATE, "muon_a": 3.0, "muon_b": -4.0, "muon_c": 1.5}),
        ("ftrl", "Ftrl", {}),
        ("ftrl_options", "Ftrl", {**ftrl, **strengths, "beta": 0.5}),
        ("ftrl_power", "Ftrl", {**ftrl, "learning_rate_power": -0.7}),
        ("ftrl_fixed_rate", "Ftrl", {**ftrl, "learning_rate_power": 0.0}),
        ("ftrl_l1", "Ftrl", {**RATE, "l1_regularization_strength": 1.0}),
        ("ftrl_from_zero", "Ftrl", {**RATE, "initial_accumulator_value": 0.0, "beta": 1.0}),
    ]


def policies():
    """List (name, class, keyword arguments, extras) for what every optimizer offers."""
    excluded, constrained = {"exclude": ["bias"]}, {"constraint": MAX_NORM}
    decay = {"learning_rate": 0.01, "weight_decay": 0.004}
    momentum = {**RATE, "momentum": 0.9}
    every_third = {"gradient_accumulation_steps": 3}
    overwriting = {**EMA, "ema_overwrite_frequency": 2}
    decayed = {**RATE, "weight_decay": 0.05}
    return [
        ("weight_decay", "SGD", {**RATE, "weight_decay": 0.01}, {}),
        ("weight_decay_adam", "Adam", decay, {}),
        ("weight_decay_excluded", "Adam", decay, excluded),
        ("weight_decay_adamw_excluded", "AdamW", {}, excluded),
        ("weight_decay_lamb", "Lamb", {**RATE, "weight_decay": 0.1}, {}),
        ("clipnorm", "SGD", {**momentum, "clipnorm": 0.5}, {}),
        ("global_clipnorm", "SGD", {**RATE, "global_clipnorm": 0.5}, {}),
        ("global_clipnorm_adam", "Adam", {"learning_rate": 0.01, "global_clipnorm": 0.3}, {}),
        ("clipvalue", "SGD", {**RATE, "clipvalue": 0.1}, {}),
        ("schedule", "SGD", {"learning_rate": SCHEDULE}, {}),
        ("constraint", "Adam", RATE, constrained),
        ("ema", "SGD", {**momentum, **EMA}, {}),
        ("ema_default", "Adam", {**RATE, "use_ema": True}, {}),
        ("ema_overwrite", "SGD", {**momentum, **overwriting}, {}),
        ("ema_overwrite_always", "Adam", {**RATE, **EMA, "ema_overwrite_frequency": 1}, {}),
        ("ema_constraint", "SGD", {**RATE, **overwriting}, constrained),
        ("accumulation", "SGD", {**momentum, **every_third}, {}),
        ("accumulation_unfinished", "Adam", {**RATE, "gradient_accumulation_steps": 5}, {}),
        ("accumulation_schedule", "SGD", {"learning_rate": SCHEDULE, **every_third}, {}),
        ("accumulation_clipnorm", "SGD", {**RATE, **every_third, "clipnorm": 0.3}, {}),
        ("accumulation_decay", "SGD", {**decayed, **every_third}, excluded),
        ("accumulation_nadam", "Nadam", {**RATE, **every_third}, {}),
        ("accumulation_lamb", "Lamb", {**RATE, **every_third}, {}),
        ("accumulation_ema", "SGD", {**RATE, **EMA, **every_third}, {}),
        ("accumulation_ema_overwrite", "SGD", {**RATE, **overwriting, **every_third}, {}),
        ("all", "Adam", {**decayed, **overwriting, **every_third, "clipvalue": 0.2}, constrained),
    ]


def build_optimizer(class_name, config):
    """Build a Keras optimizer, turning a described schedule into an object."""
    config = dict(config)
    rate = config.get("learning_rate")
    if isinstance(rate, dict):
        schedule = getattr(keras.optimizers.schedules, rate["class"])
        config["learning_rate"] = schedule(**rate["config"])
    return getattr(keras.optimizers, class_name)(**config)


def record_optimizer(name, class_name, config, extras=None):
    """Record the variables after each step of one Keras optimizer, and at the end of a fit."""
    start, gradients = optimizer_inputs()
    optimizer, extras = build_optimizer(class_name, config), extras or {}
    if "exclude" in extras:
        optimizer.exclude_from_weight_decay(var_names=extras["exclude"])
    variables = [
        keras.Variable(value, dtype=DTYPE, name=label)
        for value, label in zip(start, ("kernel", "bias"), strict=True)
    ]
    if "constraint" in extras:
        constraint = extras["constraint"]
        variables[0].constraint = getattr(keras.constraints, constraint["class"])(
            **constraint["config"]
        )
    steps = []
    with torch.no_grad():
        for pair in gradients:
            optimizer.apply([torch.tensor(g) for g in pair], variables)
            steps.append(plain(variables))
        optimizer.finalize_variable_values(variables)
    record = {"name": name, "class": class_name, "config": config, **extras, "steps": steps}
    return {**record, "final": plain(variables)} if config.get("use_ema") else record


def torch_steps(optimizers_of, before=lambda step, optimizer: None):
    """The variables after each step of the PyTorch optimizers that a function makes for them."""
    start, gradients = optimizer_inputs()
    variables = [gradient_tensor(value) for value in start]
    optimizers, steps = optimizers_of(*variables), []
    for step, pair in enumerate(gradients):
        for variable, gradient in zip(variables, pair, strict=True):
            variable.grad = torch.tensor(gradient)
        for optimizer in optimizers:
            before(step, optimizer)
            optimizer.step()
        steps.append(plain([v.detach().clone() for v in variables]))
    return steps


def record_torch_optimizer(name, class_name, config):
    """Record the variables after each step of one PyTorch optimizer."""
    made = getattr(torch.optim, class_name)
    steps = torch_steps(lambda *variables: [made(variables, **config)])
    return {"name": name, "class": class_name, "config": config, "steps": steps}


def record_torch_groups():
    """Record optimizers of PyTorch with a group for the bias that has other settings."""
    records = []
    for name, class_name, config, bias in [
        ("sgd", "SGD", {"lr": 0.1}, {"lr": 0.03}),
        ("sgd_momentum", "SGD", {"lr": 0.1, "momentum": 0.9}, {"lr": 0.25}),
        ("adam", "Adam", {"lr": 0.01}, {"lr": 0.001}),
        ("adamw_rate", "AdamW", {"lr": 0.01, "weight_decay": 0.2}, {"lr": 0.05}),
        ("adamw_decay", "AdamW", {"lr": 0.01, "weight_decay": 0.2}, {"weight_decay": 0.7}),
        (
            "adamw_both",
            "AdamW",
            {"lr": 0.01, "weight_decay": 0.2},
            {"lr": 0.02, "weight_decay": 0.0},
        ),
        ("adamw_frozen", "AdamW", {"lr": 0.01, "weight_decay": 0.2}, {"lr": 0.0}),
    ]:
        made = getattr(torch.optim, class_name)
        steps = torch_steps(
            lambda W, b, made=made, config=config, bias=bias: [
                made([{"params": [W]}, {"params": [b], **bias}], **config)
            ]
        )
        records.append(
            {"name": name, "class": class_name, "config": config, "bias": bias, "steps": steps}
        )
    return records


def record_torch_several():
    """Record one optimizer of PyTorch for the kernel and another for the bias."""
    momentum = ("SGD", {"lr": 0.1, "momentum": 0.9})
    adamw = ("AdamW", {"lr": 0.01, "weight_decay": 0.2})
    records = []
    for name, kernel, bias in [
        ("sgd_and_adam", ("SGD", {"lr": 0.1}), ("Adam", {"lr": 0.01})),
        ("momentum_and_adamw", momentum, adamw),
        ("adamw_and_momentum", adamw, momentum),
        ("two_of_adam", ("Adam", {"lr": 0.01}), ("Adam", {"lr": 0.1, "betas": [0.5, 0.8]})),
    ]:
        steps = torch_steps(
            lambda *variables, pairs=(kernel, bias): [
                getattr(torch.optim, class_name)([variable], **config)
                for variable, (class_name, config) in zip(variables, pairs, strict=True)
            ]
        )
        records.append({"name": name, "kernel": kernel, "bias": bias, "steps": steps})
    return records


def record_torch_optimizers():
    """Record the optimizers of PyTorch whose formulas agree with Keras', at least without epsilon.

    Keras' Nadam is PyTorch's with a momentum decay of 1.
    """
    torch.set_default_dtype(torch.float64)  # of NAdam's product
    betas = {"lr": 0.01, "betas": [0.8, 0.95], "eps": 1e-3}
    exact = {"lr": 0.01, "eps": 0.0}
    return [
        record_torch_optimizer(*case)
        for case in [
            ("sgd", "SGD", {"lr": 0.1}),
            ("sgd_momentum", "SGD", {"lr": 0.1, "momentum": 0.9}),
            ("sgd_nesterov", "SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
            ("adam", "Adam", {"lr": 0.001}),
            ("adam_options", "Adam", betas),
            ("adam_amsgrad", "Adam", {**exact, "betas": [0.8, 0.95], "amsgrad": True}),
            ("adamw", "AdamW", {"lr": 0.01, "weight_decay": 0.2}),
            ("rmsprop", "RMSprop", {**exact, "alpha": 0.9, "momentum": 0.5, "centered": True}),
            ("adagrad", "Adagrad", {**exact, "initial_accumulator_value": 0.1}),
            ("adadelta", "Adadelta", {"lr": 1.0, "rho": 0.8, "eps": 1e-3}),
            ("adamax", "Adamax", exact),
            ("nadam", "NAdam", {**betas, "momentum_decay": 1.0}),
        ]
    ]


def record_torch_schedules():
    """Record optimizers of PyTorch of which a setting is set anew before each step."""
    rising = [0.5 + 0.04 * step for step in range(12)]
    falling = [0.99 - 0.05 * step for step in range(12)]
    constant_first = [max(0.0, min(0.4, 0.1 * (9 - step))) for step in range(12)]
    records = []
    for name, class_name, config, settings in [
        ("momentum", "SGD", {"lr": 0.1, "momentum": 0.9}, {"momentum": rising}),
        ("adamw_decay", "AdamW", {"lr": 0.01, "eps": 0.0}, {"weight_decay": constant_first}),
        ("adam_beta_1", "Adam", {"lr": 0.01, "eps": 0.0}, {"beta_1": rising}),
        ("adam_beta_2", "Adam", {"lr": 0.01, "eps": 0.0}, {"beta_2": falling}),
        ("adam_betas", "Adam", {"lr": 0.01, "eps": 0.0}, {"beta_1": falling, "beta_2": rising}),
        ("amsgrad", "Adam", {"lr": 0.01, "eps": 0.0, "amsgrad": True}, {"beta_1": falling}),
        (
            "rmsprop",
            "RMSprop",
            {"lr": 0.01, "eps": 0.0, "alpha": 0.9, "momentum": 0.5},
            {"momentum": falling},
        ),
        ("adamax", "Adamax", {"lr": 0.01, "eps": 0.0}, {"beta_1": rising, "beta_2": falling}),
    ]:
        made = getattr(torch.optim, class_name)

        def before(step, optimizer, settings=settings):
            now = {key: values[step] for key, values in settings.items()}
            (group,) = optimizer.param_groups
            if "betas" in group:
                group["betas"] = (now.pop("beta_1", 0.9), now.pop("beta_2", 0.999))
            group.update(now)

        steps = torch_steps(
            lambda *variables, made=made, config=config: [made(variables, **config)], before
        )
        records.append(
            {
                "name": name,
                "class": class_name,
                "config": config,
                "settings": settings,
                "steps": steps,
            }
        )
    return records


if __name__ == "__main__":
    torch.set_num_threads(1)
    use_float64()
    start, gradients = optimizer_inputs()
    write(
        __file__,
        optimizers={
            "variables": plain(start),
            "gradients": plain(gradients),
            "keras": [record_optimizer(*case) for case in (*rules(), *policies())],
            "torch": record_torch_optimizers(),
            "torch_groups": record_torch_groups(),
            "torch_schedules": record_torch_schedules(),
            "torch_several": record_torch_several(),
        },
    )
