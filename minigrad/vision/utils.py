"""Many images in one, and images into files (torchvision.utils)."""
import math

from . import library as torch
from .pillow import Image

__all__ = ["make_grid", "save_image"]


@torch.no_grad()
def make_grid(tensor, nrow=8, padding=2, normalize=False, value_range=None, scale_each=False, pad_value=0.0):
    """Images side by side in one (torchvision.utils.make_grid).

    Args:
        tensor: images (N, C, height, width), one (C, height, width) or (height, width), or a list of images
            of one size. One channel becomes three.
        nrow: images in a row.
        padding: pixels between images and around them; pad_value: their value.
        normalize: shift and scale to [0, 1], from value_range (smallest, largest), by default those of the
            tensor, or of each image by itself where scale_each is set.

    Returns:
        A tensor (C, height, width): one image as it is, without borders.

    Raises:
        TypeError: no tensor or list of tensors; a value_range that is no tuple.
    """
    if isinstance(tensor, (list, tuple)) and tensor and all(isinstance(one, torch.Tensor) for one in tensor):
        tensor = torch.stack(list(tensor), dim=0)
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}\nSee transforms.ToTensor.")
    if value_range is not None and not isinstance(value_range, tuple):
        raise TypeError("value_range has to be a tuple (min, max) if specified. min and max are numbers\n"
                        f"Got {value_range!r}.")
    if tensor.dim() == 2:
        tensor = tensor.unsqueeze(0)
    if tensor.dim() == 3:
        tensor = tensor.unsqueeze(0)
    if tensor.size(1) == 1:
        tensor = torch.cat((tensor, tensor, tensor), 1)
    if normalize:
        tensor = tensor.clone()
        for image in tensor if scale_each else [tensor]:
            low, high = value_range or (float(image.min()), float(image.max()))
            image.clamp_(min=low, max=high)
            image.sub_(low).div_(max(high - low, 1e-5))
    if tensor.size(0) == 1:
        return tensor.squeeze(0)

    count, channels, height, width = tensor.shape
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    size = rows * (height + padding) + padding, columns * (width + padding) + padding
    grid = tensor.new_full((channels, *size), pad_value)
    for index in range(count):
        row, column = divmod(index, columns)
        top, left = row * (height + padding) + padding, column * (width + padding) + padding
        grid[:, top:top + height, left:left + width] = tensor[index]
    return grid


@torch.no_grad()
def save_image(tensor, fp, format=None, **kwargs):
    """`make_grid(tensor, **kwargs)` as an image file (torchvision.utils.save_image).

    fp: a path, whose ending says the format, or an open file, which needs `format`. Values from 0 to 1 become
    0 to 255, rounded.
    """
    grid = make_grid(tensor, **kwargs)
    pixels = grid.mul(255).add_(0.5).clamp_(0, 255).permute(1, 2, 0).to("cpu", torch.uint8).numpy()
    Image.fromarray(pixels).save(fp, format=format)
