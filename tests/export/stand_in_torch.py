"""As much of PyTorch as ``from_torch`` and ``to_torch`` touch, of modules that PyTorch described:
modules hold arguments and numbers, and compute nothing.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

#: The parameters and the buffers that a new module has, by its arguments.
SHAPES = {
    "Linear": lambda m, bias: (
        {"weight": (m.out_features, m.in_features), "bias": (m.out_features,) if bias else None},
        {},
    ),
    "BatchNorm1d": lambda m, bias: (
        dict.fromkeys(("weight", "bias"), (m.num_features,)),
        {"running_mean": (m.num_features,), "running_var": (m.num_features,)},
    ),
    "LayerNorm": lambda m, bias: (dict.fromkeys(("weight", "bias"), m.normalized_shape), {}),
    "RMSNorm": lambda m, bias: ({"weight": m.normalized_shape}, {}),
    "Embedding": lambda m, bias: ({"weight": (m.num_embeddings, m.embedding_dim)}, {}),
    "PReLU": lambda m, bias: ({"weight": (m.num_parameters,)}, {}),
}


class Tensor:
    def __init__(self, values, requires_grad=False):
        self.values, self.requires_grad = values, requires_grad

    dtype = property(lambda self: f"torch.{self.values.dtype}")
    shape = property(lambda self: self.values.shape)

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        return self.values

    def new_tensor(self, values):
        return Tensor(np.array(values, self.values.dtype))

    def reshape(self, shape):
        return Tensor(self.values.reshape(shape))

    def requires_grad_(self, requires_grad=True):
        self.requires_grad = requires_grad


class Module:
    def __init__(self):
        self._parameters, self._buffers, self._modules = {}, {}, {}

    def __getattr__(self, name):
        for kind in ("_parameters", "_buffers"):
            if name in vars(self).get(kind, {}):
                return vars(self)[kind][name]
        raise AttributeError(name)

    def named_parameters(self):
        yield from ((name, one) for name, one in self._parameters.items() if one is not None)

    named_modules = None

    def parameters(self):
        yield from (one for _, one in self.named_parameters())
        for child in self._modules.values():
            yield from child.parameters()

    def state_dict(self):
        both = {**self._parameters, **self._buffers}
        return {name: one for name, one in both.items() if one is not None}

    def load_state_dict(self, state):
        assert state.keys() == self.state_dict().keys()
        for name, tensor in state.items():
            own = self.state_dict()[name]
            assert own.shape == tensor.shape
            own.values = tensor.values

    def requires_grad_(self, requires_grad=True):
        for one in self.parameters():
            one.requires_grad = requires_grad

    def to(self, dtype):
        for one in self.state_dict().values():
            if one.values.dtype.kind == "f":
                one.values = one.values.astype(dtype)
        for child in self._modules.values():
            child.to(dtype)
        return self

    def eval(self):
        return self


class Sequential(Module):
    def __init__(self, modules):
        super().__init__()
        self._modules = dict(modules)


Module.__module__ = Sequential.__module__ = "torch.nn.modules"


def class_of(name, arguments):
    """A class of modules, of the signature that PyTorch's has."""

    def __init__(self, *given, **named):
        Module.__init__(self)
        values = {**arguments, **dict(zip(arguments, given, strict=False)), **named}
        assert values.keys() == arguments.keys()
        bias, _, kind = (values.pop(key, None) for key in ("bias", "device", "dtype"))
        if isinstance(values.get("normalized_shape"), int):
            values["normalized_shape"] = [values["normalized_shape"]]
        vars(self).update(values)
        parameters, buffers = SHAPES.get(name, lambda *_: ({}, {}))(self, bias)
        for own, shapes, trains in (
            (self._parameters, parameters, True),
            (self._buffers, buffers, False),
        ):
            for key, shape in shapes.items():
                first = 1 if key in ("weight", "running_var") else 0
                own[key] = (
                    None if shape is None else Tensor(np.full(shape, first, kind or "f4"), trains)
                )

    return type(name, (Module,), {"__init__": __init__, "__module__": "torch.nn.modules"})


def torch_of(signatures, names_of_activations):
    """The package."""
    classes = {name: class_of(name, arguments) for name, arguments in signatures.items()}
    activation = SimpleNamespace(__all__=names_of_activations)
    modules = SimpleNamespace(activation=activation)
    nn = SimpleNamespace(Module=Module, Sequential=Sequential, modules=modules, **classes)
    return SimpleNamespace(nn=nn, float32=np.float32, float64=np.float64)


def module_of(torch, given, dtype):
    """A module as it was described, with numbers of this type."""
    cls = getattr(torch.nn, given["class"])
    made = cls.__new__(cls)
    Module.__init__(made)
    vars(made).update(given["attributes"])
    for name, values in given["state"].items():
        kind = np.int64 if name == "num_batches_tracked" else dtype
        own = made._parameters if name in given["parameters"] else made._buffers
        tensor = None if values is None else Tensor(np.array(values, kind))
        if name in given["parameters"] and tensor is not None:
            tensor.requires_grad = name not in given["frozen"]
        own[name] = tensor
    for name, child in given["children"].items():
        made._modules[name] = module_of(torch, child, dtype)
    return made
