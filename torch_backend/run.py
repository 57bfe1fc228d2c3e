"""`minigrad.Run` for PyTorch's modules and generators: each takes up the other's runs."""

import minigrad.run
import torch_backend


class Run(minigrad.run.Run):
    __doc__ = minigrad.run.Run.__doc__
    library = torch_backend
