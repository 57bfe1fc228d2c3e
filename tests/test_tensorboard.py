"""Event files, read back by TensorBoard's own reader; and compared with what torch's SummaryWriter writes."""

import inspect
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minigrad

pytest.importorskip("tensorboardX")
pytest.importorskip("tensorboard")
Image = pytest.importorskip("PIL.Image")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: E402
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader  # noqa: E402
from tensorboard.compat.proto.event_pb2 import Event  # noqa: E402

from minigrad.utils.tensorboard import SummaryWriter  # noqa: E402

ROOT = Path(__file__).parent.parent


def read(folder):
    """What TensorBoard shows of a folder."""
    events = EventAccumulator(str(folder), {"images": 0, "histograms": 0, "scalars": 0, "tensors": 0})
    return events.Reload()


def test_scalars(tmp_path):
    loss = minigrad.tensor([3.0, 1.5], requires_grad=True)
    with SummaryWriter(tmp_path) as writer:
        for step, value in enumerate(loss):
            writer.add_scalar("loss/train", value, step, walltime=100 + step)
        writer.add_scalar("准确率 %", 0.75, global_step=1)
        writer.add_scalar("rate", np.float64(0.001), 7)
    events = read(tmp_path)
    assert events.Tags()["scalars"] == ["loss/train", "准确率__", "rate"]
    assert [(e.step, e.value, e.wall_time) for e in events.Scalars("loss/train")] == [
        (0, 3.0, 100),
        (1, 1.5, 101),
    ]
    assert [(e.step, e.value) for e in events.Scalars("rate")] == [(7, pytest.approx(0.001, rel=1e-7))]
    assert writer.log_dir == writer.get_logdir() == str(tmp_path)


def test_several_curves_in_one_plot(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        for step in range(3):
            curves = {"train": minigrad.tensor(1.0 / (step + 1)), "val": 2.0 / (step + 1)}
            writer.add_scalars("loss/mean", curves, step)
    for name, first in (("train", 1.0), ("val", 2.0)):
        points = read(tmp_path / f"loss_mean_{name}").Scalars("loss/mean")
        assert [(p.step, p.value) for p in points] == [(k, np.float32(first / (k + 1))) for k in range(3)]


def test_flushed_files_can_be_read_while_the_writer_lives(tmp_path):
    writer = SummaryWriter(tmp_path)
    writer.add_scalars("b", {"c": 2}, 0)
    for end in (100, 200):                      # the last points are in the file too, every time
        for step in range(end - 100, end):
            writer.add_scalar("a", step, step)
        writer.flush()
        assert [event.value for event in read(tmp_path).Scalars("a")] == list(range(end))
        assert read(tmp_path / "b_c").Scalars("b")[0].value == 2
    writer.close()
    writer.flush()


@pytest.mark.parametrize("bins", ["tensorflow", "auto", 10])
def test_histograms(tmp_path, bins):
    values = np.random.default_rng(0).normal(size=(20, 50))
    with SummaryWriter(tmp_path) as writer:
        writer.add_histogram("weights", minigrad.from_numpy(values), 3, bins)
    [event] = read(tmp_path).Histograms("weights")
    histogram = event.histogram_value
    assert event.step == 3 and histogram.num == 1000 == sum(histogram.bucket)
    assert (histogram.min, histogram.max) == (values.min(), values.max())
    np.testing.assert_allclose(
        [histogram.sum, histogram.sum_squares], [values.sum(), (values**2).sum()], rtol=1e-12
    )
    counts, _ = np.histogram(values, [-np.inf, *histogram.bucket_limit])
    np.testing.assert_array_equal(histogram.bucket, counts)


def picture(event):
    return np.asarray(Image.open(io.BytesIO(event.encoded_image_string)))


def test_images(tmp_path):
    values = np.random.default_rng(1).integers(0, 256, (2, 3, 4, 6), np.uint8)
    with SummaryWriter(tmp_path) as writer:
        writer.add_image("bytes", minigrad.from_numpy(values[0]), 1)
        writer.add_image("floats", minigrad.from_numpy(values[0] / 255), 1)
        writer.add_image(
            "last", minigrad.from_numpy(values[0].transpose(1, 2, 0).copy()), 1, dataformats="HWC"
        )
        writer.add_image("grey", minigrad.from_numpy(values[0, 0]), 1, dataformats="HW")
        writer.add_images("several", minigrad.from_numpy(values), 1)
    events = read(tmp_path)
    for tag in ("bytes", "floats", "last"):
        [event] = events.Images(tag)
        assert (event.width, event.height, event.step) == (6, 4, 1)
        np.testing.assert_array_equal(picture(event), values[0].transpose(1, 2, 0))
    np.testing.assert_array_equal(picture(events.Images("grey")[0])[..., 0], values[0, 0])
    [event] = events.Images("several")
    np.testing.assert_array_equal(picture(event)[:, :6], values[0].transpose(1, 2, 0))
    np.testing.assert_array_equal(picture(event)[:4, 6:12], values[1].transpose(1, 2, 0))


def test_texts_and_figures(tmp_path):
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    figure = Figure((2, 1), dpi=50)
    figure.subplots().plot([1, 2])
    with SummaryWriter(tmp_path) as writer:
        writer.add_text("note", "**done** 完成", 5)
        writer.add_figure("plot", figure, 5, close=False)
    events = read(tmp_path)
    [event] = events.Tensors("note/text_summary")
    assert event.step == 5 and event.tensor_proto.string_val[0].decode() == "**done** 完成"
    assert picture(events.Images("plot")[0]).shape == (50, 100, 3)


def write_everything(B, writer):
    random = np.random.default_rng(0)

    def tensor(array):
        return B.from_numpy(np.asarray(array).copy())

    labels, predictions = random.integers(0, 2, 50), random.random(50)
    writer.add_scalar("loss", tensor(3.5), 1)
    writer.add_scalars("a/b", {"train": 1.0, "val": tensor(2.0)}, 3)
    for bins in ("tensorflow", "auto", 30):
        writer.add_histogram(f"normal/{bins}", tensor(random.normal(size=100)), 1, bins)
    writer.add_histogram("zero", tensor(np.zeros(5)), 1, max_bins=3)
    writer.add_image("image", tensor(random.random((3, 4, 5))), 1)
    writer.add_image("bytes", tensor(random.integers(0, 256, (4, 5), np.uint8)), 1, dataformats="HW")
    writer.add_images("images", tensor(random.random((5, 1, 4, 5))), 1)
    writer.add_image_with_boxes("boxes", tensor(random.random((3, 20, 20))), tensor([[2.0, 3, 9, 12]]), 1)
    writer.add_text("note", "**hello**", 4)
    writer.add_pr_curve("curve", tensor(labels), tensor(predictions), 1)
    writer.add_hparams({"lr": 0.1, "name": "adam"}, {"accuracy": tensor(0.5)}, run_name="hparams")
    writer.close()


def summaries(folder):
    """Every value of every file below a folder: (place, step, bytes)."""
    return [
        (
            str(path.parent.relative_to(folder)),
            event.step,
            value.tag,
            value.SerializeToString(deterministic=True),
        )
        for path in sorted(folder.rglob("events.out.*"))
        for raw in RawEventFileLoader(str(path)).Load()
        for event in [Event.FromString(raw)]
        for value in event.summary.value
    ]


def test_the_same_bytes_as_torch(tmp_path):
    torch = pytest.importorskip("torch")
    from torch.utils.tensorboard import SummaryWriter as TorchWriter

    write_everything(minigrad, SummaryWriter(tmp_path / "ours"))
    write_everything(torch, TorchWriter(tmp_path / "theirs"))
    ours, theirs = sorted(summaries(tmp_path / "ours")), sorted(summaries(tmp_path / "theirs"))
    assert [row[:3] for row in ours] == [row[:3] for row in theirs] and len(ours) >= 16
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == other, mine[2]


def test_embeddings(tmp_path):
    points = np.random.default_rng(2).random((4, 3)).astype(np.float32)
    with SummaryWriter(tmp_path) as writer:
        writer.add_embedding(minigrad.from_numpy(points), ["a", "b", "c", "d"], global_step=1)
    [table] = tmp_path.rglob("tensors.tsv")
    np.testing.assert_allclose(np.loadtxt(table), points, rtol=1e-6)
    [names] = tmp_path.rglob("metadata.tsv")
    assert names.read_text().split() == ["a", "b", "c", "d"]


def test_meshes(tmp_path):
    points = np.random.default_rng(3).random((1, 4, 3)).astype(np.float32)
    with SummaryWriter(tmp_path) as writer:
        writer.add_mesh(
            "body", minigrad.from_numpy(points), faces=minigrad.tensor([[[0, 1, 2]]]), global_step=2
        )
    events = read(tmp_path)
    tags = events.PluginTagToContent("mesh")
    written = [np.array(events.Tensors(tag)[0].tensor_proto.float_val) for tag in tags]
    assert len(tags) == 2 and any(np.array_equal(array, points.ravel()) for array in written)


def test_signatures_are_torchs():
    pytest.importorskip("torch")
    from torch.utils.tensorboard import SummaryWriter as TorchWriter

    methods = [name for name, value in vars(SummaryWriter).items() if inspect.isfunction(value)]
    assert len(methods) == 19
    for name in methods:
        mine, other = (
            [(p.name, p.default, p.kind) for p in inspect.signature(getattr(kind, name)).parameters.values()]
            for kind in (SummaryWriter, TorchWriter)
        )
        assert mine == other, name


def test_what_is_refused_by_name(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        for text, call in {
            "add_graph": lambda: writer.add_graph(minigrad.nn.Linear(2, 2), np.ones(2)),
            "new_style": lambda: writer.add_scalar("a", 1, new_style=True),
            "double_precision": lambda: writer.add_scalar("a", 1, double_precision=True),
            "hparam_domain_discrete": lambda: writer.add_hparams({"a": 1}, {"b": 1}, {"a": [1]}),
        }.items():
            with pytest.raises(NotImplementedError, match=text):
                call()


@pytest.mark.parametrize("blocked", ["torch", "tensorboard", "tensorflow"])
def test_needs_neither_torch_nor_tensorboard(tmp_path, blocked):
    program = (
        f"import sys; sys.modules[{blocked!r}] = None\nimport minigrad, numpy as np\n"
        "from minigrad.utils.tensorboard import SummaryWriter\n"
        "with SummaryWriter(sys.argv[1]) as writer:\n"
        "    writer.add_scalar('loss', minigrad.tensor(2.0), 0)\n"
        "    writer.add_histogram('h', minigrad.randn(9), 0)\n"
        "    writer.add_image('i', minigrad.rand(3, 4, 4), 0)\n"
        "    writer.add_text('t', 'text', 0)\n"
        "    writer.add_embedding(minigrad.rand(4, 3))\n"
    )
    run = subprocess.run([sys.executable, "-c", program, tmp_path], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert read(tmp_path).Scalars("loss")[0].value == 2.0
