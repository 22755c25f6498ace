"""Random layers, networks and machines, small enough to check by counting."""

from __future__ import annotations

from hypothesis import strategies as st

from workbook.accelerator.datapath import Datapath
from workbook.accelerator.machine import Machine, Reconfiguration, Winograd
from workbook.accelerator.on_chip import OnChip
from workbook.accelerator.workload import Layer, Workload

small = st.integers(1, 9)


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    groups = draw(st.sampled_from([1, 1, 2, 5]))
    side, stride = draw(st.sampled_from([1, 3])), draw(st.sampled_from([1, 2]))
    P, Q = draw(small), draw(small)
    return Layer(
        "layer",
        C=groups * draw(small),
        H=stride * (P - 1) + side,
        W=stride * (Q - 1) + side,
        K=groups * draw(small),
        P=P,
        Q=Q,
        R=side,
        S=side,
        stride=(stride, stride),
        groups=groups,
        N=draw(st.integers(1, 3)),
        added=draw(st.booleans()),
        input_on_chip=draw(st.booleans()),
        output_on_chip=draw(st.booleans()),
    )


datapaths = st.builds(
    Datapath,
    C=st.sampled_from([1, 2, 4]),
    K=st.sampled_from([1, 2, 4]),
    pixel=st.sampled_from([1, 2, 8]),
    group=st.sampled_from([1, 2]),
    tap=st.sampled_from([1, 3, 9]),
)
workloads = st.lists(layers(), min_size=1, max_size=5).map(lambda found: Workload("random", tuple(found)))
reconfigurations = st.builds(
    Reconfiguration,
    bits=st.sampled_from([0, 1e3, 1e5]),
    port_mhz=st.sampled_from([1, 1000]),
    contexts=st.sampled_from([1, 2]),
    drain_cycles=st.sampled_from([0, 10]),
    fill_cycles=st.sampled_from([0, 10]),
    source=st.sampled_from(["chip", "dram"]),
    layout_bytes_per_cycle=st.sampled_from([1, 64, float("inf")]),
)


on_chips = st.builds(
    OnChip,
    input_bytes=st.sampled_from([1, 8, float("inf")]),
    weight_bytes=st.sampled_from([1, 8, float("inf")]),
    sum_bytes=st.sampled_from([1, 8, float("inf")]),
    sum_size=st.sampled_from([2, 4]),
    strip_kb=st.sampled_from([0.01, 0.05, float("inf")]),
    double=st.booleans(),
    rows=st.booleans(),
)


@st.composite
def machines(draw: st.DrawFn, macs: int = 8) -> Machine:
    return Machine(
        "random",
        macs=macs,
        clock_mhz=draw(st.sampled_from([10, 500])),
        sram_kb=draw(st.sampled_from([0.25, 1, 100])),
        dram_gbs=draw(st.sampled_from([0.01, 0.1, 10])),
        array=Datapath(2, 2),
        rates={"int8": draw(st.sampled_from([0.5, 1, 2]))},
        winograd=draw(st.sampled_from([None, Winograd(), Winograd(tile=4, weights="transformed")])),
        reconfiguration=draw(reconfigurations),
        on_chip=draw(on_chips),
    )
