"""What numbers the dtypes hold (torch.finfo, torch.iinfo)."""
import numpy as np

from . import dtypes


class _Limits:
    def __init__(self, type=None):
        type = dtypes.get_default_dtype() if type is None else type
        if not isinstance(type, dtypes.dtype) or type.category != self._category:
            kind, other = ("a floating point", "iinfo") if self._category == 2 else ("an integer", "finfo")
            own = self.__class__.__name__
            raise TypeError(f"torch.{own}() requires {kind} input type. Use torch.{other} to handle "
                            f"'torch.{own}'\nPass a dtype such as minigrad.float32 or minigrad.int64.")
        self.bits, self.dtype = 8 * type.itemsize, type.name
        self._read(type)

    def __repr__(self):
        shown = [f"{name}={float(getattr(self, name)):g}" for name in self._shown]
        return f"{self.__class__.__name__}({', '.join(shown)}, dtype={self.dtype})"


class finfo(_Limits):
    """Limits of a floating point dtype, by default the default one: bits, eps, max, min, tiny,
    smallest_normal, resolution, dtype (torch.finfo). Raises TypeError for others."""
    _category, _shown = 2, ("resolution", "min", "max", "eps", "smallest_normal", "tiny")

    def _read(self, type):
        if type.name == "bfloat16":
            import ml_dtypes
            found = ml_dtypes.finfo(type.numpy)
        else:
            found = np.finfo(type.numpy)
        self.max, self.min, self.eps = float(found.max), float(found.min), float(found.eps)
        self.tiny = self.smallest_normal = float(found.tiny)
        self.resolution = 10.0 ** -found.precision


class iinfo(_Limits):
    """Limits of an integer dtype: bits, max, min, dtype (torch.iinfo). Raises TypeError for others."""
    _category, _shown = 1, ("min", "max")

    def __init__(self, type):
        super().__init__(type)

    def _read(self, type):
        found = np.iinfo(type.numpy)
        self.max, self.min = int(found.max), int(found.min)
