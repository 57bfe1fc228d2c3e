"""Curves, pictures, histograms, texts for TensorBoard (torch.utils.tensorboard), written by tensorboardX."""
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
        return value.detach().cpu().numpy()
    if isinstance(value, dict):
        return {key: _bare(part) for key, part in value.items()}
    return type(value)(map(_bare, value)) if type(value) in (list, tuple) else value


def _refuse(method, **given):
    for name, value in given.items():
        if value:
            raise NotImplementedError(f"SummaryWriter.{method}: {name} is not supported.\nLeave it out.")


class SummaryWriter(tensorboardX.SummaryWriter):
    """Writes an event file into `log_dir`, by default runs/TIME_HOST
    (torch.utils.tensorboard.SummaryWriter).

    comment: appended to the default log_dir; purge_step: steps from there on are hidden; max_queue,
    flush_secs: how many events, or seconds, are kept before they are written. The methods take tensors,
    arrays or numbers; `global_step` is the place on the curve, `walltime` the time, by default now. In a tag
    blanks and the like become _. As a context manager it closes itself. `tensorboard --logdir runs` shows
    what was written.
    """

    def __init__(self, log_dir=None, comment="", purge_step=None, max_queue=10, flush_secs=120,
                 filename_suffix=""):
        super().__init__(log_dir and str(log_dir), comment, purge_step, max_queue, flush_secs,
                         filename_suffix)
        self.log_dir = self.logdir
        self._curves = {}                       # a writer for each curve of add_scalars

    def get_logdir(self):
        """The folder of the event file."""
        return self.log_dir

    def add_scalar(self, tag, scalar_value, global_step=None, walltime=None, new_style=False,
                   double_precision=False):
        """A point of a curve. new_style, double_precision: NotImplementedError if set."""
        _refuse("add_scalar", new_style=new_style, double_precision=double_precision)
        super().add_scalar(tag, _bare(scalar_value), global_step, walltime)

    def add_scalars(self, main_tag, tag_scalar_dict, global_step=None, walltime=None):
        """Points of several curves in one plot: a dict of numbers. Each curve has a folder of its own,
        MAIN_TAG_NAME."""
        for name, value in tag_scalar_dict.items():
            folder = f"{self.log_dir}/{main_tag.replace('/', '_')}_{name}"
            if folder not in self._curves:
                self._curves[folder] = tensorboardX.SummaryWriter(folder)
            self._curves[folder].add_scalar(main_tag, _bare(value), global_step, walltime)

    def add_histogram(self, tag, values, global_step=None, bins="tensorflow", walltime=None, max_bins=None):
        """How values of any shape are distributed; bins: "tensorflow", or what numpy.histogram takes."""
        super().add_histogram(tag, _bare(values), global_step, bins, walltime, max_bins)

    def add_image(self, tag, img_tensor, global_step=None, walltime=None, dataformats="CHW"):
        """A picture (C, H, W), or in the order that dataformats says: floats from 0 to 1, or uint8."""
        super().add_image(tag, _bare(img_tensor), global_step, walltime, dataformats)

    def add_images(self, tag, img_tensor, global_step=None, walltime=None, dataformats="NCHW"):
        """Pictures (N, C, H, W) side by side in one."""
        super().add_images(tag, _bare(img_tensor), global_step, walltime, dataformats)

    def add_image_with_boxes(self, tag, img_tensor, box_tensor, global_step=None, walltime=None, rescale=1,
                             dataformats="CHW", labels=None):
        """A picture and frames (N, 4) in it: left, top, right, bottom."""
        super().add_image_with_boxes(tag, _bare(img_tensor), _bare(box_tensor), global_step, walltime,
                                     dataformats, labels, rescale=rescale)

    def add_figure(self, tag, figure, global_step=None, close=True, walltime=None):
        """A figure of matplotlib, or a list of them; close: close it then."""
        super().add_figure(tag, figure, global_step, close, walltime)

    def add_text(self, tag, text_string, global_step=None, walltime=None):
        """A text; Markdown is shown as such."""
        super().add_text(tag, text_string, global_step, walltime)

    def add_pr_curve(self, tag, labels, predictions, global_step=None, num_thresholds=127, weights=None,
                     walltime=None):
        """Precision over recall, of labels 0 or 1 and predictions from 0 to 1, both (N,)."""
        super().add_pr_curve(tag, *_bare((labels, predictions)), global_step, num_thresholds, _bare(weights),
                             walltime)

    def add_hparams(self, hparam_dict, metric_dict, hparam_domain_discrete=None, run_name=None,
                    global_step=None):
        """Settings and what they led to, for a table of runs. hparam_domain_discrete: NotImplementedError."""
        _refuse("add_hparams", hparam_domain_discrete=hparam_domain_discrete)
        super().add_hparams(_bare(hparam_dict), _bare(metric_dict), run_name, global_step)

    def add_embedding(self, mat, metadata=None, label_img=None, global_step=None, tag="default",
                      metadata_header=None):
        """Points (N, D) to be looked at from all sides; metadata: N labels; label_img: (N, C, H, W)."""
        super().add_embedding(*_bare((mat, metadata, label_img)), global_step, tag, metadata_header)

    def add_mesh(self, tag, vertices, colors=None, faces=None, config_dict=None, global_step=None,
                 walltime=None):
        """Bodies of triangles: vertices (B, N, 3), their colours (B, N, 3), faces (B, M, 3)."""
        super().add_mesh(tag, *_bare((vertices, colors, faces)), config_dict, global_step, walltime)

    def add_audio(self, tag, snd_tensor, global_step=None, sample_rate=44100, walltime=None):
        """Sound (1, L) from -1 to 1; needs the package soundfile."""
        super().add_audio(tag, _bare(snd_tensor), global_step, sample_rate, walltime)

    def add_video(self, tag, vid_tensor, global_step=None, fps=4, walltime=None):
        """Films (N, T, C, H, W); needs the package moviepy."""
        super().add_video(tag, _bare(vid_tensor), global_step, fps, walltime)

    def add_graph(self, model, input_to_model=None, verbose=False, use_strict_trace=True):
        """Not supported: it traces torch's graphs."""
        raise NotImplementedError("SummaryWriter.add_graph is not supported.\nPrint the model instead.")

    def flush(self):
        """Writes what is still kept."""
        for writer in (self, *self._curves.values()):
            if writer.file_writer is not None:
                events = writer.file_writer.event_writer
                # tensorboardX's own flush does not wait for the thread that writes; ending it does.
                events._worker.stop()
                events.flush()
                events._closed = True
                events.reopen()

    def close(self):
        """Writes what is still kept, and closes the files."""
        for writer in (super(), *self._curves.values()):
            writer.close()
