"""All choices that a quantization leaves open, as one value that a file can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from workbook.quantize.affine import DTYPES, Affine
from workbook.quantize.calibrators import Calibrator, Rule, minmax, mse, percentile

CALIBRATORS = ("minmax", "percentile", "mse")

_OF_THE_NETWORK = ("equalise", "exclude", "override")  # a single layer cannot differ in these


@dataclass(frozen=True)
class Scheme:
    """How a network is quantized.

    Attributes
    ----------
    activations, weights : str
        "uint8" or "int8". The default, unsigned times signed, is what x86's instructions multiply.
    symmetric_activations, symmetric_weights : bool
        Whether 0 lies in the middle of the type.
    per_channel : bool
        Whether each output channel's weights have a scale of their own.
    reduce_range : bool
        Weights of 7 bits: no sum of two products leaves 16 bits, so CPUs without VNNI are exact.
    calibrator : str
        "minmax", "percentile" or "mse": how the range of activations is chosen. Weights keep all of theirs.
    percent : float
        Of the numbers that "percentile" covers.
    bias_correction : bool
        Whether biases make up for the mean error of rounded weights.
    equalise : bool
        Whether the scales of channels are moved between consecutive layers first, until their ranges are alike.
    exclude : tuple of str
        Names of layers that stay in float32.
    override : mapping of str to mapping
        By layer, the choices in which it differs, such as {"conv1": {"per_channel": True}}.

    Raises
    ------
    ValueError
        For a choice that is unknown; the message lists those that are known.
    """

    activations: str = "uint8"
    weights: str = "int8"
    symmetric_activations: bool = False
    symmetric_weights: bool = True
    per_channel: bool = True
    reduce_range: bool = False
    calibrator: str = "minmax"
    percent: float = 99.99
    bias_correction: bool = False
    equalise: bool = False
    exclude: tuple[str, ...] = ()
    override: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, allowed in (("activations", DTYPES), ("weights", DTYPES), ("calibrator", CALIBRATORS)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {getattr(self, name)!r}")
        percentile(self.percent)  # raises if it is none
        if isinstance(self.exclude, str):
            raise ValueError(f"exclude takes several names of layers: ({self.exclude!r},)")
        for layer, choices in self.override.items():
            unknown = choices.keys() - {known.name for known in fields(self)} | choices.keys() & set(_OF_THE_NETWORK)
            if unknown:
                raise ValueError(f"override of {layer!r}: a layer has no choice {', '.join(sorted(unknown))}")
            self.of_layer(layer)

    def of_layer(self, name: str) -> Scheme:
        """Return the choices for one layer."""
        return replace(self, override={}, **self.override.get(name, {}))

    @property
    def rule(self) -> Rule:
        """Scale and zero point of activations of a range."""
        return lambda low, high: Affine.of_range(low, high, self.activations, symmetric=self.symmetric_activations)

    @property
    def calibrate(self) -> Calibrator:
        """What chooses the range of activations."""
        return {"minmax": minmax, "percentile": percentile(self.percent), "mse": mse}[self.calibrator]

    def of_weights(self, weight: Any) -> Affine:
        """Return scale and zero point for weights, whose first axis are the output channels."""
        axes = tuple(range(1, weight.ndim)) if self.per_channel else None
        bits = 7 if self.reduce_range else 8
        low, high = weight.min(axis=axes), weight.max(axis=axes)
        return Affine.of_range(low, high, self.weights, symmetric=self.symmetric_weights, bits=bits)

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return asdict(self) | {"override": {name: dict(choices) for name, choices in self.override.items()}}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Scheme:
        """Return the scheme that `as_dict` wrote.

        Raises
        ------
        ValueError
            For choices that are unknown.
        """
        unknown = content.keys() - {known.name for known in fields(cls)}
        if unknown:
            raise ValueError(f"a scheme has no choice {', '.join(sorted(unknown))}")
        return cls(**{**content, "exclude": tuple(content.get("exclude", ()))})
