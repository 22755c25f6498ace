"""Modules that had another name until version 0.1: a learner's copy of yesterday imports them, and gets today's.

`docs/design.md` has the same table to read.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

TODAY = {
    "kernels.byte_filters": "kernels.bytes_filters",
    "kernels.byte_pooling": "kernels.bytes_pooling",
    "kernels.bytewise": "kernels.bytes_elementwise",
    "kernels.bytewise_layers": "kernels.bytes_layers",
    "kernels.integers": "kernels.bytes_conv",
    "kernels.pool": "kernels.thread_pool",
    "kernels.pools": "kernels.pooling_layers",
    "kernels.quantized": "kernels.bytes_plain",
    "kernels.quantized_lanes": "kernels.bytes_lanes",
    "kernels.schedule": "kernels.datapath_search",
    "kernels.sweep": "kernels.datapath_costs",
    "workbook.analysis": "workbook.lessons.analysis",
    "workbook.analysis.advice": "workbook.advisor.advice",
    "workbook.analysis.chain": "workbook.lessons.analysis.chain_of_forms",
    "workbook.analysis.charts": "workbook.advisor.analysis_figure",
    "workbook.analysis.claims": "workbook.lessons.analysis.claims",
    "workbook.analysis.command": "workbook.advisor.file_analysis",
    "workbook.analysis.compare": "workbook.lessons.analysis.tool_race",
    "workbook.analysis.energy": "workbook.advisor.energy",
    "workbook.analysis.exercises": "workbook.lessons.analysis.exercises",
    "workbook.analysis.figures": "workbook.lessons.analysis.figures",
    "workbook.analysis.images": "workbook.advisor.input_images",
    "workbook.analysis.layers": "workbook.advisor.layer_work",
    "workbook.analysis.mix": "workbook.advisor.mix",
    "workbook.analysis.model": "workbook.lessons.analysis.model",
    "workbook.analysis.naive": "workbook.advisor.naive_estimate",
    "workbook.analysis.panels": "workbook.lessons.analysis.panels",
    "workbook.analysis.programs": "workbook.advisor.programs",
    "workbook.analysis.race": "workbook.advisor.network_race",
    "workbook.analysis.result": "workbook.advisor.analysis_result",
    "workbook.analysis.run": "workbook.advisor.analysis",
    "workbook.analysis.seeded": "workbook.lessons.analysis.seeded_resnet50",
    "workbook.analysis.silicon": "workbook.advisor.accelerator_steps",
    "workbook.analysis.table": "workbook.advisor.analysis_table",
    "workbook.analysis.text": "workbook.lessons.analysis.layer_text",
    "workbook.analysis.web": "workbook.advisor.analysis_report",
    "workbook.bench": "workbook.benchmarks",
    "workbook.bench.cases": "workbook.side_by_side.layer_cases",
    "workbook.bench.figure": "workbook.side_by_side.layer_figure",
    "workbook.bench.layers": "workbook.side_by_side.layer_sets",
    "workbook.bench.report": "workbook.side_by_side.layer_report",
    "workbook.bench.table": "workbook.side_by_side.layer_table",
    "workbook.bench_panels": "workbook.benchmarks.panel_delays",
    "workbook.browser": "workbook.tools.browser",
    "workbook.catalog": "workbook.lessonkit.catalog",
    "workbook.check": "workbook.tools.check",
    "workbook.claims": "workbook.lessonkit.claim",
    "workbook.convolution": "workbook.lessons.convolution",
    "workbook.convolution.channels": "workbook.lessons.convolution.model",
    "workbook.convolution.charts": "workbook.lessons.convolution.charts",
    "workbook.convolution.claims": "workbook.lessons.convolution.claims",
    "workbook.convolution.columns": "workbook.lessons.convolution.column_matrix",
    "workbook.convolution.exercises": "workbook.lessons.convolution.exercises",
    "workbook.convolution.figures": "workbook.lessons.convolution.figures",
    "workbook.convolution.groups": "workbook.lessons.convolution.groups",
    "workbook.convolution.model": "workbook.lessons.convolution.model",
    "workbook.convolution.networks": "workbook.lessons.convolution.network_survey",
    "workbook.convolution.panels": "workbook.lessons.convolution.panels",
    "workbook.convolution.race": "workbook.lessons.convolution.ladder_race",
    "workbook.convolution.rungs": "workbook.lessons.convolution.rungs",
    "workbook.convolution.traffic": "workbook.lessons.convolution.ladder_traffic",
    "workbook.convolution.twice": "workbook.lessons.convolution.doubling",
    "workbook.digits": "workbook.models.digits",
    "workbook.doctor": "workbook.tools.doctor",
    "workbook.exercise": "workbook.lessonkit.exercise",
    "workbook.glossary": "workbook.lessonkit.glossary",
    "workbook.hardware": "workbook.lessons.hardware",
    "workbook.hardware.area": "workbook.accelerator.area",
    "workbook.hardware.bench": "workbook.benchmarks.cost_model",
    "workbook.hardware.charts": "workbook.lessons.hardware.charts",
    "workbook.hardware.claims": "workbook.lessons.hardware.claims",
    "workbook.hardware.core": "workbook.lessons.hardware.one_core",
    "workbook.hardware.cost": "workbook.accelerator.layer_cost",
    "workbook.hardware.datapath": "workbook.accelerator.datapath",
    "workbook.hardware.exercises": "workbook.lessons.hardware.exercises",
    "workbook.hardware.figures": "workbook.lessons.hardware.figures",
    "workbook.hardware.lines": "workbook.accelerator.five_lines",
    "workbook.hardware.machine": "workbook.accelerator.machine",
    "workbook.hardware.machine_file": "workbook.accelerator.machine_file",
    "workbook.hardware.model": "workbook.lessons.hardware.model",
    "workbook.hardware.nvdla": "workbook.accelerator.nvdla",
    "workbook.hardware.onnx_file": "workbook.accelerator.workload_from_onnx",
    "workbook.hardware.panels": "workbook.lessons.hardware.panels",
    "workbook.hardware.peers": "workbook.accelerator.other_cost_models",
    "workbook.hardware.presets": "workbook.accelerator.presets",
    "workbook.hardware.published": "workbook.accelerator.published_results",
    "workbook.hardware.schedule": "workbook.accelerator.schedule",
    "workbook.hardware.sweep": "workbook.accelerator.sweep_rows",
    "workbook.hardware.sweep_command": "workbook.accelerator.sweep_report",
    "workbook.hardware.sweep_figure": "workbook.accelerator.sweep_figure",
    "workbook.hardware.systolic": "workbook.accelerator.systolic",
    "workbook.hardware.table": "workbook.accelerator.datapath_table",
    "workbook.hardware.timeline": "workbook.accelerator.timeline",
    "workbook.hardware.traffic": "workbook.accelerator.dram_traffic",
    "workbook.hardware.validation": "workbook.accelerator.validation",
    "workbook.hardware.validation_report": "workbook.accelerator.validation_report",
    "workbook.hardware.workers": "workbook.accelerator.sweep_workers",
    "workbook.hardware.workload": "workbook.accelerator.workload",
    "workbook.intervals": "workbook.measuring.intervals",
    "workbook.lab": "workbook.tools.lab",
    "workbook.listing": "workbook.lessonkit.listing",
    "workbook.live_panel": "workbook.tools.live_panel",
    "workbook.measure": "workbook.measuring",
    "workbook.network.arranging": "workbook.graphs.operators.reshaping",
    "workbook.network.bench": "workbook.benchmarks.networks",
    "workbook.network.elementwise": "workbook.graphs.operators.arithmetic",
    "workbook.network.functions": "workbook.graphs.inline_functions",
    "workbook.network.graph": "workbook.graphs.graph",
    "workbook.network.light": "workbook.benchmarks.random_networks",
    "workbook.network.linear": "workbook.graphs.quantize_linear",
    "workbook.network.memory": "workbook.benchmarks.network_memory",
    "workbook.network.ncnn_writer": "workbook.graphs.ncnn_writer",
    "workbook.network.normalising": "workbook.graphs.operators.normalising",
    "workbook.network.onnx_file": "workbook.graphs.onnx_reader",
    "workbook.network.onnx_writer": "workbook.graphs.onnx_writer",
    "workbook.network.operators": "workbook.graphs.operators",
    "workbook.network.outputs": "workbook.graphs.onnx_reader",
    "workbook.network.passes": "workbook.graphs.passes",
    "workbook.network.planned": "workbook.network.run_plan",
    "workbook.network.pooling": "workbook.graphs.operators.pools",
    "workbook.network.protos": "workbook.graphs.protos",
    "workbook.network.qdq": "workbook.graphs.qdq",
    "workbook.network.quantized": "workbook.graphs.operators.on_bytes",
    "workbook.network.reference": "workbook.graphs.runtime_part",
    "workbook.network.resizing": "workbook.graphs.runtime_part",
    "workbook.network.scales": "workbook.graphs.fold_scale",
    "workbook.network.shapes": "workbook.graphs.shapes",
    "workbook.network.simplify": "workbook.graphs.simplify",
    "workbook.network.skeleton": "workbook.graphs.onnx_without_weights",
    "workbook.network.step": "workbook.graphs.operators.operator",
    "workbook.network.storage": "workbook.graphs.storage",
    "workbook.network.tables": "workbook.network.node_table",
    "workbook.network.tensors": "workbook.graphs.tensors",
    "workbook.network.transposed": "workbook.graphs.runtime_part",
    "workbook.network.weights_file": "workbook.graphs.weights_file",
    "workbook.network.windows": "workbook.graphs.windows",
    "workbook.panel": "workbook.lessonkit.panel",
    "workbook.peers.models": "workbook.peers.one_layer_models",
    "workbook.photos": "workbook.models.photos",
    "workbook.quantization": "workbook.lessons.quantization",
    "workbook.quantization.affine": "workbook.quantize.affine",
    "workbook.quantization.bias_correction": "workbook.quantize.bias_correction",
    "workbook.quantization.calibration": "workbook.quantize.calibration",
    "workbook.quantization.calibrators": "workbook.quantize.calibrators",
    "workbook.quantization.charts": "workbook.lessons.quantization.charts",
    "workbook.quantization.claims": "workbook.lessons.quantization.claims",
    "workbook.quantization.collapse": "workbook.lessons.quantization.collapse",
    "workbook.quantization.equalisation": "workbook.quantize.equalisation",
    "workbook.quantization.exercises": "workbook.lessons.quantization.exercises",
    "workbook.quantization.figures": "workbook.lessons.quantization.figures",
    "workbook.quantization.half": "workbook.lessons.quantization.sixteen_bits",
    "workbook.quantization.histogram": "workbook.quantize.histogram",
    "workbook.quantization.how_many": "workbook.lessons.quantization.how_many",
    "workbook.quantization.model": "workbook.lessons.quantization.model",
    "workbook.quantization.panels": "workbook.lessons.quantization.panels",
    "workbook.quantization.quantize": "workbook.quantize.to_bytes",
    "workbook.quantization.race": "workbook.lessons.quantization.type_race",
    "workbook.quantization.ranges": "workbook.lessons.quantization.model",
    "workbook.quantization.report": "workbook.quantize.layer_errors",
    "workbook.quantization.saturation": "workbook.quantize.saturation",
    "workbook.quantization.scheme": "workbook.quantize.scheme",
    "workbook.quantization.speed": "workbook.quantize.byte_speed",
    "workbook.quantization.trained": "workbook.lessons.quantization.trained",
    "workbook.quantization.trials": "workbook.lessons.quantization.type_trials",
    "workbook.quantization.without_vnni": "workbook.lessons.quantization.without_vnni",
    "workbook.redraw": "workbook.lessonkit.redraw",
    "workbook.reference": "workbook.lessonkit.reference",
    "workbook.render": "workbook.tools.render",
    "workbook.report": "workbook.tools.report",
    "workbook.results": "workbook.lessonkit.results",
    "workbook.roofline": "workbook.measuring.roofline",
    "workbook.scoreboard": "workbook.lessonkit.scoreboard",
    "workbook.start": "workbook.tools.start",
    "workbook.start_here": "workbook.lessons.start_here",
    "workbook.start_here.claims": "workbook.lessons.start_here.claims",
    "workbook.start_here.exercises": "workbook.lessons.start_here.exercises",
    "workbook.start_here.figures": "workbook.lessons.start_here.figures",
    "workbook.start_here.limits": "workbook.lessons.start_here.limits",
    "workbook.start_here.model": "workbook.lessons.start_here.model",
    "workbook.start_here.panels": "workbook.lessons.start_here.panels",
    "workbook.start_here.under_roof": "workbook.lessons.start_here.under_roof",
    "workbook.streaming": "workbook.lessons.streaming",
    "workbook.streaming.bands": "workbook.rows.bands",
    "workbook.streaming.batch_cases": "workbook.lessons.streaming.batch_cases",
    "workbook.streaming.batches": "workbook.lessons.streaming.batches",
    "workbook.streaming.bench": "workbook.benchmarks.camera_plans",
    "workbook.streaming.charts": "workbook.lessons.streaming.charts",
    "workbook.streaming.claims": "workbook.lessons.streaming.claims",
    "workbook.streaming.clock": "workbook.camera.clock",
    "workbook.streaming.cores": "workbook.lessons.streaming.core_split",
    "workbook.streaming.denoising": "workbook.lessons.streaming.denoising",
    "workbook.streaming.exercises": "workbook.lessons.streaming.exercises",
    "workbook.streaming.explorer": "workbook.lessons.streaming.model",
    "workbook.streaming.figures": "workbook.lessons.streaming.figures",
    "workbook.streaming.frames": "workbook.camera.frames",
    "workbook.streaming.hiccup": "workbook.lessons.streaming.hiccup",
    "workbook.streaming.loadgen": "workbook.camera.loadgen",
    "workbook.streaming.measures": "workbook.camera.latencies",
    "workbook.streaming.model": "workbook.lessons.streaming.queueing",
    "workbook.streaming.overhead": "workbook.benchmarks.camera_overhead",
    "workbook.streaming.panels": "workbook.lessons.streaming.panels",
    "workbook.streaming.policy": "workbook.camera.policy",
    "workbook.streaming.published": "workbook.lessons.streaming.published_batches",
    "workbook.streaming.row_clock": "workbook.rows.row_clock",
    "workbook.streaming.row_layers": "workbook.rows.row_layers",
    "workbook.streaming.row_schedule": "workbook.rows.row_schedule",
    "workbook.streaming.run": "workbook.camera.run_records",
    "workbook.streaming.scenes": "workbook.camera.scenes",
    "workbook.streaming.services": "workbook.camera.services",
    "workbook.streaming.sources": "workbook.camera.sources",
    "workbook.streaming.stage": "workbook.camera.stage",
    "workbook.streaming.stream": "workbook.camera.run_stream",
    "workbook.streaming.throughput": "workbook.lessons.streaming.throughput",
    "workbook.streaming.video": "workbook.camera.video",
    "workbook.streaming.waits": "workbook.lessons.streaming.waits",
    "workbook.topologies": "workbook.measuring.topologies",
    "workbook.trial": "workbook.measuring.trial",
    "workbook.validate": "workbook.tools.validate",
    "workbook.winograd": "workbook.lessons.winograd",
    "workbook.winograd.beside": "workbook.lessons.winograd.library_race",
    "workbook.winograd.charts": "workbook.lessons.winograd.charts",
    "workbook.winograd.claims": "workbook.lessons.winograd.claims",
    "workbook.winograd.exercises": "workbook.lessons.winograd.exercises",
    "workbook.winograd.explorers": "workbook.lessons.winograd.model",
    "workbook.winograd.figures": "workbook.lessons.winograd.figures",
    "workbook.winograd.model": "workbook.lessons.winograd.construction",
    "workbook.winograd.panels": "workbook.lessons.winograd.panels",
    "workbook.winograd.precision": "workbook.lessons.winograd.precision",
    "workbook.winograd.race": "workbook.lessons.winograd.tile_race",
    "workbook.winograd.trials": "workbook.lessons.winograd.tile_trials",
    "workbook.winograd.work": "workbook.lessons.winograd.work",
}


class _Folder(ModuleType):
    """An old folder: what it offers is today's; what is imported below it leaves today's names as they are."""

    def __init__(self, name: str, today: ModuleType) -> None:
        super().__init__(name, today.__doc__)
        vars(self).update(_today=today, __path__=[])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._today, name)

    def __setattr__(self, name: str, value: object) -> None:
        if not hasattr(self._today, name):
            super().__setattr__(name, value)


class _Today(Loader):
    """Puts today's module in the place of the old name; it is loaded once, under both."""

    def __init__(self, name: str) -> None:
        self.name = name

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(self.name)
        self.spec = module.__spec__
        return _Folder(spec.name, module) if hasattr(module, "__path__") else module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # what is loaded keeps its own name


class _Finder(MetaPathFinder):
    """Comes first: an old folder is one of today, and may hold a file of another meaning under an old name."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, _Today(TODAY[fullname])) if fullname in TODAY else None


def understand() -> None:
    """Let imports of the old names work from now on."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
