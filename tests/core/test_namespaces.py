"""What a package shows: its public names in ``dir``, and the near one for a misspelt."""

import importlib
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from golden import recorded

import annlib
from annlib.core.registry import FAMILIES
from annlib.core.suggestion import suggest

ROOT = Path(annlib.__file__).parent
PACKAGES = sorted(
    ".".join(path.parent.relative_to(ROOT.parent).parts)
    for path in ROOT.rglob("__init__.py")
    if path.read_text(encoding="utf-8").strip()
)
MODULES = ("annlib.backend", "annlib.utils", "annlib.optimizers.schedules")
every_package = pytest.mark.parametrize("name", [*PACKAGES, *MODULES])


@every_package
def test_dir_shows_what_is_public_and_nothing_else(name):
    package = importlib.import_module(name)
    assert dir(package) == sorted(package.__all__)


@every_package
def test_a_misspelt_name_names_the_near_one(name):
    package = importlib.import_module(name)
    for public in package.__all__:
        if len(public) < 4 or public.startswith("_"):
            continue
        middle = len(public) // 2
        left_out = public[:middle] + public[middle + 1 :]
        swapped = public[: middle - 1] + public[middle] + public[middle - 1] + public[middle + 1 :]
        for misspelt in {left_out, swapped} - set(package.__all__):
            if hasattr(package, misspelt):
                continue
            with pytest.raises(AttributeError, match=rf"'{name}' has no attribute") as caught:
                getattr(package, misspelt)
            hint = str(caught.value).partition('Did you mean "')[2].partition('"')[0]
            # Another name may be as near: normalize and Normalization, relu and relu6.
            near, meant = (text.replace("_", "").lower() for text in (hint, public))
            assert near == meant or near[:3] == meant[:3]


@pytest.mark.parametrize(
    ("expression", "meant"),
    [
        ("annlib.Sequental", "Sequential"),
        ("annlib.layers.Dnse", "Dense"),
        ("annlib.layers.Dnese", "Dense"),
        ("annlib.layers.dense", None),  # the module of that name
        ("annlib.optimizers.Adma", "Adam"),
        ("annlib.regularizers.l2", None),
        ("annlib.regularizers.l_2", "L2"),
        ("annlib.layers.get('desne')", "dense"),
        ("annlib.layers.get('Dnese')", "dense"),
        ("annlib.optimizers.get('adma')", "adam"),
        ("annlib.optimizers.get('sdg')", "sgd"),
        ("annlib.losses.get('mean_squared_erorr')", "mean_squared_error"),
    ],
)
def test_the_near_name_is_in_the_message_itself(expression, meant):
    if meant is None:
        eval(expression)
        return
    with pytest.raises((AttributeError, annlib.UnknownNameError)) as caught:
        eval(expression)
    assert f'Did you mean "{meant}"?' in str(caught.value)


def test_a_traceback_suggests_once():
    ran = subprocess.run(
        [sys.executable, "-c", "import annlib; annlib.layers.Dnse"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stderr.count("Did you mean") == 1


def test_what_python_asks_a_module_for_gets_a_short_answer():
    with pytest.raises(AttributeError, match=r"^module 'annlib' has no attribute '__wrapped__'$"):
        annlib.__wrapped__  # noqa: B018


def test_packages_that_few_need_are_reached_from_annlib():
    code = (
        "import sys, annlib\n"
        "assert not {'annlib.testing', 'annlib.reference'} & set(sys.modules)\n"
        "annlib.testing.check_layer, annlib.reference.relu_8_1"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_name_that_is_loaded_when_it_is_asked_for_is_found_once():
    assert annlib.Sequential is annlib.models.Sequential
    assert pickle.loads(pickle.dumps(annlib.Sequential)) is annlib.Sequential


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [("adma", "adam"), ("sdg", "sgd"), ("Adam_X", "adamax"), ("rmsporp", "rmsprop")],
)
def test_swaps_case_and_underscores_are_no_great_distance(misspelt, meant):
    known = ["adadelta", "adagrad", "adam", "adamax", "adamw", "rmsprop", "sgd"]
    assert suggest(misspelt, known).startswith(f'Did you mean "{meant}"?')


def test_of_many_names_the_dozen_most_alike_are_listed():
    known = [f"name_{i}" for i in range(100)]
    text = suggest("name_7x", known)
    assert text.startswith('Did you mean "name_7"? Known: name_7, ')
    assert text.endswith(", and 88 more.")
    assert text.count(", ") == 12


def subclass(base):
    class Own(base):
        def call(self, inputs):
            return inputs

    return Own


@pytest.mark.parametrize(
    ("package", "name", "use", "shown"),
    [
        ("annlib", "Model", lambda cls: cls(inputs=1, outputs=2), r"Sequential\(\[Input"),
        ("annlib.models", "Model", subclass, r"Sequential\(\[Input.*Columns"),
        ("annlib", "GradientTape", lambda cls: cls(persistent=True), "train_on_batch"),
        ("annlib.layers", "Concatenate", lambda cls: cls()([1, 2]), r"layers\.Columns"),
        ("annlib.layers", "concatenate", lambda function: function([1, 2]), r"layers\.Columns"),
        ("annlib.layers", "Conv2D", lambda cls: cls(32, 3, activation="relu"), r"layers\.Flatten"),
        ("annlib.layers", "LSTM", lambda cls: cls(10), "rows of numbers"),
    ],
)
def test_what_is_out_of_scope_says_so_when_it_is_used(package, name, use, shown):
    """And an import alone stops no script."""
    space = {}
    exec(f"from {package} import {name}", space)
    with pytest.raises(
        annlib.ConfigurationError, match=rf"^{package}\.{name}: .*out of scope\. .*{shown}"
    ):
        use(space[name])
    assert name not in dir(importlib.import_module(package))
    assert "out of scope" in space[name].__doc__.lower()


KERAS = recorded("names")


@pytest.mark.parametrize("package", [*KERAS["packages"]])
def test_every_public_name_of_keras_is_there_or_shows_a_way(package):
    """Modules of Keras that annlib has not are names of the package above."""
    module = importlib.import_module(f"annlib.{package}" if package else "annlib")
    for name in KERAS["packages"][package]:
        found = getattr(module, name)
        if isinstance(found, type) and (found.__doc__ or "").startswith(("Out of", "Written oth")):
            place = f"{module.__name__}.{name}"
            with pytest.raises(annlib.ConfigurationError, match=rf"^{place}: expected .*Keras' "):
                found()
            with pytest.raises(annlib.ConfigurationError, match=rf"^{place}: "):
                type("Own", (found,), {})
            assert len(found.__doc__.partition(". ")[2]) > 20


def test_a_module_of_keras_shows_the_way_when_something_of_it_is_used():
    with pytest.raises(AttributeError, match=r"'ops' has no attribute 'exp': .*np\.exp\(x\)"):
        annlib.ops.exp([1.0])
    with pytest.raises(AttributeError, match=r"np\.random\.default_rng"):
        annlib.random.normal((2, 3))
    with pytest.raises(annlib.ConfigurationError, match=r"annlib\.export\.onnx"):
        annlib.export.ExportArchive()


@pytest.mark.parametrize(
    ("registry", "names", "meant"),
    [
        ("losses", "mse_loss MSELoss nn.MSELoss torch.nn.MSELoss mse-loss", '"mse"'),
        ("losses", "l1 L1Loss l1_loss absolute_error", '"mae"'),
        ("losses", "l2 squared_error rmse", '"mse"'),
        ("losses", "BCELoss bce_loss", '"bce"'),
        ("losses", "SmoothL1Loss smooth_l1", '"huber"'),
        ("losses", "BCEWithLogitsLoss bce_with_logits", "losses.BinaryCrossentropy(from_logits"),
        (
            "losses",
            "cross_entropy CrossEntropyLoss nll NLLLoss",
            '"sparse_categorical_crossentropy"',
        ),
        ("losses", "log_loss", '"binary_crossentropy" for two classes'),
        ("losses", "kl kl_div KLDivLoss", '"kl_divergence"'),
        ("losses", "PoissonNLLLoss mean_poisson_deviance", '"poisson"'),
        ("losses", "hinge_loss HingeLoss", '"hinge"'),
        ("metrics", "acc accuracy_score", '"accuracy"'),
        ("metrics", "f1 F1 f1-score", '"f1_score"'),
        ("metrics", "f1_macro", 'metrics.F1Score(average="macro")'),
        ("metrics", "r2 R2", '"r2_score"'),
        ("metrics", "rmse neg_root_mean_squared_error", '"root_mean_squared_error"'),
        ("metrics", "roc_auc roc_auc_score auroc", '"auc"'),
        ("metrics", "average_precision pr_auc", 'metrics.AUC(curve="PR")'),
        ("metrics", "recall_score sensitivity tpr", '"recall"'),
        ("metrics", "balanced_accuracy_score", 'metrics.Recall(average="macro")'),
        ("optimizers", "momentum", "optimizers.SGD(momentum=0.9)"),
        ("optimizers", "AdamOptimizer radam SparseAdam", '"adam"'),
        ("optimizers", "L-BFGS l-bfgs-b", '"lbfgs"'),
        ("activations", "logistic", '"sigmoid"'),
        ("activations", "lrelu", '"leaky_relu"'),
        ("activations", "PReLU", "layers.PReLU()"),
        ("initializers", "xavier_uniform xavier glorot", '"glorot_uniform"'),
        ("initializers", "kaiming_normal_ he", '"he_normal"'),
        ("regularizers", "elasticnet", "regularizers.L1L2(l1=0.01, l2=0.01)"),
        ("layers", "Linear nn.Linear fc", '"dense"'),
    ],
)
def test_names_from_elsewhere_are_known_and_what_they_stand_for_exists(registry, names, meant):
    module = importlib.import_module(f"annlib.{registry}")
    for name in names.split():
        with pytest.raises(annlib.UnknownNameError) as caught:
            module.registry.get(name)
        assert f"Did you mean {meant}" in str(caught.value)
    compiled = {**vars(annlib), "layers": annlib.layers, "losses": annlib.losses}
    if "(" in meant and meant.endswith(")"):
        eval(meant, {n: getattr(annlib, n) for n in annlib.__all__} | compiled)
    elif '"' in meant and meant != '"accuracy"':
        module.registry.find(meant.split('"')[1])


def test_every_name_that_is_meant_is_one():
    from annlib.core.other_names import _MEANT

    space = {n: getattr(annlib, n) for n in annlib.__all__} | {"np": np}
    for family, table in _MEANT.items():
        for meant in set(table.values()) if family != "argument" else ():
            names = re.findall(r'"(\w+)"', meant) if "(" not in meant else []
            for name in names:
                FAMILIES[family].find(name)
            if not names:
                eval(meant.removeprefix("the pair "), space)


@pytest.mark.parametrize(
    ("attribute", "meant"),
    [
        ("losses.MSELoss", '"MeanSquaredError"'),
        ("layers.Linear", '"Dense"'),
        ("layers.BatchNorm1d", '"BatchNormalization"'),
        ("metrics.F1", '"F1Score"'),
        ("optimizers.Momentum", "optimizers.SGD(momentum=0.9)"),
        ("initializers.XavierUniform", '"GlorotUniform"'),
    ],
)
def test_attributes_from_elsewhere_name_the_class(attribute, meant):
    with pytest.raises(AttributeError) as caught:
        eval(f"annlib.{attribute}")
    assert f"Did you mean {meant}?" in str(caught.value)


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        (lambda: annlib.optimizers.SGD(lr=0.1), "learning_rate"),
        (lambda: annlib.optimizers.Adam(eps=0.1), "epsilon"),
        (lambda: annlib.layers.Dense(3, bias=False), "use_bias"),
        (lambda: annlib.layers.Dropout(0.5, nosie_shape=(3,)), "noise_shape"),
    ],
)
def test_arguments_from_elsewhere_are_known(call, meant):
    with pytest.raises(annlib.ConfigurationError, match=f'Did you mean "{meant}"'):
        call()


def test_a_name_that_is_out_of_scope_says_why_in_compile_too():
    model = annlib.Sequential([annlib.layers.Dense(1)])
    for name in ("dice", "Dice", "dice_loss", "ctc"):
        with pytest.raises(annlib.UnknownNameError, match="images, embeddings and sequences"):
            model.compile(loss=name)
    with pytest.raises(annlib.UnknownNameError, match="They are of images"):
        model.compile(loss="mse", metrics=["mean_io_u"])


def test_elsewhere_and_others_are_unknown_names():
    assert not hasattr(annlib.losses, "Model")
    assert not hasattr(annlib.layers, "Conv4D")
    for expression in ("annlib.Model", "annlib.layers.LSTM"):
        assert isinstance(eval(expression), type)
