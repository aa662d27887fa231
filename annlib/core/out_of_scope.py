"""Names of Keras that annlib does not have where Keras has them: each is an error with a way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, NoReturn

from annlib.core.errors import ConfigurationError

GRAPH = (
    "annlib has no graphs of layers. A chain is written as a list: "
    'Sequential([Input((4,)), Dense(8, "relu"), Dense(1)]); chains that work on columns of the one '
    "input and are joined: layers.Columns([(Dense(8), [0, 1]), (Embedding(10, 4), [2])])."
)
_OWN_STEP = (
    "annlib does not differentiate what it runs. model.train_on_batch(x, y) is a step, the hook "
    "on_gradients of a Callback shows its gradients, and a layer of your own has a backward method."
)
_FLAT = (
    "annlib is of dense networks: rows of numbers. layers.Flatten makes a row of an image or a "
    "window of a series."
)
_IMAGES = (
    "annlib is of dense networks: rows of numbers. Change images in front, in arrays or in a "
    "generator that fit takes, and put layers.Flatten first."
)
_TEXTS = (
    "Texts become numbers in front of the network: scikit-learn's CountVectorizer and "
    "TfidfVectorizer, whose sparse rows are taken as they are; layers.StringLookup for columns of "
    "words."
)
_NUMPY = (
    "annlib computes in NumPy, and so does what you write for it: np.exp(x), np.random."
    "default_rng(0). Of a function in a network: layers.Lambda(function, derivative)."
)
_ONE_TYPE = (
    'A model has one type of numbers: Sequential(..., dtype="float64"), "float32" without. The '
    "epsilon of a part is an argument of it."
)
_ONE_MACHINE = "annlib computes in NumPy on one machine."
_BACKENDS = (
    "annlib computes in NumPy. A layer of your own is a class derived from layers.Layer, with "
    "forward and backward, or a layers.Lambda(function, derivative)."
)
_REGISTER = (
    "Put @annlib.layers.register() above a class or a function of yours (@annlib.losses.register() "
    "and so on above others), or pass load_model(path, custom_objects={...})."
)
_CONFIG = (
    'An object is made of its configuration by the get of its family: layers.get({"class_name": '
    '"Dense", "config": layer.get_config()}).'
)
_FILES = "A model is in one file: model.save(path), load_model(path); model.save_weights(path)."
_VERBOSE = "How much is shown, each method is told: model.fit(x, y, verbose=0), 1 or 2."
_FOLDERS = (
    "Read files into arrays in front, or in a generator of batches (x, y), which fit takes as x."
)


class _Names(NamedTuple):
    """Names of Keras' in some packages, and what to do without them."""

    packages: str
    names: str
    how: str
    #: Whether annlib leaves out for good what they are, or has it in another place or way.
    out: bool = True


def _pools() -> Iterator[str]:
    for n in "123":
        for kind in ("Conv", "SeparableConv", "DepthwiseConv", "Convolution", "ConvLSTM"):
            yield f"{kind}{n}D"
        for kind in ("Conv", "Convolution"):
            yield f"{kind}{n}DTranspose"
        for kind in ("MaxPooling", "AveragePooling", "MaxPool", "AvgPool", "UpSampling"):
            yield f"{kind}{n}D"
        for kind in ("Cropping", "ZeroPadding", "SpatialDropout"):
            yield f"{kind}{n}D"
        for kind in ("Average", "Max"):
            yield from (f"Global{kind}Pooling{n}D", f"Adaptive{kind}Pooling{n}D")
        yield from (f"GlobalAvgPool{n}D", f"GlobalMaxPool{n}D", f"SeparableConvolution{n}D")


_ALL = (
    _Names(". models", "Model Functional", GRAPH),
    _Names(
        "layers",
        "Concatenate Add Average Dot Maximum Minimum Multiply Subtract concatenate add average dot "
        "maximum minimum multiply subtract",
        GRAPH,
    ),
    _Names(". backend utils", "KerasTensor is_keras_tensor get_source_inputs", GRAPH),
    _Names(".", "Function Operation StatelessScope SymbolicScope name_scope", GRAPH),
    _Names(". layers models", "GradientTape", _OWN_STEP),
    _Names("layers", " ".join(_pools()), _FLAT),
    _Names(
        "layers",
        "RNN LSTM GRU SimpleRNN Bidirectional TimeDistributed GRUCell LSTMCell SimpleRNNCell "
        "StackedRNNCells Attention AdditiveAttention MultiHeadAttention GroupQueryAttention "
        "Masking RepeatVector MelSpectrogram STFTSpectrogram",
        _FLAT,
    ),
    _Names(
        "layers",
        "AugMix AutoContrast CenterCrop ContrastLimitedAdaptiveHistogramEqualization CutMix "
        "Equalization MaxNumBoundingBoxes MixUp RandAugment RandomBrightness "
        "RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop "
        "RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale "
        "RandomHue RandomInvert RandomPerspective "
        "RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear "
        "RandomTranslation RandomZoom Resizing Solarization",
        _IMAGES,
    ),
    _Names("layers", "TextVectorization", _TEXTS),
    _Names(
        "layers",
        "Hashing HashedCrossing",
        "StringLookup(num_oov_indices=n) and IntegerLookup(num_oov_indices=n) spread what their "
        "vocabulary lacks over n codes; scikit-learn's FeatureHasher in front hashes all.",
    ),
    _Names("layers", "FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper", _BACKENDS),
    _Names(
        "layers",
        "EinsumDense ReversibleEmbedding",
        "layers.Dense works along the last axis of rows of any shape, and layers.Embedding gives "
        "vectors for codes.",
    ),
    _Names(
        "layers",
        "Permute",
        "It is a Lambda: layers.Lambda(lambda X: X.transpose(0, 2, 1), lambda X, dY: "
        "dY.transpose(0, 2, 1)).",
        out=False,
    ),
    _Names(
        "layers",
        "Pipeline",
        "Put the layers into a list: Sequential([...]), or one of the chains of layers.Columns.",
        out=False,
    ),
    _Names(
        "layers",
        "GroupNormalization SpectralNormalization Wrapper",
        "There are BatchNormalization, LayerNormalization, RMSNormalization and UnitNormalization, "
        'kernel_constraint="unit_norm", and layers of your own, derived from layers.Layer.',
    ),
    _Names(
        ". layers",
        "InputSpec",
        "A layer looks at the shape of its input in build(self, input_shape), and raises.",
        out=False,
    ),
    _Names(
        "losses",
        "Dice dice Tversky tversky Circle circle CTC ctc",
        "They are of images, embeddings and sequences. A loss of your own is a pair of functions, "
        "compile(loss=(fn, gradient)), or a class derived from losses.Loss.",
    ),
    _Names(
        "metrics",
        "IoU BinaryIoU MeanIoU OneHotIoU OneHotMeanIoU",
        "They are of images. A metric of your own is a function of (y_true, y_pred), or a class "
        'derived from metrics.Metric; metrics.F1Score(average="macro") is near.',
    ),
    _Names(
        ". optimizers",
        "LossScaleOptimizer mixed_precision",
        f"{_ONE_TYPE} There is no half precision, and no loss to be scaled.",
    ),
    _Names("optimizers", "legacy", "The optimizers are annlib.optimizers' own."),
    _Names(
        "callbacks",
        "OrbaxCheckpoint",
        "callbacks.ModelCheckpoint writes models, callbacks.BackupAndRestore a run to resume.",
    ),
    _Names("callbacks utils", "ProgbarLogger Progbar", _VERBOSE, out=False),
    _Names(
        "callbacks",
        "RemoteMonitor",
        "callbacks.LambdaCallback(on_epoch_end=function) sends logs wherever the function does.",
    ),
    _Names(
        "utils config",
        "enable_interactive_logging disable_interactive_logging is_interactive_logging_enabled",
        _VERBOSE,
        out=False,
    ),
    _Names(
        "utils saving",
        "CustomObjectScope custom_object_scope get_custom_objects register_keras_serializable "
        "get_registered_name get_registered_object",
        _REGISTER,
        out=False,
    ),
    _Names(
        "utils saving activations constraints initializers layers losses metrics optimizers "
        "regularizers optimizers.schedules schedules",
        "serialize deserialize serialize_keras_object deserialize_keras_object",
        _CONFIG,
        out=False,
    ),
    _Names("saving", "load_model save_model load_weights save_weights", _FILES, out=False),
    _Names(
        "saving",
        "KerasFileEditor",
        f"{_FILES} The file is of safetensors, which reads and writes its arrays.",
    ),
    _Names(
        "utils",
        "FeatureSpace",
        "Mixed columns are layers.Columns([(layer, columns), ...]), with StringLookup, "
        "Discretization, Normalization and Embedding for their layers.",
    ),
    _Names(
        "utils",
        "PyDataset Sequence",
        "Any object with __getitem__ and __len__ that gives batches (x, y) is one: fit(dataset). "
        "Leave out the base class.",
        out=False,
    ),
    _Names(
        "utils",
        "image_dataset_from_directory text_dataset_from_directory audio_dataset_from_directory",
        _FOLDERS,
    ),
    _Names(
        "utils",
        "timeseries_dataset_from_array",
        "Windows of a series: np.lib.stride_tricks.sliding_window_view(series, length), which "
        "copies nothing; layers.Flatten makes a row of a window.",
    ),
    _Names(
        "utils",
        "array_to_img img_to_array load_img save_img bounding_boxes",
        "Images are read and written by Pillow or imageio; np.asarray(image) is an array.",
    ),
    _Names(
        "utils",
        "pad_sequences",
        "annlib is of dense networks: rows of one length. np.pad makes them so, or a bag of words: "
        'layers.CategoryEncoding(n, "multi_hot").',
    ),
    _Names("utils", "model_to_dot", "plot_model(model) draws a model.", out=False),
    _Names(
        "utils",
        "split_dataset",
        "sklearn.model_selection.train_test_split(x, y) splits arrays; so does "
        "fit(validation_split=0.2).",
        out=False,
    ),
    _Names(
        "utils",
        "pack_x_y_sample_weight unpack_x_y_sample_weight",
        "A batch is a tuple: (x, y) or (x, y, sample_weight).",
        out=False,
    ),
    _Names("utils", "Config legacy", "A configuration is a dict: get_config()."),
    _Names(
        "initializers",
        "IdentityInitializer OrthogonalInitializer",
        "They are initializers.Identity and initializers.Orthogonal.",
        out=False,
    ),
    _Names("initializers", "STFT STFTInitializer stft", "It is of sequences of sound."),
    _Names("config", "floatx", "backend.floatx() says it.", out=False),
    _Names(
        ". backend utils config",
        "set_floatx epsilon set_epsilon dtype_policy set_dtype_policy dtype_policies "
        "DTypePolicy FloatDTypePolicy standardize_dtype result_type is_float_dtype is_int_dtype",
        _ONE_TYPE,
    ),
    _Names(
        "backend config",
        "backend set_backend image_data_format set_image_data_format get_uid",
        _ONE_MACHINE,
    ),
    _Names(
        "datasets",
        "cifar10 cifar100",
        "annlib is of dense networks, and small colour pictures are none of their data. mnist and "
        "fashion_mnist are there; utils.get_file fetches other files.",
    ),
    _Names(
        ".",
        "ops random tree",
        _NUMPY,
        out=False,
    ),
    _Names(
        ".",
        "config",
        f"{_ONE_TYPE} Seeds: utils.set_random_seed. {_VERBOSE}",
        out=False,
    ),
    _Names(
        ".",
        "device distribution remat RematScope",
        f"{_ONE_MACHINE} fit(threads=n) limits the threads of its products.",
    ),
    _Names(". ", "quantizers Quantizer", f"{_ONE_MACHINE} {_ONE_TYPE}"),
    _Names(".", "applications distillation", f"{_FLAT} There are no trained models to fetch."),
    _Names(".", "preprocessing", f"{_IMAGES} {_TEXTS}"),
    _Names(".", "saving legacy", f"{_FILES} {_REGISTER}", out=False),
    _Names(
        "export",
        "ExportArchive",
        "A model is exported whole: annlib.export.onnx(model, path), or saved: model.save(path), "
        "load_model(path).",
        out=False,
    ),
    _Names(".", "visualization", "Drawings are in annlib.plots.", out=False),
    _Names(
        ".",
        "wrappers",
        "They are annlib.SequentialClassifier, SequentialRegressor and HiddenLayerTransformer.",
        out=False,
    ),
    *(
        _Names(".", name, f"It is annlib.{package}.{name}.", out=False)
        for name, package in (
            *(("Layer", "layers"), ("Loss", "losses"), ("Metric", "metrics")),
            *(("Optimizer", "optimizers"), ("Regularizer", "regularizers")),
            ("Initializer", "initializers"),
        )
    ),
    _Names(".", "version", "It is annlib.__version__, and annlib.show_versions().", out=False),
    _Names(
        ".",
        "Variable",
        "A layer declares its parameters in build: self.add_weight(name, shape).",
        out=False,
    ),
)


def _by_place(all_names: Sequence[_Names]) -> dict[tuple[str, str], _Names]:
    return {
        ("annlib" if package == "." else f"annlib.{package}", name): group
        for group in all_names
        for package in group.packages.split()
        for name in group.names.split()
    }


_HOWS = _by_place(_ALL)


class _StandIn(type):
    """The class of what stands in the place of a name that annlib does not have there."""

    _said: str

    def __getattr__(cls, name: str) -> NoReturn:
        hint = "" if name.startswith("__") else f": {cls._said}"
        raise AttributeError(f"'{cls.__name__}' has no attribute '{name}'{hint}", name=None)


def missing(package: str) -> list[str]:
    """The names of Keras' that stand for errors in this package."""
    return [name for place, name in _HOWS if place == package]


def way_of(package: str, name: str) -> str:
    """What to do without a name of Keras' in this package of annlib's; empty for other names."""
    return _HOWS[package, name].how if (package, name) in _HOWS else ""


def stand_in(package: str, name: str) -> Any:
    """A class in the place of one that annlib does not have there, which explains that when it is
    used; None for other names. So an import that is not used stops no script.
    """
    group = _HOWS.get((package, name))
    if group is None:
        return None
    expected, got = "what a network in a row is made of", ", which is out of scope."
    if not group.out:
        expected, got = "a name that annlib has here", ", which is written otherwise."
    said = f"{package}.{name}: expected {expected}, got Keras' {name}{got} {group.how}"

    def refuse(*_arguments: Any, **_keywords: Any) -> NoReturn:
        raise ConfigurationError(said)

    doc = f"{'Out of scope' if group.out else 'Written otherwise'}. {group.how}"
    space = {"__new__": refuse, "__init_subclass__": classmethod(refuse), "__module__": package}
    return _StandIn(name, (), {**space, "__doc__": doc, "_said": said})
