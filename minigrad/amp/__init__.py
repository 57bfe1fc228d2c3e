"""Mixed precision (torch.amp): products in half precision, losses scaled so that small gradients survive."""
from .autocast_mode import autocast, is_autocast_available
from .grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "is_autocast_available"]
