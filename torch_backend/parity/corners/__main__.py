"""Run the corners on both libraries, and show those that differ."""
import sys

import minigrad
import torch_backend

from . import CORNERS, PAGES, told

different = 0
for name in sys.argv[1:] or CORNERS:
    ours, theirs = told(name, minigrad), told(name, torch_backend)
    if ours != theirs:
        different += 1
        print(f"{name} ({PAGES[name]})")
        for a, b in zip(ours + [""] * len(theirs), theirs + [""] * len(ours)):
            if a != b:
                print(f"    minigrad: {a}\n    torch:    {b}")
print(f"{len(CORNERS)} corners, {different} differ")
sys.exit(different > 0)
