"""Event files: what was written is in them, in TensorBoard's format."""
import struct

import numpy as np
import pytest

import minigrad

pytest.importorskip("tensorboardX")


def events(folder):
    """The values in a folder's event file, as (tag, step, summary value)."""
    from tensorboardX.proto.event_pb2 import Event
    (path,) = folder.glob("events.out.tfevents.*")
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):                       # length, its checksum, the event, its checksum
        (length,) = struct.unpack_from("<Q", data, at)
        event = Event.FromString(data[at + 12:at + 12 + length])
        found += [(value.tag, event.step, value) for value in event.summary.value]
        at += length + 16
    return found


def test_scalars_and_histograms_of_tensors(tmp_path):
    from minigrad.utils.tensorboard import SummaryWriter
    loss = minigrad.tensor([3.0, 1.5], requires_grad=True)
    with SummaryWriter(tmp_path) as writer:
        for step, value in enumerate(loss):
            writer.add_scalar("loss", value, step)
        writer.add_scalar("accuracy", 0.75, global_step=1)
        writer.add_histogram("weights", minigrad.randn(100), 1)
        writer.add_image("digit", minigrad.rand(1, 8, 8), 1)
        writer.add_text("note", "done", 1)
    found = {(tag, step): value for tag, step, value in events(tmp_path)}
    assert found["loss", 0].simple_value == 3.0 and found["loss", 1].simple_value == 1.5
    assert found["accuracy", 1].simple_value == 0.75
    assert found["weights", 1].histo.num == 100
    assert (found["digit", 1].image.height, found["digit", 1].image.width) == (8, 8)
    assert any(tag.startswith("note") for tag, _ in found)
    assert writer.log_dir == str(tmp_path)


def test_graphs_are_refused_by_name(tmp_path):
    from minigrad.utils.tensorboard import SummaryWriter
    with SummaryWriter(tmp_path) as writer, pytest.raises(NotImplementedError, match="add_graph"):
        writer.add_graph(minigrad.nn.Linear(2, 2), np.ones(2))
