"""Compares programs with the reference: ONNX Runtime's outputs in float32, on the file as it is.

If ONNX Runtime refuses the file, the matrix product of the kernels is the reference; of a network without layers, what
the kernels choose. A program that only rounds shows
that on a few images; one on bytes is judged on all that did not calibrate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workbook.advisor import evidence
from workbook.advisor.analysis_result import EXACT
from workbook.advisor.entries import Entries
from workbook.advisor.evidence import Evidence, Outputs
from workbook.advisor.peer_programs import RUNTIME
from workbook.advisor.programs import AUTO, BASE
from workbook.graphs.graph import Array
from workbook.network import ModelError

_ROUNDING = 4  # images that show whether a program computes the same, but for rounding


class Judge:
    """Knows the exact outputs.

    Parameters
    ----------
    entries : Entries
        With the kernels' first program, ONNX Runtime's or both; one that fails on an image is left out.
    held_out : sequence of mapping of str to array
        Inputs that did not calibrate.
    others : sequence of mapping of str to array
        To compare on, if there are none.
    max_loss : float
        That an image may have.

    Attributes
    ----------
    reference : str
        Whose outputs are the exact ones.

    Raises
    ------
    ModelError
        If no program runs the network.
    """

    def __init__(
        self, entries: Entries, held_out: Sequence[Mapping[str, Array]], others: Sequence[Mapping[str, Array]],
        max_loss: float,
    ) -> None:  # fmt: skip
        self._entries, self._max_loss, self._is_proof = entries, max_loss, bool(held_out)
        self._feeds = held_out or others
        for name in (RUNTIME, BASE, AUTO):
            outputs = entries.outputs(name, self._feeds) if name in entries.programs else None
            if outputs is not None:
                self.reference, self._exact, self._kinds = name, outputs, evidence.kinds(outputs)
                return
        raise ModelError(entries.failed[0].why)

    def of(self, name: str) -> tuple[float, Evidence | None] | None:
        """Return a program's SQNR in dB, and the evidence of one on bytes; None if it fails."""
        most = _ROUNDING if name in EXACT else len(self._feeds)
        feeds, exact = self._feeds[:most], self._exact[:most]
        found = exact if name == self.reference else self._entries.outputs(name, feeds)
        if found is None:
            return None
        proof = Evidence.of(found, exact, self._max_loss) if self._is_proof and name not in EXACT else None
        return evidence.decibels(evidence.losses(found, exact, self._kinds)), proof

    def outputs_of_reference(self, feeds: Sequence[Mapping[str, Array]]) -> Sequence[Outputs]:
        """Return the exact outputs for other inputs.

        Raises
        ------
        ModelError
            If the reference does not run on them.
        """
        found = self._entries.outputs(self.reference, feeds)
        if found is None:
            raise ModelError(self._entries.failed[-1].why)
        return found
