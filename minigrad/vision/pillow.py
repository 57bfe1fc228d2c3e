"""Pillow, or an ImportError that says how to get it; the one place that imports it."""
try:
    from PIL import Image, ImageOps
except ImportError as error:
    raise ImportError("minigrad.vision needs Pillow\npip install 'minigrad[vision]'") from error

__all__ = ["Image", "ImageOps"]
