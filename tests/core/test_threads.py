"""The threads of matrix products, and the second thread for long vectors."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from annlib import Sequential, layers
from annlib.core import threads
from annlib.core.threads import ProductThreads, SecondThread
from annlib.training import step


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.fixture
def products():
    """Two threads to begin with, whatever the machine has."""
    own = ProductThreads()
    before = [library.num_threads for library in own._libraries]
    for library in own._libraries:
        library.set_num_threads(2)
    yield own
    for library, count in zip(own._libraries, before, strict=True):
        library.set_num_threads(count)


def test_a_limit_holds_within_and_what_was_before_comes_back(products):
    with products.limited(1):
        assert set(blas_threads()) == {1}
    assert set(blas_threads()) == {2}
    with pytest.raises(KeyError), products.limited(1):
        raise KeyError
    assert set(blas_threads()) == {2}
    with products.limited(None):
        assert set(blas_threads()) == {2}


@pytest.mark.parametrize("first_out", ["main", "other"])
def test_trainings_that_overlap_leave_no_limit_behind(products, first_out):
    inside, leave = threading.Event(), threading.Event()

    def train():
        with products.limited(1):
            inside.set()
            leave.wait(10)

    other = threading.Thread(target=train)
    with products.limited(1):
        assert set(blas_threads()) == {1}
        other.start()
        assert inside.wait(10)
        if first_out == "other":
            leave.set()
            other.join()
            assert set(blas_threads()) == {1}
    leave.set()
    other.join()
    assert set(blas_threads()) == {2}


def test_the_rule_goes_by_size_alone_and_sleeps_where_the_process_was_told(monkeypatch):
    for name in threads._SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads, "processors", lambda: 2)
    assert threads.blas_threads_for(threads.LARGE - 1) == 1
    assert threads.blas_threads_for(threads.LARGE) is None
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert threads.blas_threads_for(10) is None
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(threads, "processors", lambda: 1)
    assert threads.blas_threads_for(10) is None


@pytest.mark.parametrize("count", [1, 2, 7])
def test_two_threads_do_every_part_once(count):
    done, names, lock = [], set(), threading.Lock()

    def work(part):
        with lock:
            done.append(part)
            names.add(threading.current_thread().name)

    SecondThread().run(work, list(range(count)))
    assert sorted(done) == list(range(count))
    assert len(names) == min(count, 2)


@pytest.mark.parametrize("bad", [0, 3])
def test_an_error_in_either_half_comes_out(bad):
    def work(part):
        if part == bad:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        SecondThread().run(work, [0, 1, 2, 3])


def test_the_second_thread_is_as_silent_as_a_training():
    SecondThread().run(lambda part: np.float32(1) / np.zeros(1, "f"), [0, 1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_of_fork_makes_a_thread_of_its_own():
    code = """
import os
from annlib.core.threads import second_thread
done = []
second_thread.run(done.append, [1, 2])
child = os.fork()
if not child:
    second_thread.run(done.append, [3, 4])
    os._exit(0 if sorted(done) == [1, 2, 3, 4] else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr


def test_matrices_count_for_the_threads_of_products_whatever_their_name(monkeypatch):
    class Own(layers.Layer):
        def build(self, input_shape):
            self.add_weight("W", (input_shape[-1], 200), initializer="glorot_uniform")

        def compute_output_shape(self, input_shape):
            return (None, 200)

        def forward(self, x, work, *, training=False):
            work["x"] = x
            return x @ self.W

        def backward(self, dy, work, *, input_gradient=True):
            self.gradients["W"][...] = work["x"].T @ dy
            return dy @ self.W.T

    seen = []
    monkeypatch.setattr(step, "blas_threads_for", seen.append)
    for layer in (layers.Dense(200, use_bias=False), Own()):
        model = Sequential([layers.Input((30,)), layer], seed=0)
        model.compile("sgd", "mse")
        model.train_on_batch(np.ones((2, 30)), np.ones((2, 200)))
        model._functions.step.product_threads(32)
    assert seen == [32 * 30 * 200] * 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("what", ["building", "limited", "cached"])
def test_a_child_of_fork_waits_for_no_thread_that_it_does_not_have(what):
    """Another thread is in the middle of it when the process forks."""
    code = f"""
import os, signal, threading
import numpy as np
from annlib import Input, Sequential, callbacks, layers
from annlib.core import threads
from annlib.core.cached import cached_property
from annlib.network import network

inside, wait = threading.Event(), threading.Event()

class Slow(layers.Dense):
    def build(self, shape):
        if threading.current_thread() is not threading.main_thread():
            inside.set()
            wait.wait(20)
        super().build(shape)

class Cached:
    @cached_property
    def value(self):
        if threading.current_thread() is not threading.main_thread():
            inside.set()
            wait.wait(20)
        return 1

def limited():
    with threads.blas_threads._lock.held:
        inside.set()
        wait.wait(20)

shared, cached = Sequential([Slow(2), layers.Dense(2)], seed=1), Cached()
x = np.ones((3, 4), "f")
hold = dict(building=lambda: shared.predict(x, verbose=0), limited=limited,
            cached=lambda: cached.value)[{what!r}]
other = threading.Thread(target=hold)
other.start()
inside.wait(20)
child = os.fork()
if not child:
    signal.alarm(10)  # which ends a child that waits for ever
    model = Sequential([Input((4,)), Slow(2), layers.Dense(2)], seed=1)
    model.compile("sgd", "mse")
    model.fit(x, x[:, :2], verbose=0, threads=1)
    assert cached.value == 1
    fresh = Sequential([Slow(2), layers.Dense(2)], seed=1).predict(x, verbose=0)
    assert np.array_equal(shared.predict(x, verbose=0), fresh)
    os._exit(0)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
wait.set()
other.join()
raise SystemExit(status)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
