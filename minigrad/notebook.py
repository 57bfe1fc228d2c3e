"""How tensors look in notebooks: a little page of their own, without scripts or anything from elsewhere."""
from html import escape


def tensor_html(tensor):
    """Shape, dtype, place and gradient in a line, below it the values as repr has them; all escaped."""
    facts = [type(tensor).__name__, f"shape {list(tensor.shape)}", str(tensor.dtype)]
    if tensor.device.type != "cpu":
        facts.append(str(tensor.device))
    if tensor.requires_grad and tensor.is_leaf:
        facts.append("requires_grad, grad " + ("None" if tensor.grad is None else "is there"))
    elif tensor.requires_grad:
        facts.append(f"grad_fn {type(tensor.grad_fn).__name__}")
    return (f'<div><div style="font-size:smaller;opacity:0.7">{escape(" · ".join(facts))}</div>'
            f'<pre style="margin:0;overflow-x:auto">{escape(repr(tensor))}</pre></div>')
