"""Transforms of images, by torchvision's names, signatures and printed text (torchvision.transforms).

They take Pillow images, and tensors (..., height, width) where their docstring says so. Those with chance
draw from the library's default generator as torchvision does, so the same seed gives the same crops.
"""
import enum
import numbers
from collections.abc import Sequence

import numpy as np

from . import library as torch
from .pillow import Image, ImageOps

__all__ = ["CenterCrop", "Compose", "InterpolationMode", "Lambda", "Normalize", "RandomCrop",
           "RandomHorizontalFlip", "RandomRotation", "Resize", "ToTensor"]


class InterpolationMode(enum.Enum):
    """How Pillow finds the values between pixels (torchvision.transforms.InterpolationMode)."""
    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


_PILLOW = {mode: Image.Resampling[mode.name.partition("_")[0]] for mode in InterpolationMode}
_OF_PILLOW = {int(number): mode for mode, number in _PILLOW.items() if mode.name != "NEAREST_EXACT"}


def _interpolation(mode):
    mode = _OF_PILLOW.get(mode, mode)
    if not isinstance(mode, InterpolationMode):
        raise TypeError(f"Argument interpolation should be a InterpolationMode\nGot {mode!r}.")
    return mode


# ---- Images and tensors ----------------------------------------------------------------------------------

def _dimensions(image):
    """(channels, height, width) of an image or a tensor."""
    if isinstance(image, Image.Image):
        return len(image.getbands()), image.height, image.width
    if isinstance(image, torch.Tensor) and image.ndim >= 2:
        return (1 if image.ndim == 2 else image.shape[-3]), *image.shape[-2:]
    raise TypeError(f"Unexpected type {type(image)}\nGive a Pillow image or a tensor (..., height, width).")


def _need_image(image, name):
    if isinstance(image, torch.Tensor):
        raise NotImplementedError(f"{name} of tensors is not supported.\nPut it before ToTensor.")
    if not isinstance(image, Image.Image):
        raise TypeError(f"img should be PIL Image. Got {type(image)}\nOpen it with PIL.Image.open.")


def _crop(image, top, left, height, width):
    if isinstance(image, torch.Tensor):
        return image[..., top:top + height, left:left + width]
    return image.crop((left, top, left + width, top + height))


def _pad(image, padding, fill=0, mode="constant"):
    """Borders around an image or a tensor. padding: a number for all sides, two for left and right, top and
    bottom, or four for left, top, right, bottom."""
    if not isinstance(padding, (numbers.Number, tuple, list)):
        raise TypeError("Got inappropriate padding arg\nA number, or a sequence of 1, 2 or 4.")
    sides = [padding] if isinstance(padding, numbers.Number) else list(padding)
    if len(sides) not in (1, 2, 4):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(sides)} element "
                         "tuple\nFour are left, top, right, bottom.")
    if mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric\n"
                         f"Got {mode!r}.")
    left, top, right, bottom = sides * (4 // len(sides))
    if mode == "constant" and isinstance(image, Image.Image):
        return ImageOps.expand(image, (left, top, right, bottom), **_fill(image, fill, "fill"))
    _, height, width = _dimensions(image)
    if mode == "constant":
        padded = image.new_full((*image.shape[:-2], top + height + bottom, left + width + right), fill)
        padded[..., top:top + height, left:left + width] = image
        return padded
    rows = np.pad(np.arange(height), (top, bottom), mode)[:, None]
    columns = np.pad(np.arange(width), (left, right), mode)
    if isinstance(image, torch.Tensor):
        return image[..., torch.from_numpy(rows), torch.from_numpy(columns)]
    padded = Image.fromarray(np.asarray(image)[rows, columns])
    if image.mode == "P":
        padded.putpalette(image.getpalette())
    return padded


def _fill(image, fill, name):
    """The colour of what lies outside, as keyword argument `name` of Pillow's functions."""
    bands = len(image.getbands())
    fill = [0 if fill is None else fill] if not isinstance(fill, (tuple, list)) else list(fill)
    if len(fill) not in (1, bands):
        raise ValueError("The number of elements in 'fill' does not match the number of channels of the "
                         f"image ({len(fill)} != {bands})\nGive one number, or one for each channel.")
    fill = [value if image.mode == "F" else int(value) for value in fill] * (bands // len(fill))
    return {name: fill[0] if bands == 1 else tuple(fill)}


def _two(size):
    """(height, width) from what `size` of a crop may be."""
    if isinstance(size, numbers.Number):
        return int(size), int(size)
    if len(size) == 1:
        return size[0], size[0]
    if len(size) != 2:
        raise ValueError("Please provide only two dimensions (h, w) for size.\nOr one number for a square.")
    return size


# ---- Transforms ------------------------------------------------------------------------------------------

class Compose:
    """Transforms one after the other, as a list (torchvision.transforms.Compose)."""

    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, img):
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self):
        lines = [f"\n    {transform}" for transform in self.transforms]
        return f"{type(self).__name__}({''.join(lines)}\n)"


class ToTensor:
    """A Pillow image or an array (height, width[, channels]) as a tensor (channels, height, width)
    (torchvision.transforms.ToTensor).

    uint8 becomes the default dtype between 0 and 1; other dtypes keep dtype and values. Raises TypeError for
    what is neither, ValueError for arrays of other dimensions.
    """

    def __call__(self, pic):
        if isinstance(pic, Image.Image):
            kind = {"I": np.int32, "I;16": np.int16, "F": np.float32}.get(pic.mode, np.uint8)
            array = np.array(pic, kind) * (255 if pic.mode == "1" else 1)
            array = array.astype(kind).reshape(pic.height, pic.width, len(pic.getbands()))
        elif isinstance(pic, np.ndarray):
            if pic.ndim not in (2, 3):
                raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.\n"
                                 "(height, width) or (height, width, channels).")
            array = pic.reshape(*pic.shape[:2], -1)
        else:
            raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}\nTensors need no ToTensor.")
        tensor = torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))
        return tensor.to(torch.get_default_dtype()).div(255) if tensor.dtype == torch.uint8 else tensor

    def __repr__(self):
        return f"{type(self).__name__}()"


class Lambda:
    """A function as a transform (torchvision.transforms.Lambda). Raises TypeError where it is none."""

    def __init__(self, lambd):
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}\n"
                            "Give the function itself, not its result.")
        self.lambd = lambd

    def __call__(self, img):
        return self.lambd(img)

    def __repr__(self):
        return f"{type(self).__name__}()"


class Normalize(torch.nn.Module):
    """(tensor - mean) / std, channel by channel (torchvision.transforms.Normalize).

    mean, std: one number per channel of the floating tensor (..., channels, height, width). inplace: write
    into the tensor given. Raises TypeError for images and integers, ValueError for two dimensions or a std
    of 0.
    """

    def __init__(self, mean, std, inplace=False):
        super().__init__()
        self.mean, self.std, self.inplace = mean, std, inplace

    def forward(self, tensor):
        if not isinstance(tensor, torch.Tensor):
            raise TypeError(f"img should be Tensor Image. Got {type(tensor)}\nPut ToTensor before Normalize.")
        if not tensor.is_floating_point():
            raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.\n"
                            "ToTensor makes one of an image.")
        if tensor.ndim < 3:
            raise ValueError("Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() "
                             f"= {tensor.size()}\nA grey image has one channel: tensor.unsqueeze(0).")
        mean, std = (torch.as_tensor(value, dtype=tensor.dtype, device=tensor.device)
                     for value in (self.mean, self.std))
        if 0 in std.flatten().tolist():
            raise ValueError(f"std evaluated to zero after conversion to {tensor.dtype}, leading to division "
                             "by zero.\nA channel that is constant has std 1 here.")
        mean, std = (value.view(-1, 1, 1) if value.ndim == 1 else value for value in (mean, std))
        return (tensor.sub_(mean) if self.inplace else tensor.sub(mean)).div_(std)

    def __repr__(self):
        return f"{type(self).__name__}(mean={self.mean}, std={self.std})"


class Resize(torch.nn.Module):
    """A Pillow image in another size (torchvision.transforms.Resize).

    size: (height, width), or one number for the shorter side, the other in proportion; max_size: a limit for
    the longer one then. antialias: for tensors in torchvision; Pillow always does. Tensors raise
    NotImplementedError.
    """

    def __init__(self, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
        super().__init__()
        if not isinstance(size, (int, Sequence)):
            raise TypeError(f"Size should be int or sequence. Got {type(size)}\n"
                            "(height, width), or the shorter side.")
        if isinstance(size, Sequence) and len(size) not in (1, 2):
            raise ValueError("If size is a sequence, it should have 1 or 2 values\n"
                             "(height, width), or the shorter side.")
        if max_size is not None and isinstance(size, Sequence) and len(size) == 2:
            raise ValueError("max_size should only be passed if size specifies the length of the smaller "
                             "edge, i.e. size should be an int or a sequence of length 1 in torchscript "
                             "mode.\nLeave max_size out.")
        shorter = size if isinstance(size, int) else size[0]
        if max_size is not None and max_size <= shorter:
            raise ValueError(f"max_size = {max_size} must be strictly greater than the requested size for "
                             f"the smaller edge size = {size}\nIt limits the longer side.")
        self.size, self.max_size, self.antialias = size, max_size, antialias
        self.interpolation = _interpolation(interpolation)

    def forward(self, img):
        _need_image(img, "Resize")
        size = (self.size,) if isinstance(self.size, int) else tuple(self.size)
        if len(size) == 1:
            shorter, longer = sorted(img.size)
            new = [size[0], int(size[0] * longer / shorter)]
            if self.max_size is not None and new[1] > self.max_size:
                new = [int(self.max_size * new[0] / new[1]), self.max_size]
            size = new if img.height <= img.width else new[::-1]
        height, width = size
        if img.size == (width, height):
            return img
        return img.resize((width, height), _PILLOW[self.interpolation])

    def __repr__(self):
        return (f"{type(self).__name__}(size={self.size}, interpolation={self.interpolation.value}, "
                f"max_size={self.max_size}, antialias={self.antialias})")


class CenterCrop(torch.nn.Module):
    """The middle of an image or tensor, with zeros around where it is smaller
    (torchvision.transforms.CenterCrop).

    size: (height, width), or a number for a square. Raises ValueError for more than two numbers.
    """

    def __init__(self, size):
        super().__init__()
        self.size = _two(size)

    def forward(self, img):
        _, height, width = _dimensions(img)
        new_height, new_width = self.size
        if new_height > height or new_width > width:
            more_height, more_width = max(0, new_height - height), max(0, new_width - width)
            img = _pad(img, [more_width // 2, more_height // 2, more_width - more_width // 2,
                             more_height - more_height // 2])
            _, height, width = _dimensions(img)
        top, left = round((height - new_height) / 2), round((width - new_width) / 2)
        return _crop(img, top, left, new_height, new_width)

    def __repr__(self):
        return f"{type(self).__name__}(size={self.size})"


class RandomCrop(torch.nn.Module):
    """A part of an image or tensor, anywhere (torchvision.transforms.RandomCrop).

    size: (height, width), or a number for a square. padding: borders added first: a number for all sides, two
    for left and right, top and bottom, or four for left, top, right, bottom. pad_if_needed: widen what is too
    small. fill, padding_mode: what borders are: "constant" (of value fill), "edge", "reflect", "symmetric".
    Raises ValueError where the image is smaller than the part.
    """

    def __init__(self, size, padding=None, pad_if_needed=False, fill=0, padding_mode="constant"):
        super().__init__()
        self.size = tuple(_two(size))
        self.padding, self.pad_if_needed, self.fill = padding, pad_if_needed, fill
        self.padding_mode = padding_mode

    @staticmethod
    def get_params(img, output_size):
        """(top, left, height, width) of the next crop of size (height, width)."""
        _, height, width = _dimensions(img)
        new_height, new_width = output_size
        if height < new_height or width < new_width:
            raise ValueError(f"Required crop size {(new_height, new_width)} is larger than input image size "
                             f"{(height, width)}\nPass pad_if_needed=True, or Resize first.")
        if (height, width) == (new_height, new_width):
            return 0, 0, height, width
        top = torch.randint(0, height - new_height + 1, size=(1,)).item()
        left = torch.randint(0, width - new_width + 1, size=(1,)).item()
        return top, left, new_height, new_width

    def forward(self, img):
        if self.padding is not None:
            img = _pad(img, self.padding, self.fill, self.padding_mode)
        _, height, width = _dimensions(img)
        if self.pad_if_needed and width < self.size[1]:
            img = _pad(img, [self.size[1] - width, 0], self.fill, self.padding_mode)
        if self.pad_if_needed and height < self.size[0]:
            img = _pad(img, [0, self.size[0] - height], self.fill, self.padding_mode)
        return _crop(img, *self.get_params(img, self.size))

    def __repr__(self):
        return f"{type(self).__name__}(size={self.size}, padding={self.padding})"


class RandomHorizontalFlip(torch.nn.Module):
    """Left for right with probability p, of an image or tensor
    (torchvision.transforms.RandomHorizontalFlip)."""

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, img):
        _dimensions(img)
        if torch.rand(1) < self.p:
            return img.flip(-1) if isinstance(img, torch.Tensor) else ImageOps.mirror(img)
        return img

    def __repr__(self):
        return f"{type(self).__name__}(p={self.p})"


class RandomRotation(torch.nn.Module):
    """A Pillow image turned by an angle between two (torchvision.transforms.RandomRotation).

    degrees: (smallest, largest), counter-clockwise, or a number for (-number, number). expand: make the
    result large enough for all of the image. center: (x, y) to turn around, by default the middle. fill: the
    colour outside. Tensors raise NotImplementedError; a negative number or other lengths ValueError.
    """

    def __init__(self, degrees, interpolation=InterpolationMode.NEAREST, expand=False, center=None, fill=0):
        super().__init__()
        if isinstance(degrees, numbers.Number):
            if degrees < 0:
                raise ValueError("If degrees is a single number, it must be positive.\n"
                                 "It is meant for both directions.")
            degrees = (-degrees, degrees)
        for name, value in (("degrees", degrees), ("center", center)):
            if value is None:
                continue
            if not isinstance(value, Sequence):
                raise TypeError(f"{name} should be a sequence of length 2.\nGot {value!r}.")
            if len(value) != 2:
                raise ValueError(f"{name} should be sequence of length 2.\nGot {value!r}.")
        if fill is not None and not isinstance(fill, (Sequence, numbers.Number)):
            raise TypeError("Fill should be either a sequence or a number.\nOne for each channel, or one.")
        self.degrees = [float(angle) for angle in degrees]
        self.interpolation, self.expand, self.center = _interpolation(interpolation), expand, center
        self.fill = 0 if fill is None else fill

    @staticmethod
    def get_params(degrees):
        """The angle of the next rotation, in degrees."""
        return torch.empty(1).uniform_(float(degrees[0]), float(degrees[1])).item()

    def forward(self, img):
        _need_image(img, "RandomRotation")
        angle = self.get_params(self.degrees)
        return img.rotate(angle, _PILLOW[self.interpolation], self.expand, self.center,
                          **_fill(img, self.fill, "fillcolor"))

    def __repr__(self):
        center = "" if self.center is None else f", center={self.center}"
        return (f"{type(self).__name__}(degrees={self.degrees}, interpolation={self.interpolation.value}, "
                f"expand={self.expand}{center}, fill={self.fill})")
