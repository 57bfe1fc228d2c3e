"""Where torch_backend and minigrad differ from torch on purpose: one line each, the name and why.

Every other public name of minigrad is, on torch_backend, torch's own object, and every other public signature
of minigrad is torch's. Tests hold both tables to that: nothing differs silently, no line is out of date.
"""

# Names of torch_backend that are not torch's own.
NAMES = {
    "save": "writes the safetensors format, atomically; torch.save writes a pickle",
    "load": "reads safetensors as well as the zip files of torch.save, and never runs code",
    "serialization": "the module behind save and load",
    "backend_name": "which library does the arithmetic; torch has no such name",
}

# Signatures of minigrad that are not torch's: a name, or a difference that all names of a room share.
SIGNATURES = {
    "backend_name": "what reports call the library: numpy here, torch in the twin",
    "empty": "memory_format is torch's layout switch; layouts are private here",
    "result_type": "one signature for torch's four, tensors and numbers in either place",
    "save": "obj and a file; torch's further parameters are about pickle",
    "load": "a file and map_location; torch's further parameters are about pickle and mmap",
    "arange": "one signature for torch's three: (end), (start, end), (start, end, step)",
    "randint": "one signature for torch's two: (high, size), (low, high, size)",
    "randint_like": "one signature for torch's two: (high), (low, high)",
    "dtype": "torch's dtypes cannot be made by a call",
    "no_grad": "a class in both; torch's takes the function in __new__, which its signature hides",
    "enable_grad": "as no_grad",
    "autograd.no_grad": "as no_grad",
    "autograd.enable_grad": "as no_grad",
    "autograd.backward": "grad_variables was deprecated before torch 1.0",
    "bmm": "out_dtype is for CUDA",
    "mm": "out_dtype is for CUDA",
    "addmm": "out_dtype is for CUDA",
    "baddbmm": "out_dtype is for CUDA",
    "scatter": "one signature for torch's four: a tensor or a number; reduce is refused",
    "Tensor.scatter": "as scatter",
    "Tensor.scatter_": "as scatter",
    "tensor_split": "one signature for torch's three: sections or indices",
    "Tensor.tensor_split": "as tensor_split",
    "tril_indices": "layout and pin_memory are torch's for other devices; integers require no grad",
    "triu_indices": "as tril_indices",
    "unique": "torch's passes (*args, **kwargs) to one of several functions like ours",
    "Tensor.requires_grad_": "torch takes requires_grad too; its stub calls it mode, which torch refuses",
    "Tensor.expand": "implicit is for torch's own use",
    "Generator.set_state": "torch takes the state by position only",
    "nn.functional.one_hot": "torch takes input too; its stub calls it tensor, which torch refuses",
    "nn.functional.max_pool2d": "torch's passes (*args, **kwargs) to one of two functions like ours",
    "nn.RNN": "torch passes (*args, **kwargs) on to what its overloads say, as ours",
    "nn.LSTM": "as nn.RNN",
    "nn.GRU": "as nn.RNN",
    "utils.data.random_split": "the default is each library's own default generator",
    "Tensor.array": "a tensor's values, a NumPy array: what the engine works on",
    "Tensor.node": "the engine's record of the op that made the tensor; grad_fn shows it",
    "Tensor.gradient": "where the engine keeps grad",
    "Tensor.needs": "where the engine keeps requires_grad",
    "Tensor.view_of": "what a view is a view of",
    "Tensor.extras": "where the engine keeps what few tensors have, such as hooks",
    "Generator.words": "the stream's 32-bit words, which the samplers draw",
    "Generator.words64": "the stream's 64-bit words",
    "Generator.u24": "the stream's uniforms of 24 bits",
    "Generator.u53": "the stream's uniforms of 53 bits",
    "Generator.normal_pairs": "the stream's normal values, drawn in pairs",
    "Generator.state_to_tensor": "how a state becomes a tensor; the generator stands below the tensors",
    "Generator.state_to_array": "how a state becomes an array again",
    "Tensor.*: adds memory_format": "torch takes it too; its stub leaves it out",
    "Tensor.*: adds out": "the methods are the functions, which take out",
}
