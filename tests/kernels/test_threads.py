"""Threads: the same bits for every number of them, many callers of one plan, and an interrupt."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from child import in_child
from contract import KINDS, arguments, in_every_form, on_every_kind, on_every_subject
from layers import Layer

pytestmark = pytest.mark.usefixtures("half_precision")


@on_every_subject
def test_same_bits_for_every_number_of_threads(subject):
    """And in every form."""
    alone = list(in_every_form(subject.build(1), subject.read()))
    for threads in (1, 2, 3, 7, 16):
        operator = subject.build(threads)
        for read, y in alone:
            out = np.empty_like(y)
            assert operator(*arguments(operator, read, out)).tobytes() == y.tobytes(), threads


@on_every_kind
def test_any_number_of_threads_may_be_asked_for(kind):
    subject = KINDS[kind](Layer(N=40, C=2, K=3, H=4, W=4))
    alone, read = subject.build(1), subject.read()
    for threads in (None, np.int64(2), 10**30):  # all cores; more than the kernels take
        assert subject.build(threads)(*read).tobytes() == alone(*read).tobytes()


@on_every_kind
def test_many_callers_of_one_plan(kind):
    subject = KINDS[kind](Layer(N=30, C=8, K=40, H=12, W=30, padding=1))
    plan, (images,) = subject.build(3), subject.read()
    images = [images[n : n + 1, :, : 12 - n % 3] for n in range(30)]  # three sizes of scratch
    expected = [plan(image).tobytes() for image in images]
    with ThreadPoolExecutor(8) as callers:
        results = [y.tobytes() for y in callers.map(plan, images * 8)]
    assert results == expected * 8


@on_every_kind
def test_callers_of_their_own_plans(kind):
    """One caller has the pool, the others work alone: all get their own results."""
    subjects = [KINDS[kind](Layer(C=4, K=K, H=20, W=20, padding=1)) for K in (1, 15, 33, 64)]
    expected = [subject.build(1)(*subject.read()).tobytes() for subject in subjects]

    def call(subject):
        return {subject.build(4)(*subject.read()).tobytes() for _ in range(20)}

    with ThreadPoolExecutor(len(subjects)) as pool:
        assert list(pool.map(call, subjects)) == [{y} for y in expected]


def call_until_interrupted(kind):
    subject = KINDS[kind](Layer(C=8, K=64, H=30, W=30, padding=1))
    plan, read = subject.build(3), subject.read()
    expected = plan(*read).tobytes()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for _ in range(10):
        under_way = threading.Event()

        def interrupt(under_way=under_way):
            under_way.wait()
            os.kill(os.getpid(), signal.SIGINT)

        sender = threading.Thread(target=interrupt)
        sender.start()
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - the interrupt may come anywhere in the loop
            while True:
                plan(*read)
                under_way.set()
        sender.join()
        assert plan(*read).tobytes() == expected


@pytest.mark.parametrize("kind", ["naive", "direct", "winograd_f4", "bytes"])
def test_interrupt_between_calls(kind):
    """Ctrl-C in a long loop of calls ends the loop, and the plan and the pool work as before."""
    in_child(call_until_interrupted, kind)
