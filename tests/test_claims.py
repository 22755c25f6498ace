"""Numbers in prose: each has a claim, and prints what the claim computes."""

import importlib
import re
from pathlib import Path

import nbformat
import pytest

from workbook import catalog
from workbook.claims import cited, computed, mentions, problems

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
CLAIMS = [
    claim for lesson in catalog.LESSONS for claim in importlib.import_module(f"workbook.{lesson.package}.claims").CLAIMS
]
SAVING = computed("a.saving", lambda: 2.25, "×")
COUNT = computed("a.count", lambda: 28_901_376, "multiply-adds")
SPEED = cited("a.speed", 1 / 3, "ms", "A paper, table 1")


def prose(lesson):
    cells = nbformat.read(NOTEBOOKS / f"{lesson.name}.ipynb", as_version=4).cells
    return [(cell.id, cell.source) for cell in cells if cell.cell_type == "markdown"]


@pytest.mark.parametrize("lesson", catalog.LESSONS, ids=lambda lesson: lesson.name)
def test_every_number_in_prose_is_backed(lesson):
    found = [f"{cell}: {problem}" for cell, source in prose(lesson) for problem in problems(source, CLAIMS)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("lesson", catalog.LESSONS, ids=lambda lesson: lesson.name)
def test_every_claim_is_made_somewhere(lesson):
    mentioned = {mention.claim for _, source in prose(lesson) for mention in mentions(source)}
    own = {claim.id for claim in CLAIMS if claim.id.startswith(f"{lesson.package}.")}
    assert own <= mentioned


def test_ids_are_unique():
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS)


@pytest.mark.parametrize(
    "text",
    [
        "saves 2.25×<!--claim: a.saving-->.",
        "saves 2.3×<!--claim: a.saving-->, or 2×<!--claim: a.saving-->",
        "28.9 million multiply-adds<!--claim: a.count-->",
        "28,901,376 multiply-adds<!--claim: a.count--> a frame",
        "0.33 ms<!-- claim: a.speed -->",
        "3x3, 3 x 3 and 224×224 pixels, 64 filters, 8 bits, 2016, lesson 2, 40 minutes, `20 ms`",
        "```\n20 ms\n```",
        "arXiv:1603.07285, x1x, MP3s",
    ],
)
def test_backed_numbers_pass(text):
    assert problems(text, [SAVING, COUNT, SPEED]) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("saves 2.25×.", "has no claim"),
        ("saves 2.25x and more", "has no claim"),
        ("4 times as fast", "has no claim"),
        ("about 30 % less", "has no claim"),
        ("takes 20 ms", "has no claim"),
        ("1,000 GMAC/s", "has no claim"),
        ("20 billion multiply-adds a second", "has no claim"),
        ("2.25×<!--claim: a.other-->", "unknown claim"),
        ("2.25 ms<!--claim: a.saving-->", "another unit"),
        ("2.26×<!--claim: a.saving-->", "differs"),
        ("2.4×<!--claim: a.saving-->", "differs"),
        ("28.8 million multiply-adds<!--claim: a.count-->", "differs"),
        ("28.9 billion multiply-adds<!--claim: a.count-->", "differs"),
        ("0.34 ms<!--claim: a.speed-->", "differs"),
    ],
)
def test_unbacked_numbers_are_found(text, problem):
    assert re.search(problem, "\n".join(problems(text, [SAVING, COUNT, SPEED])))


def test_cited_claims_name_their_source():
    sources = {"computed", "measured on the reference machine"}
    for claim in CLAIMS:
        assert claim.source in sources or len(claim.source) > 20, claim.id
