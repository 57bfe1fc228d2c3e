"""Where torch_backend differs from torch on purpose: one line each, the name and why.

Every other public name of minigrad is, on torch_backend, torch's own object; a test holds this table to that.
"""

DIFFERENCES = {
    "save": "writes the safetensors format, atomically; torch.save writes a pickle",
    "load": "reads the safetensors format and never runs code; torch.load reads a pickle",
    "serialization": "the module behind save and load",
    "backend_name": "which library does the arithmetic; torch has no such name",
}
