"""Image data, by torchvision's names: `datasets`, `transforms`, `utils`; and `digits` and `files`, which give
NumPy arrays.

The first three compute with `library`, and are the same files on PyTorch: `torch_backend.vision` runs them a
second time with PyTorch as theirs. They need Pillow: pip install 'minigrad[vision]'.
"""
import minigrad as library

__all__ = ["datasets", "transforms", "utils"]


def __getattr__(name):
    if name in __all__:                         # when first asked for: reading digits needs no Pillow
        import importlib
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
