"""Where the kernels read and write: never outside of the arrays, and nothing that an earlier call left in scratch."""

import ctypes
import faulthandler
import tracemalloc
import weakref
from functools import partial

import numpy as np
import pytest
from child import guarded, in_child
from contract import KINDS, SUBJECTS, arguments, in_every_form, on_every_kind, on_every_subject
from layers import Layer

from kernels.call import Call

pytestmark = pytest.mark.usefixtures("half_precision")

ANYTHING = 0xCB  # what memory holds that nobody may read or write
# What scratch holds, as 32 bits: NaN, infinity, a large number, and those of -1.
POISONS = (0x7FC00000, 0x7F800000, 0x7F7F7F7F, 0xFFFFFFFF)


def filled(array):
    array.view(np.uint8)[...] = ANYTHING
    return array


def poisoned(numbers, poison):
    return np.full(numbers, poison, np.uint32).view(np.float32)


def compute_between_guards(subject):
    operator = subject.build(1)
    for read, y in in_every_form(operator, subject.read()):
        operator.bind(*arguments(operator, read, np.empty_like(y)))  # packs the weights for this form
        for at, poison in (("start", POISONS[0]), ("end", POISONS[-1])):
            place = partial(guarded, at=at)
            moved = operator.relocated(place) if hasattr(operator, "relocated") else operator
            arrays, out = [place(array) for array in read], filled(place(y))
            bound = moved.bind(*arguments(moved, arrays, out))
            bound(place(poisoned(bound.scratch, poison)))
            assert out.tobytes() == y.tobytes()
            assert [array.tobytes() for array in arrays] == [array.tobytes() for array in read]


@on_every_subject
def test_nothing_beyond_the_arrays_is_touched(subject):
    """Images, packed weights, bias, residual, output and scratch lie against pages that end the process if touched."""
    in_child(compute_between_guards, subject)


def read_beside_guarded(at, beyond):
    faulthandler.disable()  # this crash is wanted
    ctypes.string_at(guarded(np.zeros(3, np.float32), at).ctypes.data + beyond, 1)


@pytest.mark.parametrize(("at", "beyond"), [("start", -1), ("end", 12)])
def test_guard_ends_the_process(at, beyond):
    """The test above is worth nothing if a guard lets a read pass."""
    with pytest.raises(pytest.fail.Exception, match="SIGSEGV"):
        in_child(read_beside_guarded, at, beyond)


@on_every_subject
def test_neither_scratch_nor_what_lies_around_out_matters(subject):
    """For several threads: out lies within a larger buffer, and scratch holds what nobody may read."""
    operator, margin = subject.build(3), 100
    for read, y in in_every_form(operator, subject.read()):
        buffer = filled(np.empty(y.size + 2 * margin, y.dtype))
        out = buffer[margin:-margin].reshape(y.shape)
        bound = operator.bind(*arguments(operator, read, out))
        for poison in POISONS:
            bound(poisoned(bound.scratch, poison))
            assert out.tobytes() == y.tobytes()
            filled(out)
            assert (buffer.view(np.uint8) == ANYTHING).all()
        assert operator(*arguments(operator, read, out)) is out
        assert out.tobytes() == y.tobytes()


OTHERS = [subject for subject in SUBJECTS if subject.name.endswith(("-1000", "-1x5x13x10", "-1x5x13x10-uint8"))]


VIEWED = [of(Layer(C=6, K=7, padding=1, residual=name != "bytes")) for name, of in KINDS.items()]


@pytest.mark.parametrize("subject", [*VIEWED, *OTHERS], ids=str)
def test_inputs_may_be_views_and_stay(subject):
    operator, read = subject.build(2), subject.read()
    expected = operator(*arguments(operator, read, None)).tobytes()
    wide = [np.repeat(array, 2, axis=-1) for array in read]
    before = [array.tobytes() for array in wide]
    assert operator(*arguments(operator, [array[..., ::2] for array in wide], None)).tobytes() == expected
    assert [array.tobytes() for array in wide] == before


@on_every_kind
def test_second_call_allocates_nothing(kind):
    """Nor do several plans in turn: none of them loses to another what it keeps."""
    subject = KINDS[kind](Layer(C=16, K=1024, H=8, W=8, padding=1, residual=kind != "bytes"))
    calls = []
    for _ in range(6):
        operator, read = subject.build(2), subject.read()
        out = operator(*arguments(operator, read, None))
        calls.append(partial(operator, *arguments(operator, read, out)))
    tracemalloc.start()
    try:
        for call in calls:
            call()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4096  # Python's own objects; the smallest array of the layer has 1,024 numbers, and outputs 65,536


@on_every_kind
def test_what_is_bound_keeps_its_arrays_and_lets_them_go(kind):
    subject = KINDS[kind](Layer(C=16, K=16, H=4, W=4))
    operator, read = subject.build(1), [np.array(array) for array in subject.read()]  # not views, which come and go
    out = operator(*arguments(operator, read, None))
    bound = operator.bind(*arguments(operator, read, out))
    held = [weakref.ref(array) for array in (*read, out)]
    del read, out
    assert all(array() is not None for array in held)
    del bound
    assert all(array() is None for array in held)


def test_only_bind_makes_a_call():
    with pytest.raises(TypeError, match="made by an algorithm's bind"):
        Call()
