"""The public names: the list of algorithms, the sources, and type stubs that say what the modules have."""

import ast
import importlib.util
import inspect
from pathlib import Path

import numpy as np
import pytest
from layers import ALGORITHMS, LAYERS, WINOGRAD, Layer

import kernels

# In an installed package the sources lie beside the modules; in the repository, in the folder of the same name.
REPOSITORY = Path(__file__).parents[2] / "kernels"
STUBS = sorted(REPOSITORY.glob("*.pyi"))
SOURCES = sorted(path for ending in ("pyx", "pxd", "h") for path in REPOSITORY.glob(f"*.{ending}"))


def test_all_is_all():
    public = {name for name in vars(kernels) if not name.startswith("_") and not inspect.ismodule(vars(kernels)[name])}
    assert public == set(kernels.__all__)
    assert all(vars(kernels)[name].__doc__ for name in public)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_algorithms_names_those_that_run(layer):
    """test_layers.py runs each of them on each of these layers."""
    assert kernels.algorithms(layer.x_shape, layer.weight_shape, **layer.window) == layer.algorithms


def test_algorithms_takes_lists_and_a_dtype():
    assert kernels.algorithms([1, 3, 8, 8], [2, 3, 3, 3], dtype=np.float32) == ALGORITHMS + WINOGRAD


def test_unknown_algorithm_lists_the_known():
    with pytest.raises(ValueError, match=f"'fft' is unknown; choose auto, {', '.join(ALGORITHMS + WINOGRAD)}"):
        Layer().run("fft", *Layer().arrays())


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_source_is_the_file_that_was_compiled(path):
    assert kernels.source(path.name) == path.read_text(encoding="utf-8")
    if path.suffix == ".pyx":
        assert kernels.source(path.stem) == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["", "fft", "direct.c", "../pyproject.toml", "convolution.py", ".", "kernels", None])
def test_source_of_something_else(name):
    with pytest.raises(ValueError, match=r"direct\.pyx, .*half\.h, half\.pyx, im2col\.pyx") as error:
        kernels.source(name)
    assert repr(name) in str(error.value)


@pytest.mark.parametrize("stub", STUBS, ids=lambda path: path.name)
def test_stub_agrees_with_the_module(stub):
    """The same functions, with the same parameters in the same order; and the same classes."""
    name = stub.stem if hasattr(kernels, stub.stem) or stub.stem != "half" else "half_v3"  # half as the tests know it
    if name == "half_v3" and not importlib.util.find_spec("kernels.half_v3"):
        pytest.skip("the compiler, clang 14, knows no float16 on this processor")
    module = importlib.import_module(f"kernels.{name}")
    body = ast.parse(stub.read_text()).body
    declared = {
        node.name: [argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        for node in body
        if isinstance(node, ast.FunctionDef)
    }
    public = {name: thing for name, thing in vars(module).items() if not name.startswith("_") and callable(thing)}
    classes = {name for name, thing in public.items() if inspect.isclass(thing)}
    assert classes == {node.name for node in body if isinstance(node, ast.ClassDef)}
    assert declared == {
        name: list(inspect.signature(thing).parameters) for name, thing in public.items() if name not in classes
    }
    assert all(thing.__doc__ for thing in public.values())


def test_every_compiled_module_has_a_stub():
    compiled = {path.stem for path in SOURCES if path.suffix == ".pyx"}
    assert {stub.stem for stub in STUBS} == compiled | {"levels"}  # which the build writes
