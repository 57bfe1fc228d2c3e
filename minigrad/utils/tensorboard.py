"""Curves, pictures and histograms for TensorBoard (torch.utils.tensorboard), written by tensorboardX."""
try:
    import tensorboardX
except ImportError as error:
    raise ImportError("minigrad.utils.tensorboard needs tensorboardX\n"
                      "Install it: pip install 'minigrad[tensorboard]'.") from error

from ..engine.core import TensorBase

__all__ = ["SummaryWriter"]


def _bare(value):
    """Tensors as NumPy arrays, also in dicts, lists and tuples."""
    if isinstance(value, TensorBase):
        return value.detach().numpy()
    if isinstance(value, dict):
        return {key: _bare(part) for key, part in value.items()}
    return type(value)(map(_bare, value)) if type(value) in (list, tuple) else value


class SummaryWriter(tensorboardX.SummaryWriter):
    """Writes an event file into `log_dir`, by default runs/TIME_HOST
    (torch.utils.tensorboard.SummaryWriter).

    comment: appended to the default log_dir; purge_step: steps from there on are hidden; max_queue,
    flush_secs: how many events, or seconds, are kept before they are written. `add_scalar(tag, value, step)`,
    `add_scalars`, `add_histogram`, `add_image(s)`, `add_figure`, `add_text`, `add_pr_curve`, `add_hparams`,
    ... take tensors, arrays or numbers. add_graph raises NotImplementedError.
    """

    def __init__(self, log_dir=None, comment="", purge_step=None, max_queue=10, flush_secs=120,
                 filename_suffix=""):
        super().__init__(log_dir and str(log_dir), comment, purge_step, max_queue, flush_secs,
                         filename_suffix)
        self.log_dir = self.logdir

    def add_graph(self, model, input_to_model=None, verbose=False, use_strict_trace=True):
        """Not supported: it traces torch's graphs."""
        raise NotImplementedError("SummaryWriter.add_graph is not supported.\nPrint the model instead.")


def _taking_tensors(name):
    write = getattr(tensorboardX.SummaryWriter, name)

    def method(self, *args, **named):
        return write(self, *map(_bare, args), **{key: _bare(value) for key, value in named.items()})
    method.__name__, method.__doc__ = name, f"As torch.utils.tensorboard.SummaryWriter.{name}."
    return method


for _name in """add_scalar add_scalars add_histogram add_image add_images add_figure add_video add_audio
        add_text add_embedding add_pr_curve add_mesh add_hparams""".split():
    setattr(SummaryWriter, _name, _taking_tensors(_name))
