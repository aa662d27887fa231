"""What a package shows: its public names in ``dir``, and the near one for a misspelt."""

import importlib
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import annlib
from annlib.core.config import suggest

ROOT = Path(annlib.__file__).parent
PACKAGES = sorted(
    ".".join(path.parent.relative_to(ROOT.parent).parts)
    for path in ROOT.rglob("__init__.py")
    if path.read_text(encoding="utf-8").strip()
)
MODULES = ("annlib.utils", "annlib.optimizers.schedules")
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
