"""An analysis as tables: the columns of the layers and of the rungs, for the terminal, the notebook and the page."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from workbook.advisor import advice
from workbook.advisor.analysis_result import TOOLS, Analysis, Row, Rung
from workbook.advisor.programs import WINOGRAD
from workbook.measuring.intervals import Interval

LAYERS = (
    *("layer", "shape", "MMAC", "MAC/byte", "can run", "fp32 ms", "Winograd ms", "int8 ms", "error", "multipliers"),
    *("take", "why"),
)
OUTSIDE = ("outside the layers", "work", "ms")
FAILED = ("program", "why it has no time")
VERSION = 3
"""Of the JSON: docs/analysis.md says what each key holds. A key is never given another meaning under one number."""

STEPS = ("step", "ms", "frames/s", "mJ", "multipliers that work", "datapath")
WORDS = ("layer", "shape", "can run", "take", "why", "program", "what", "step", "datapath", *OUTSIDE[:2], *FAILED)
"""The columns that hold words; the others hold numbers."""

_OF_LAYERS = (
    "error: expected, root mean square, of the float32 program taken",
    "multipliers: the share that works on the best fixed datapath",
)
_OUTSIDE = 8  # rows


def layer(row: Row) -> tuple[str, ...]:
    """Return the cells of LAYERS."""
    work = row.work
    able = [name for name in work.eligible if name != "naive"]
    return (
        work.name,
        work.layer.shape,
        f"{work.layer.macs / 1e6:,.1f}",
        f"{work.layer.macs_a_byte:,.1f}",
        " ".join(name.replace("winograd_f", "F") for name in able) + (" int8" if not math.isnan(row.int8) else ""),
        _ms(row.floats),
        _ms(row.winograd),
        _ms(row.int8),
        _error(row),
        f"{row.on_fixed.utilisation:.0%}",
        row.chosen,
        row.reason,
    )


def rung_columns(found: Analysis) -> tuple[str, ...]:
    """Return the columns of the rungs."""
    gains = f"over {found.base.name}", "over exact"
    return ("program", "what", "ms", *gains, "SQNR dB", "loss", "keeps up with", "mJ", "kWh", "cost")


def rung(found: Analysis, rung: Rung) -> tuple[str, ...]:
    """Return the cells of a rung."""
    bill = found.bill
    return (
        rung.name,
        TOOLS.get(rung.name, "the same, for comparison"),
        _ms(rung.seconds) + (" *" if rung.is_stretched else ""),
        f"{found.gain(rung):.2f} x",
        f"{found.exact.seconds / rung.seconds:.2f} x",
        f"{rung.sqnr:.1f}" if math.isfinite(rung.sqnr) else "–",
        _loss(rung),
        f"{rung.fps} fps" if rung.fps else "no camera",
        f"{1e3 * bill.joules(rung.seconds):.2f}",
        f"{bill.kwh(rung.seconds):.3f}",
        f"{bill.cost(rung.seconds):.3f}",
    )


def rungs(found: Analysis) -> list[tuple[str, ...]]:
    """Return the cells of the rungs, those on other threads last."""
    return [rung(found, one) for one in (*found.rungs, *found.elsewhere)]


def outside(found: Analysis) -> list[tuple[str, ...]]:
    """Return the cells of OUTSIDE: the longest nodes, then all that is left."""
    shown, rest = found.outside[:_OUTSIDE], found.outside[_OUTSIDE:]
    rows: list[tuple[str, ...]] = [(node.name, node.work, _ms(node.seconds)) for node in shown]
    if rest:
        rows.append((f"{len(rest)} others", "", _ms(sum(node.seconds for node in rest))))
    return rows


def failed(found: Analysis) -> list[tuple[str, ...]]:
    """Return the cells of FAILED."""
    return [(one.name, one.why) for one in found.failed]


def steps(found: Analysis) -> list[tuple[str, ...]]:
    """Return the cells of STEPS, a row a step."""
    rows: list[tuple[str, ...]] = []
    for step in found.steps:
        schedule = step.schedule
        path = str(schedule.datapaths[0]) if not schedule.switches else f"{len(set(schedule.datapaths))} datapaths"
        rows.append(
            (step.name, f"{step.ms:.3f}", f"{schedule.fps:,.0f}", f"{step.mj:.3f}", f"{schedule.utilisation:.0%}", path)
        )
    return rows


def footnotes(found: Analysis) -> tuple[str, ...]:
    """Return what a reader has to know of the numbers."""
    bill = found.bill
    threads = "one thread, by its own clock" if found.threads == 1 else f"{found.threads or 'all'} threads"
    return (
        f"{'x'.join(map(str, found.shape))} {found.dtype}, {threads}; {found.images}, {found.judges} of them judge",
        *(("* timed on pieces of the layers, on one thread, and stretched to the whole",) if found.rows else ()),
        f"over exact: over {found.exact.name}, the fastest that computes what the file says. Keeps up: 3 runs of 4 did",
        f"SQNR: of the outputs, against {found.reference} in float32; {found.alike:g} dB of a float32 program is exact",
        "loss: root mean square error over output, mean of the judging images, and the 95 % bootstrap interval's end",
        "of several outputs, or of boxes and scores in one, the largest loss counts",
        *(_OF_LAYERS if found.rows else ()),
        f"mJ: a frame at {bill.watts:g} W; kWh and cost: a million of them at {bill.price:g} a kWh; both are options",
        str(found.others).removeprefix("[machine] "),
        *found.notes,
    )


def as_dict(found: Analysis) -> dict[str, Any]:
    """Return all of it as JSON can hold it; what is unknown is null."""
    return {
        "version": VERSION,
        "name": found.name,
        "take": found.best.name,
        "exact": found.exact.name,
        "base": found.base.name,
        "summary": list(advice.summary(found)),
        "how": advice.how(found),
        "rivals": [rung.name for rung in found.rivals],
        "reference": found.reference,
        "alike_db": found.alike,
        "questions": list(advice.questions(found)),
        "max_loss": found.max_loss,
        "judges": found.judges,
        "shape": list(found.shape),
        "dtype": found.dtype,
        "images": found.images,
        "threads": found.threads,
        "macs": found.macs,
        "fps": found.fps,
        "watts": found.bill.watts,
        "price": found.bill.price,
        "others": asdict(found.others),
        "notes": list(found.notes),
        "layers": [_layer_dict(row) for row in found.rows],
        "outside": [asdict(node) for node in found.outside],
        "on_bytes": asdict(found.spent) if found.spent else None,
        "fusion": asdict(found.fusion) if found.fusion else None,
        "rungs": [_rung_dict(found, item) for item in found.rungs],
        "elsewhere": [_rung_dict(found, item) for item in found.elsewhere],
        "failed": [asdict(one) for one in found.failed],
        "batch_seconds": {str(images): raced.whole.median for images, raced in found.batched.items()},
        "machine": {
            "name": found.machine,
            "steps": [
                {
                    "name": step.name,
                    "ms": step.ms,
                    "mj": step.mj,
                    "utilisation": step.schedule.utilisation,
                    "switches": step.schedule.switches,
                }
                for step in found.steps
            ],
        },
    }


def _layer_dict(row: Row) -> dict[str, Any]:
    work = row.work
    return {
        "name": work.name,
        "shape": work.layer.shape,
        "macs": work.layer.macs,
        "bytes": work.bytes,
        "macs_a_byte": work.layer.macs_a_byte,
        "eligible": list(work.eligible),
        "seconds": dict(row.seconds),
        "errors": {name: work.error(name) for name in work.eligible if not math.isnan(work.error(name))},
        "utilisation": row.on_fixed.utilisation,
        "datapath": str(row.on_fixed.datapath),
        "take": row.chosen,
        "why": row.reason,
    }


def _rung_dict(found: Analysis, item: Rung) -> dict[str, Any]:
    proof = item.evidence
    return {
        "name": item.name,
        "seconds": item.seconds,
        "lower": item.lower,
        "upper": item.upper,
        "gain": found.gain(item),
        "gain_over_exact": found.exact.seconds / item.seconds,
        "exact": found.is_exact(item),
        "sqnr_db": _finite(item.sqnr),
        "evidence": {
            "loss": _ends(proof.loss),
            "worst": _finite(proof.worst),
            "within": _ends(proof.within),
            "same": _ends(proof.same),
            "where": proof.where,
            "images": proof.images,
        }
        if proof
        else None,
        "keeps_max_loss": found.is_exact(item) or found.keeps(item),
        "joules": found.bill.joules(item.seconds),
        "kwh": found.bill.kwh(item.seconds),
        "cost": found.bill.cost(item.seconds),
        "fps": item.fps,
        "meets": found.meets(item),
        "stretched": item.is_stretched,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _ends(interval: Interval | None) -> list[float] | None:
    """Return estimate, lower and upper end."""
    if not interval or not math.isfinite(interval.high):
        return None
    return [interval.value, interval.low, interval.high]


def _loss(rung: Rung) -> str:
    if not rung.evidence:
        return "–"
    loss = rung.evidence.loss
    return f"{loss.value:.2%} (to {loss.high:.2%})" if math.isfinite(loss.high) else "not comparable"


def _error(row: Row) -> str:
    """Expected of the fastest float32 program, by the kernels' rounding model."""
    able = [name for name in row.seconds if name not in ("naive", "int8", "auto")]
    fastest = min(able, key=row.seconds.__getitem__)
    error = row.work.error(fastest)
    mark = " " + fastest.replace("winograd_f", "F") if fastest in WINOGRAD else ""
    return "–" if math.isnan(error) else f"{error:.0e}{mark}"


def _ms(seconds: float) -> str:
    return "–" if math.isnan(seconds) else f"{1e3 * seconds:,.3f}"
