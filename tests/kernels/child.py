"""Run a function in a forked child: what crashes, hangs or changes the process there is a failed test here."""

import ctypes
import mmap
import os
import signal
import traceback
import warnings

import numpy as np
import pytest

PROT_NONE = 0
_LIBC = ctypes.CDLL(None, use_errno=True)


def in_child(function, *args, seconds=600):
    """Call function(*args) in a child; fail with its traceback, or with the signal that ended it."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns of forking while threads are alive. The kernels' helpers allow it: the tests rely on it.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(seconds)
            function(*args)
            code = 0
        except BaseException:
            os.write(write, traceback.format_exc()[-4000:].encode())
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read) as pipe:
        report = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0:
        pytest.fail(f"the child was ended by {signal.Signals(-code).name}{report}")
    if code:
        pytest.fail(report)


def guarded(array, at):
    """Return a copy that lies at the "start" or the "end" of memory between two pages that nobody may touch."""
    page = mmap.PAGESIZE
    size = -(-array.nbytes // page) * page
    memory = mmap.mmap(-1, size + 2 * page)
    first = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for address in (first, first + page + size):
        if _LIBC.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(page), PROT_NONE):
            raise OSError(ctypes.get_errno(), "mprotect")
    offset = page + (size - array.nbytes if at == "end" else 0)
    copy = np.frombuffer(memory, array.dtype, array.size, offset).reshape(array.shape)
    copy[...] = array
    return copy
