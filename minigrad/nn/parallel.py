"""Models spread over several GPUs (torch.nn.parallel): without one, the model computes where it is."""
from .modules.module import Module


class DataParallel(Module):
    """A module under the name `module`, called as it is (torch.nn.DataParallel, where there is no GPU).

    device_ids, output_device, dim: how to spread the batch over GPUs, if there were any.
    """

    def __init__(self, module, device_ids=None, output_device=None, dim=0):
        super().__init__()
        self.module, self.dim, self.device_ids = module, dim, []

    def forward(self, *inputs, **kwargs):
        """The module's result."""
        return self.module(*inputs, **kwargs)


class DistributedDataParallel(Module):
    """Training in several processes: not there (torch.nn.parallel.DistributedDataParallel)."""

    def __init__(self, module, *args, **kwargs):
        raise NotImplementedError("DistributedDataParallel is not supported.\nTrain in one process.")
