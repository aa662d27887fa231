"""Random streams: the same name gives the same numbers, another name others."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annlib.core.errors import ConfigurationError
from annlib.core.streams import Streams

names = st.text(min_size=1, max_size=30)
seeds = st.integers(0, 2**64)


def draw(rng, n=8):
    return rng.integers(0, 2**63, n).tolist()


@given(names, seeds)
def test_the_same_name_gives_the_same_numbers(name, seed):
    assert draw(Streams(seed).fresh(name)) == draw(Streams(seed).fresh(name))
    streams = Streams(seed)
    assert draw(streams.fresh(name)) == draw(streams.fresh(name))
    assert draw(streams.kept(name)) == draw(streams.fresh(name))


@given(names, names, seeds)
def test_no_two_streams_are_alike(one, other, seed):
    streams = Streams(seed)
    common = set(draw(streams.fresh(one))) & set(draw(streams.fresh(other)))
    assert bool(common) == (one == other)


@given(names, seeds, seeds)
def test_no_two_seeds_are_alike(name, one, other):
    common = set(draw(Streams(one).fresh(name))) & set(draw(Streams(other).fresh(name)))
    assert bool(common) == (one == other)


def test_names_that_are_nearly_the_same():
    streams = Streams(1)
    close = [
        "a",
        "aa",
        "aaa",
        "a/b",
        "ab/",
        "A",
        "a\0",
        "a\0\0",
        "dense/1",
        "dense/11",
        "ä",
        "a\u0308",
    ]
    firsts = [draw(streams.fresh(name), 1)[0] for name in close]
    assert len(set(firsts)) == len(close)


def test_kept_goes_on_and_fresh_starts_again():
    streams = Streams(3)
    whole = draw(streams.fresh("shuffle"), 20)
    kept = streams.kept("shuffle")
    assert draw(kept, 5) == whole[:5]
    draw(streams.kept("other"))
    assert draw(streams.kept("shuffle"), 15) == whole[5:]
    assert streams.kept("shuffle") is kept


def test_a_use_with_a_seed_of_its_own_does_not_see_the_models():
    assert draw(Streams(1).fresh("dropout", 9)) == draw(Streams(2).fresh("dropout", 9))
    assert draw(Streams(1).fresh("dropout", 9)) != draw(Streams(1).fresh("dropout"))
    assert draw(Streams(1).fresh("dropout/0", 9)) != draw(Streams(1).fresh("dropout/1", 9))


def test_a_state_that_went_through_json_is_where_the_streams_stood():
    streams = Streams(3)
    draw(streams.kept("shuffle"), 7)
    streams.kept("dropout/0", 5).random(3)
    state = json.loads(json.dumps(streams.state()))
    expected = {name: draw(streams.kept(name)) for name in ("shuffle", "dropout/0", "new")}
    again = Streams(3)
    again.restore(state)
    assert {name: draw(again.kept(name)) for name in expected} == expected
    streams.restore(state)
    assert {name: draw(streams.kept(name)) for name in expected} == expected
    assert again.state() == streams.state()


def test_restore_reaches_the_generators_that_passes_hold():
    streams = Streams(3)
    held = streams.kept("dropout/0")
    state = streams.state()
    expected = draw(held)
    streams.restore(state)
    assert draw(held) == expected


def test_nothing_touches_the_global_generators():
    before = np.random.get_state(legacy=False), random.getstate()
    streams = Streams()
    draw(streams.kept("a"))
    streams.restore(streams.state())
    after = np.random.get_state(legacy=False), random.getstate()
    np.testing.assert_equal(after, before)


def test_without_a_seed_one_is_drawn_and_kept():
    one, other = Streams(), Streams()
    assert one.seed != other.seed
    assert 0 <= one.seed < 2**63
    assert draw(Streams(one.seed).fresh("x")) == draw(one.fresh("x"))


@pytest.mark.parametrize("seed", [-1, True, 1.5, "1", np.array([1, 2])])
def test_a_seed_that_is_none_is_refused(seed):
    with pytest.raises(ConfigurationError, match="seed"):
        Streams(seed)
    assert Streams(np.int64(5)).seed == 5


def test_another_process_draws_the_same_numbers():
    code = (
        "from annlib.core.streams import Streams; "
        "print(Streams(42).fresh('dense/0/kernel').integers(0, 2**63, 8).tolist())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == draw(Streams(42).fresh("dense/0/kernel"))
