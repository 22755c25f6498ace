"""Listings: the file that was asked for, the loop inside it that takes its time, and a warning when it is newer."""

from __future__ import annotations

import os
import time

import pytest

import kernels
from workbook.lessonkit import listing
from workbook.lessonkit.listing import Listing


@pytest.mark.parametrize(
    ("name", "loop"),
    [("direct", "tile_of"), ("im2col", "tile_of"), ("bytes_plain", "dot_tile_of"), ("bytes_lanes", "dot_lanes_of")],
)
def test_a_kernel_comes_with_its_inner_loop(name, loop):
    shown = Listing.of_kernel(name)
    assert shown.text == kernels.source(name)
    assert shown.path == kernels.source_file(name)
    inner = shown.pieces[1]
    assert inner.language == "c"
    assert f" {loop}(" in inner.text
    assert inner.text in kernels.source(inner.file.removeprefix("kernels/"))
    assert Listing.of_kernel(loop).pieces == (inner,)


@pytest.mark.parametrize(("name", "loop"), [("winograd", "simd.h"), ("bytes_winograd", "bytes_lanes.h")])
def test_what_is_included_comes_too(name, loop):
    files = [piece.file for piece in Listing.of_kernel(name).pieces]
    assert files == [f"kernels/{file}" for file in (f"{name}.pyx", "winograd_driver.pxi", loop)]


def test_what_has_no_inner_loop_of_its_own_comes_alone():
    assert [piece.file for piece in Listing.of_kernel("naive").pieces] == ["kernels/naive.pyx"]


def test_a_function_comes_with_its_comment():
    assert Listing.of_kernel("tile_of").text.startswith("/* The micro-kernel: a sum of outer products")
    assert Listing.of_kernel("input_4").text.startswith(("# ", "cdef inline void input_4("))


def test_python_names_its_file():
    shown = Listing.of(listing._function)
    assert shown.pieces[0].file == "workbook/lessonkit/listing.py"
    assert shown.path.name == "listing.py"


def test_a_file_that_is_newer_than_what_runs_says_so(tmp_path):
    file = tmp_path / "naive.pyx"
    file.write_text("# changed")
    shown = Listing((listing.Piece("kernels/naive.pyx", "# changed", "cython"),), file)
    text = "kernels/naive.pyx was changed after this kernel began: what runs is older. Restart the kernel."
    assert str(shown).startswith(text)
    assert shown._repr_mimebundle_()["text/html"].startswith(f"<p><b>{text}</b></p>")
    os.utime(file, (time.time() - 1e6,) * 2)
    assert not shown.is_newer
    assert str(shown) == "kernels/naive.pyx:\n\n# changed"
