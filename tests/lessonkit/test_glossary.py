"""The glossary: the field's words, and every word of other texts in one place."""

from __future__ import annotations

import re

from workbook.lessonkit.glossary import TERMS, glossary

ELSEWHERE = {name: term for term in TERMS for name in term.elsewhere}


def test_each_term_is_one_sentence_or_two_in_plain_words() -> None:
    for term in TERMS:
        assert re.fullmatch(r"[A-Z][^!]*\.", term.meaning), term.word
        assert len(term.meaning.split()) <= 25, term.word
        assert term.word not in term.elsewhere
    assert len({term.word for term in TERMS}) == len(TERMS)


def test_words_that_mean_something_else_elsewhere() -> None:
    assert ELSEWHERE["activation energies"].word == "activations"
    assert ELSEWHERE["convolutional kernel"].word == "filters of a layer"
    assert ELSEWHERE["tensor op"].word == "multiply-add (MAC)"
    winograd = ELSEWHERE["fast matrix multiplication"]
    assert winograd.word == "Winograd's algorithm"
    assert "not a matrix product" in winograd.meaning
    assert "Strassen" in winograd.meaning


def test_table_and_text_hold_every_word() -> None:
    bundle = glossary()._repr_mimebundle_()
    table = str(bundle["text/markdown"]).splitlines()
    assert len(table) == len(TERMS) + 2
    assert {line.count("|") for line in table} == {4}
    for term in TERMS:
        for word in (term.word, *term.elsewhere):
            assert word in str(bundle["text/plain"])
            assert any(word in line for line in table)
