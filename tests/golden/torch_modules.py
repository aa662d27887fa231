"""PyTorch's modules as plain values, what they predict, and what ``annlib.export.to_torch`` makes.
From the folder ``tests``::

    PYTHONPATH=..:$PWD python -m golden.torch_modules
"""

import copy
import inspect

import numpy as np
import torch
from torch import nn

from annlib import Sequential, layers
from annlib.export import from_torch, to_torch
from golden.recorder import draw, plain, write

ACTIVATIONS = [
    *(nn.ReLU(), nn.ReLU6(), nn.LeakyReLU(0.3), nn.ELU(0.7), nn.CELU(0.6), nn.SELU(), nn.SiLU()),
    *(nn.GELU(), nn.GELU(approximate="tanh"), nn.Mish(), nn.Softplus(), nn.Softsign()),
    *(nn.Sigmoid(), nn.LogSigmoid(), nn.Tanh(), nn.Hardtanh(), nn.Hardsigmoid(), nn.Hardswish()),
    *(nn.Hardshrink(0.4), nn.Softshrink(0.3), nn.Tanhshrink(), nn.Threshold(0.1, -2.0)),
    *(nn.Softmax(-1), nn.Softmax(1), nn.LogSoftmax(-1), nn.GLU()),
]


def frozen(module):
    return module.requires_grad_(requires_grad=False)


#: Modules, and the shape of a row where they do not say it; codes for an Embedding.
MODULES = {
    **{f"{one!r} alone": (nn.Sequential(one), (4,)) for one in ACTIVATIONS},
    "activations behind Linear": (
        nn.Sequential(*[part for one in ACTIVATIONS[:-1] for part in (nn.Linear(3, 3), one)]),
        None,
    ),
    "named": (
        nn.Sequential()
        .append(nn.Linear(3, 4, bias=False))
        .append(nn.Sequential(nn.Tanh(), nn.Dropout(0.2), frozen(nn.Linear(4, 2)))),
        None,
    ),
    "normalized": (
        nn.Sequential(
            *(nn.BatchNorm1d(4, eps=1e-3, momentum=0.2), nn.BatchNorm1d(4, affine=False)),
            *(nn.BatchNorm1d(4, bias=False), nn.Linear(4, 4), nn.LayerNorm(4, eps=1e-2)),
            *(nn.LayerNorm(4, bias=False), nn.LayerNorm(4, elementwise_affine=False)),
            *(nn.RMSNorm(4, eps=0.1), nn.AlphaDropout(0.3), nn.RMSNorm(4), nn.Identity()),
            *(nn.PReLU(), nn.PReLU(4, init=0.3)),
        ),
        None,
    ),
    "RMSNorm of small numbers": (
        nn.Sequential(
            nn.Linear(4, 4), nn.Threshold(10.0, 1e-4), nn.RMSNorm(4, elementwise_affine=False)
        ),
        None,
    ),
    "codes": (
        nn.Sequential(
            *(nn.Embedding(5, 3), nn.BatchNorm1d(2), nn.LayerNorm((2, 3)), nn.PReLU(2)),
            *(nn.Flatten(), nn.Linear(6, 4), nn.Unflatten(1, (2, 2)), nn.Linear(2, 3)),
            *(nn.Softmax(-1), nn.Flatten(1, 2), nn.RMSNorm((6,)), nn.Linear(6, 1)),
        ),
        (2,),
    ),
}

#: annlib's layers that no module becomes, and those of an argument that modules do not have.
LAYERS = {
    "layers of activations": (
        (4,),
        [
            *(layers.ReLU(), layers.ReLU(max_value=6.0), layers.ReLU(negative_slope=0.2)),
            *(layers.LeakyReLU(0.4), layers.ELU(0.7), layers.Softmax()),
            *(layers.Activation("gelu"), layers.Dense(3, layers.LeakyReLU(0.1), name="a.b")),
        ],
    ),
    "shapes": (
        (4,),
        [
            *(layers.Reshape((2, 2)), layers.PReLU(shared_axes=[2]), layers.Reshape((4,))),
            *(layers.Reshape((2, 2)), layers.BatchNormalization(axis=1), layers.Flatten()),
            layers.Dense(2),
        ],
    ),
    "normalizations": (
        (4,),
        [
            *(layers.BatchNormalization(scale=False), layers.BatchNormalization(center=False)),
            *(layers.LayerNormalization(scale=False), layers.LayerNormalization(center=False)),
            *(layers.RMSNormalization(), layers.Dense(2, use_bias=False, trainable=False)),
        ],
    ),
}


def described(module):
    """A module in plain values: its class, its own attributes and its state."""
    own = {key: value for key, value in vars(module).items() if not key.startswith("_")}
    own.pop("training")
    state = {**module._parameters, **module._buffers}
    return {
        "class": type(module).__name__,
        "attributes": {key: plain(value) for key, value in own.items()},
        "parameters": [*module._parameters],
        "frozen": [
            n for n, p in module._parameters.items() if p is not None and not p.requires_grad
        ],
        "state": {
            name: None if one is None else plain(one.detach()) for name, one in state.items()
        },
        "children": {name: described(child) for name, child in module._modules.items()},
    }


def fill(rng, module):
    """Numbers that have no pattern in the place of what a module begins with."""
    for name, tensor in module.state_dict().items():
        if tensor.dtype.is_floating_point:
            drawn = draw(rng, *tensor.shape, scale=0.7)
            tensor.copy_(torch.tensor(np.abs(drawn) + 0.3 if "var" in name else drawn))
    return module.eval()


def outputs(module, x):
    """What it predicts in both types."""
    found = {}
    for kind in ("float32", "float64"):
        made = copy.deepcopy(module).to(getattr(torch, kind))
        given = torch.tensor(x, dtype=None if x.dtype.kind == "i" else getattr(torch, kind))
        with torch.no_grad():
            found[kind] = plain(made(given))
    return found


def rows(rng, name, shape):
    return rng.integers(0, 5, (6, *shape)) if name == "codes" else draw(rng, 6, *shape, scale=1.5)


def of_module(name, module, shape):
    rng = np.random.default_rng(8)
    fill(rng, module.double())
    x = rows(rng, name, shape or (module[0].in_features if name != "normalized" else 4,))
    back = described(to_torch(from_torch(module, shape)))
    found = {"input_shape": shape, "module": described(module), "back": back}
    return plain({**found, "x": x, "predicted": outputs(module, x)})


def of_layers(name, shape, parts):
    rng = np.random.default_rng(9)
    model = Sequential([layers.Input(shape), *parts], dtype="float64", seed=0)
    drawn = [draw(rng, *one.shape, scale=0.7) for one in model.get_weights()]
    kinds = [p.name for layer in model.layers for p in layer._parameters]
    pairs = zip(drawn, kinds, strict=True)
    model.set_weights([np.abs(one) + 0.3 if "variance" in kind else one for one, kind in pairs])
    x = rows(rng, name, shape)
    module = to_torch(model)
    found = {"config": model.get_config(), "weights": model.get_weights(), "x": x}
    return plain({**found, "back": described(module), "predicted": outputs(module, x)})


def signatures(used):
    """The arguments of each class, with their defaults."""
    found = {}
    for name in sorted(used):
        parameters = inspect.signature(getattr(nn, name)).parameters.values()
        found[name] = {p.name: None if p.default is p.empty else p.default for p in parameters}
    return found


def classes(described_module):
    yield described_module["class"]
    for child in described_module["children"].values():
        yield from classes(child)


if __name__ == "__main__":
    modules = {name: of_module(name, *case) for name, case in MODULES.items()}
    models = {name: of_layers(name, *case) for name, case in LAYERS.items()}
    ways = [one["module"] for one in modules.values()]
    ways += [one["back"] for one in (*modules.values(), *models.values())]
    write(
        __file__,
        modules=modules,
        models=models,
        signatures=signatures({name for way in ways for name in classes(way)} - {"Sequential"}),
        activations=nn.modules.activation.__all__,
    )
