"""What programs ask and set about CUDA's libraries; nothing reads it (torch.backends.cuda)."""
from types import SimpleNamespace

matmul = SimpleNamespace(allow_tf32=False, allow_fp16_reduced_precision_reduction=True,
                         allow_bf16_reduced_precision_reduction=True, allow_fp16_accumulation=False)


def is_built():
    """Is there a backend on CUDA's own libraries? (torch.backends.cuda.is_built)"""
    return False
