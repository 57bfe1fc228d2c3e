"""The same training steps on minigrad and on PyTorch, taking turns: `python -m benchmarks --help`."""
