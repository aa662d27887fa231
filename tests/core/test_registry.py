"""Registries: one class a name, whatever its spelling, and errors that help."""

from __future__ import annotations

import pytest

from annlib.core.config import Configurable
from annlib.core.errors import ConfigurationError, UnknownNameError
from annlib.core.registry import FAMILIES, Registry, snake_case


class Fruit(Configurable):
    pass


@pytest.fixture
def fruits():
    registry = Registry("fruit", Fruit)

    @registry.register()
    class GreenApple(Fruit):
        def __init__(self, size=1):
            self.size = size

    @registry.register("pear", "birne")
    class Pear(Fruit):
        def __init__(self, size):
            self.size = size

    return registry


def test_names_match_without_regard_to_case_and_underscores(fruits):
    apple = fruits.find("green_apple")
    for name in ("GreenApple", "greenapple", "GREEN_APPLE", "Green_Apple"):
        assert fruits.find(name) is apple
    assert fruits.find("birne") is fruits.find("Pear") is fruits.find("pear")


def test_each_class_comes_once_in_the_order_of_registration(fruits):
    assert [cls.__name__ for cls in fruits] == ["GreenApple", "Pear"]


def test_get_takes_a_name_a_class_a_configuration_and_an_object(fruits):
    apple = fruits.find("green_apple")
    assert fruits.get("green_apple") == fruits.get(apple) == apple()
    assert fruits.get({"class_name": "GreenApple", "config": {"size": 3}}) == apple(3)
    three = apple(3)
    assert fruits.get(three) is three
    assert fruits.get("green_apple") is not fruits.get("green_apple")


@pytest.mark.parametrize("name", ["green_apple", "GREENAPPLE", "pear", "Birne"])
def test_a_taken_name_is_an_error_and_changes_nothing(fruits, name):
    before = fruits.find(name)
    with pytest.raises(ConfigurationError, match=f'free name, got "{name}".*{before.__name__}'):

        @fruits.register("free", name)
        class Other(Fruit):
            pass

    assert fruits.find(name) is before
    with pytest.raises(UnknownNameError):
        fruits.find("free")
    with pytest.raises(UnknownNameError):
        fruits.find("Other")


def test_the_class_name_is_a_name_as_well(fruits):
    with pytest.raises(ConfigurationError, match="Pear"):
        fruits.register("free")(type("Pear", (Fruit,), {}))


def test_registering_a_class_again_is_no_error(fruits):
    pear = fruits.find("pear")
    assert fruits.register("pear", "poire")(pear) is pear
    assert fruits.find("poire") is pear


def test_an_unknown_name_lists_the_near_ones(fruits):
    with pytest.raises(UnknownNameError, match=r'"gren_apple".*Did you mean "green_apple"\?.*pear'):
        fruits.get("gren_apple")
    with pytest.raises(UnknownNameError, match=r"Known: .*green_apple"):
        fruits.get("zzzzzz")


def test_a_class_that_needs_arguments_says_so(fruits):
    with pytest.raises(ConfigurationError, match=r"arguments for Pear.*size.*Pear\(\.\.\.\)"):
        fruits.get("pear")


@pytest.mark.parametrize(
    "identifier",
    [
        3,
        None,
        print,
        Configurable,
        int,
        {"class_name": "GreenApple"},
        {"class_name": "GreenApple", "config": {}, "module": "os"},
    ],
)
def test_anything_else_cannot_be_meant(fruits, identifier):
    with pytest.raises(ConfigurationError, match=r"fruits\.get"):
        fruits.get(identifier)


def test_nothing_is_imported_because_a_configuration_says_so(fruits):
    for name in ("os.system", "annlib.layers.Dense", "Dense", "__import__"):
        with pytest.raises(UnknownNameError):
            fruits.get({"class_name": name, "config": {}})


def test_a_family_is_known_by_its_name(fruits):
    assert FAMILIES["fruit"] is fruits


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("GlorotUniform", "glorot_uniform"),
        ("SGD", "sgd"),
        ("L1L2", "l1_l2"),
        ("MSELoss", "mse_loss"),
        ("Dense", "dense"),
    ],
)
def test_snake_case(name, snake):
    assert snake_case(name) == snake


def test_classes_are_attributes_by_keras_names_in_lower_case():
    from annlib import constraints, initializers, regularizers

    assert regularizers.l1_l2 is regularizers.L1L2
    assert initializers.he_normal is initializers.HeNormal
    assert constraints.max_norm is constraints.MaxNorm
    with pytest.raises(AttributeError, match=r"'annlib.constraints' has no attribute 'min_norm'"):
        constraints.min_norm  # noqa: B018
