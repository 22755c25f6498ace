"""Text and code as a notebook's page shows them: whole, escaped, and broken between words alone."""

from __future__ import annotations

import html
import os
import re

import pytest
from playwright.sync_api import expect

import kernels
from workbook.lessonkit.exercise import correct
from workbook.lessonkit.listing import Listing
from workbook.plain_text import as_html, code_as_html
from workbook.tools.browser import CHROMIUM, Notebook, opened

SOURCES = {"direct.pyx": "cython", "simd.h": "c", "bytes.h": "c", "winograd.pyx": "cython"}

BROKEN_WORDS = """outputs => outputs.flatMap(output => [...output.querySelectorAll("pre")].flatMap(pre => {
    const broken = [], walker = document.createTreeWalker(pre, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode;
        for (const word of text.data.matchAll(/[^\\s]+/g)) {
            const range = document.createRange();
            range.setStart(text, word.index);
            range.setEnd(text, word.index + word[0].length);
            const tops = new Set([...range.getClientRects()].map(box => Math.round(box.top)));
            const fits = range.getBoundingClientRect().height && word[0].length < 60;
            if (fits && tops.size > 1) broken.push(word[0]);
        }
    }
    return broken;
}))"""


def text_of(page: str) -> str:
    return html.unescape(re.sub("<[^>]*>", "", page))


@pytest.mark.parametrize(("name", "language"), SOURCES.items())
def test_code_is_whole(name: str, language: str) -> None:
    source = kernels.source(name)
    assert text_of(code_as_html(source, language)) == source
    assert source.rstrip() in Listing.of_kernel(name)._repr_mimebundle_()["text/plain"]


def test_comments_and_words_are_marked_and_strings_are_not() -> None:
    shown = code_as_html('if x < 3:  # or "y"\n    s = "for # all"\n', "python")
    assert '<span style="font-weight: bold">if</span> x &lt; 3' in shown
    assert '<span style="font-style: italic"># or "y"</span>' in shown
    assert 's = "for # all"' in shown
    assert code_as_html("/* if */ return format;", "c").count("<span") == 2


def test_text_is_escaped() -> None:
    assert text_of(as_html("a < b & c > d\n<b>")) == "a < b & c > d\n<b>"
    assert "&lt;b&gt;" in as_html("<b>")
    data, _ = correct("x < y")._repr_mimebundle_()
    assert text_of(str(data["text/html"])) == data["text/plain"]


def broken(notebook: Notebook) -> list[str]:
    return list(notebook.outputs.evaluate_all(BROKEN_WORDS))


@pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="Chromium is missing: apt install chromium")
def test_no_word_is_broken_1000_pixels_wide_and_a_cell_is_filled() -> None:
    """Lesson 3 has listings of C, tables and sentences; the last cell resets an exercise."""
    with opened("03_int8_quantization.ipynb", width=1000) as notebook:
        notebook.run_all()
        for cell in notebook.cells.all():
            cell.scroll_into_view_if_needed()
            assert broken(notebook) == []
        notebook.run_new_cell("print('halves ' * 30)")
        expect(notebook.outputs.last).to_contain_text("halves")
        notebook.cells.last.scroll_into_view_if_needed()
        assert "halves" in broken(notebook)  # plain output is: the ruler finds it
        notebook.run_new_cell("lesson.reset(3.2)")
        editor = notebook.cells.last.locator(".cm-content")
        expect(editor).to_contain_text('lesson.check("3.2", undo)')
