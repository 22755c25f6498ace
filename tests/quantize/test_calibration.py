"""Calibration: mergeable, in bounded memory, saved as JSON; what cannot be calibrated is refused."""

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from nets import images, mobile
from onnx import TensorProto, helper, numpy_helper

from workbook.network import load
from workbook.quantize.calibration import Observations, Recipe, calibrate, observe
from workbook.quantize.scheme import Scheme
from workbook.quantize.to_bytes import quantize


@pytest.mark.parametrize("calibrator", ["minmax", "percentile", "mse"])
def test_parts_merge_into_the_whole(calibrator):
    net, x, scheme = mobile(), images(40), Scheme(calibrator=calibrator)
    whole = observe(net, x)
    merged = Observations()
    for part in (x[24:], x[:8], x[8:24]):  # whole batches, so that the convolutions see the same arrays
        merged.merge(observe(net, part))
    assert merged.images == whole.images == 40
    assert merged.recipe(scheme).ranges == whole.recipe(scheme).ranges
    for name, seen in merged.arrays.items():
        np.testing.assert_array_equal(seen.histogram.counts, whole.arrays[name].histogram.counts)
        np.testing.assert_allclose(seen.means, whole.arrays[name].means, rtol=1e-12)


def test_what_is_seen_is_what_was_there():
    net, x = mobile(), images(20)
    seen = observe(net, x).arrays
    assert seen.keys() == {"x", "r1", "r2", "p", "r3", "m", "f", "y"}
    y = net(x)
    assert (seen["y"].histogram.low, seen["y"].histogram.high) == (y.min(), y.max())
    np.testing.assert_allclose(seen["x"].means, x.mean(axis=(0, 2, 3)), atol=1e-6)


def test_images_of_several_sizes_from_a_generator():
    recipe = calibrate(mobile(), (images(1, size=size) for size in (8, 9, 17)))
    assert recipe.images == 3


_GROWTH = """
    import resource, sys
    sys.path[:0] = {path!r}
    import numpy as np
    from nets import images, mobile
    from workbook.quantize import observe

    def most():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    net = mobile()
    batches = lambda count: (images(8, size=96, seed=i) for i in range(count // 8))
    observe(net, batches(8))
    few = most()
    observe(net, batches(512))
    print(few, most() - few)
"""


def test_memory_is_flat_from_8_to_512_images():
    """Peak resident memory of a process: 512 images hold 57 MB, and one of their arrays of activations 151 MB."""
    code = textwrap.dedent(_GROWTH).format(path=[path for path in sys.path if path])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    _, growth = map(int, done.stdout.split())
    assert growth < 4 * 1024, f"{growth} KiB more"


def test_recipe_is_saved_and_followed(tmp_path):
    net, x = mobile(spread=1.0), images()
    scheme = Scheme(
        per_channel=False,
        calibrator="mse",
        equalise=True,
        bias_correction=True,
        exclude=("c1",),
        override={"c3": {"per_channel": True, "reduce_range": True}},
    )
    recipe = calibrate(net, x, scheme)
    recipe.save(tmp_path / "recipe.json")
    loaded = Recipe.load(tmp_path / "recipe.json")
    assert loaded == recipe
    np.testing.assert_array_equal(quantize(net, loaded)(x), quantize(net, x, scheme)(x))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[]",
        '{"scheme": {"colour": 1}, "ranges": {}, "means": {}, "images": 1}',
        '{"scheme": {}, "ranges": 3}',
    ],
)
def test_files_that_are_no_recipe(tmp_path, content):
    path = tmp_path / "recipe.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"recipe\.json holds no recipe of a quantization"):
        Recipe.load(path)


def test_progress_is_told():
    seen = []
    quantize(mobile(), images(), on_batch=seen.append)
    assert len(seen) > 1
    assert sum(seen) == len(images())


def test_recipe_of_another_network():
    recipe = calibrate(mobile(), images())
    with pytest.raises(ValueError, match="no range of the array 'r3': it is another network's"):
        quantize(mobile(), Recipe(recipe.scheme, {k: v for k, v in recipe.ranges.items() if k != "r3"}, {}, 1))
    with pytest.raises(ValueError, match="a recipe has a scheme of its own"):
        quantize(mobile(), recipe, Scheme())


@pytest.mark.parametrize("calibration", [np.zeros((0, 3, 8, 8), np.float32), [], iter(())])
def test_no_image_is_refused(calibration):
    with pytest.raises(ValueError, match="the calibration holds no image; pass at least one"):
        quantize(mobile(), calibration)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(bad):
    x = images(20)
    x[13, 0, 1, 2] = bad
    with pytest.raises(ValueError, match=r"the array 'x' cannot be calibrated on images 8 to 15: 1 of"):
        quantize(mobile(), x)


def test_what_are_no_images():
    with pytest.raises(ValueError, match=r"arrays of 4 axes for the input 'x', not an array of shape \(3, 8, 8\)"):
        quantize(mobile(), images()[0, :, :8, :8])
    with pytest.raises(ValueError, match=r"the input 'x', not 'photo.png'"):
        quantize(mobile(), ["photo.png"])
    with pytest.raises(ValueError, match="must have the shape"):
        quantize(mobile(), images(channels=4))


def weighted_sum(batch, *shape):
    """A network of two inputs: w @ x + y for each column of x."""
    weight = numpy_helper.from_array(np.random.default_rng(3).standard_normal((4, 4, 1), np.float32), "w")
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"]), helper.make_node("Add", ["c", "y"], ["z"])]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, 4, *shape]) for name in ("x", "y")]
    ends = [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "sum", ports, ends, [weight])
    return load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))


@pytest.mark.parametrize("batch", ["N", 3])
def test_several_inputs_of_rows(batch):
    net, draw = weighted_sum(batch, 9), np.random.default_rng(0)
    given = {name: draw.standard_normal((10, 4, 9), np.float32) for name in ("x", "y")}
    seen = observe(net, given)
    assert seen.images == 10
    assert (seen.arrays["y"].histogram.low, seen.arrays["y"].histogram.size) == (given["y"].min(), 360)
    few = {name: x[:3] for name, x in given.items()}
    y = net(few)
    assert np.abs(quantize(net, given)(few) - y).max() <= 0.05 * np.abs(y).max()
    with pytest.raises(ValueError, match="has the inputs x, y; pass each by its name"):
        quantize(net, given["x"])


def test_inputs_of_unequal_numbers_go_through_as_they_are():
    given = {"x": np.ones((2, 4, 5), np.float32), "y": np.ones((1, 4, 5), np.float32)}
    assert observe(weighted_sum("N", 5), [given, given]).images == 2


def test_scheme_as_json():
    scheme = Scheme(activations="int8", exclude=("a",), override={"b": {"calibrator": "mse"}})
    assert Scheme.from_dict(json.loads(json.dumps(scheme.as_dict()))) == scheme
    assert scheme.of_layer("b").calibrator == "mse"
    assert scheme.of_layer("c").calibrator == "minmax"


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"activations": "int4"}, "activations must be one of uint8, int8, not 'int4'"),
        ({"calibrator": "entropy"}, "calibrator must be one of minmax, percentile, mse, not 'entropy'"),
        ({"percent": 0}, "percentile must be above 0"),
        ({"exclude": "conv1"}, r"\('conv1',\)"),
        ({"override": {"conv1": {"bits": 4}}}, "override of 'conv1': a layer has no choice bits"),
        ({"override": {"conv1": {"equalise": True}}}, "a layer has no choice equalise"),
        ({"override": {"conv1": {"weights": "int2"}}}, "weights must be one of"),
    ],
)
def test_schemes_are_checked(choices, message):
    with pytest.raises(ValueError, match=message):
        Scheme(**choices)


def test_arrays_without_channels_are_seen_as_one():
    """A detector computes with single numbers and rows of them beside its images."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["row", "mean"], ["scaled"]),
        helper.make_node("Mul", ["x", "scaled"], ["y"]),
    ]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3, 4, 5]) for name in ("x", "y")]
    row = numpy_helper.from_array(np.arange(5, dtype=np.float32), "row")
    graph = helper.make_graph(nodes, "row", ports[:1], ports[1:], [row])
    net = load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))
    x = images(4)[:, :, :4, :5]
    seen = observe(net, x).arrays
    assert seen["mean"].means.tolist() == pytest.approx([x.mean()], rel=1e-5)
    assert seen["scaled"].means.tolist() == pytest.approx([2 * x.mean()], rel=1e-5)
    np.testing.assert_allclose(quantize(net, x)(x), net(x), atol=0.05 * np.abs(net(x)).max())
