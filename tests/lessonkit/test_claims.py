"""Numbers in prose: each has a claim, and prints what the claim computes."""

import math
import re
from pathlib import Path

import nbformat
import pytest

from workbook.lessonkit.claim import UNITS, Claim, cited, computed, mentions, problems, registry
from workbook.lessonkit.reference import reference
from workbook.lessonkit.scoreboard import ROWS

ROOT = Path(__file__).parents[2]
# From code: by docs/*.py, and by workbook/accelerator/validation_report.py.
WRITTEN = re.compile(r"<!-- (?:written: .*?<!-- end|validation: begin.*?<!-- validation: end) -->", re.DOTALL)
CLAIMS = registry()
TEXTS = {path.name: path for path in (*sorted((ROOT / "notebooks").glob("*.ipynb")), *sorted(ROOT.glob("*.md")))}
MADE_UP = {
    claim.id: claim
    for claim in (
        computed("a.saving", "It saves {}.", lambda: 2.25, "×"),
        computed("a.count", "It takes {}.", lambda: 28_901_376, "multiply-adds"),
        computed("a.layers", "There are {}.", lambda: 53, ""),
        cited("a.speed", "It takes {}.", 1 / 3, "ms", "A paper, table 1"),
    )
}


def prose(path: Path) -> list[tuple[str, str]]:
    """Return (where, text) of a notebook's Markdown cells, or of a whole Markdown file."""
    if path.suffix == ".md":
        return [(path.name, WRITTEN.sub("", path.read_text(encoding="utf-8")))]
    cells = nbformat.read(path, as_version=4).cells
    return [(cell.id, cell.source) for cell in cells if cell.cell_type == "markdown"]


@pytest.mark.parametrize("name", TEXTS)
def test_every_number_in_prose_is_backed(name: str) -> None:
    found = [f"{where}: {problem}" for where, text in prose(TEXTS[name]) for problem in problems(text, CLAIMS)]
    assert not found, "\n".join(found)


def test_every_claim_is_made_somewhere() -> None:
    made = {mention.claim for path in TEXTS.values() for _, text in prose(path) for mention in mentions(text)}
    shown = {id for row in ROWS for id in (row.theory, row.model)}
    assert set(CLAIMS) <= made | shown


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_each_claim_is_complete(claim: Claim) -> None:
    assert re.fullmatch(r"[A-Z].*\.", claim.sentence)
    assert claim.sentence.count("{}") == 1
    assert claim.unit in ("", *UNITS)
    assert math.isfinite(claim.value)
    assert claim.number in str(claim)
    if claim.kind == "cited":
        assert len(claim.source) > 20
        assert re.search(r"\d", claim.source), "a year, a table or a page"
    if claim.kind == "measured":
        assert claim.id in reference().values


@pytest.mark.parametrize(
    "text",
    [
        "saves 2.25×<!--claim: a.saving-->.",
        "saves 2.3×<!--claim: a.saving-->, or 2×<!--claim: a.saving-->",
        "saves **2.25×**<!--claim: a.saving-->",
        "28.9 million multiply-adds<!--claim: a.count-->",
        "28,901,376 multiply-adds<!--claim: a.count--> a frame",
        "0.33 ms<!-- claim: a.speed -->",
        "its 53<!--claim: a.layers--> layers",
        "3x3, 3 x 3 and 224×224 pixels, 64 filters, 8 bits, 2016, the 1980s, lesson 2, 40 minutes, `20 ms`",
        "```\n20 ms\n```",
        "arXiv:1603.07285, x1x, MP3s, sometimes",
    ],
)
def test_backed_numbers_pass(text: str) -> None:
    assert problems(text, MADE_UP) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("saves 2.25×.", "has no claim"),
        ("saves 2.25x and more", "has no claim"),
        ("saves **2.25×** and more", "has no claim"),
        ("4 times as fast", "has no claim"),
        ("a thousand times as fast", "in digits"),
        ("Four times as fast", "in digits"),
        ("about 30 % less", "has no claim"),
        ("takes 20 ms", "has no claim"),
        ("1,000 GMAC/s", "has no claim"),
        ("20 billion multiply-adds a second", "has no claim"),
        ("20 million pixels", "has no claim"),
        ("0.3–0.33 ms<!--claim: a.speed-->", "is a range"),
        ("2.25×<!--claim: a.other-->", "unknown claim"),
        ("2.25 ms<!--claim: a.saving-->", "another unit"),
        ("2.25<!--claim: a.saving--> ×", "another unit"),
        ("2.26×<!--claim: a.saving-->", "differs"),
        ("2.4×<!--claim: a.saving-->", "differs"),
        ("3×<!--claim: a.saving-->", "differs"),
        ("28.8 million multiply-adds<!--claim: a.count-->", "differs"),
        ("28.9 billion multiply-adds<!--claim: a.count-->", "differs"),
        ("54<!--claim: a.layers--> layers", "differs"),
        ("0.34 ms<!--claim: a.speed-->", "differs"),
        ("a third of it<!--claim: a.speed-->", "follows no number"),
    ],
)
def test_unbacked_numbers_are_found(text: str, problem: str) -> None:
    assert re.search(problem, "\n".join(problems(text, MADE_UP)))


def test_a_table_prints_three_digits() -> None:
    assert MADE_UP["a.count"].number == "28,900,000 multiply-adds"
    assert str(MADE_UP["a.speed"]) == "It takes 0.333 ms."
    assert MADE_UP["a.layers"].number == "53"


def test_two_claims_with_one_id_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from workbook.lessons.convolution import claims as module

    monkeypatch.setattr(module, "CLAIMS", (*module.CLAIMS, module.CLAIMS[0]))
    assert registry() == CLAIMS, "the same claim twice is one claim"
    other = computed(module.CLAIMS[0].id, "Another.", lambda: 1, "×")
    monkeypatch.setattr(module, "CLAIMS", (*module.CLAIMS, other))
    with pytest.raises(ValueError, match=re.escape(other.id)):
        registry()
