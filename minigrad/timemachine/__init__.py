"""The time machine: one recorded run, forward and backward, as a page to play step by step.

    with minigrad.record() as trace:
        loss = model(x).sum()
        loss.backward()
    trace.save("trace.html")
"""
from .recorder import Recording

__all__ = ["Recording", "record"]


def record(title=None, *, detail=8, wrong_order=True):
    """Record what runs inside `with minigrad.record() as trace:` for `trace.save("trace.html")`.

    title: the page's, by default the name of the program's file. detail: how many walks (`backward` or
    `autograd.grad`) are kept node by node; of later ones the loss and the parameters only. wrong_order: also
    run every walk in the order that forgets topology, for the page's switch; it calls the gradient rules once
    more, and is left out for graphs with hooks or Functions, whose code would run twice.

    Only the thread that entered is recorded. Results are the same to the bit as without. Raises ValueError
    for a detail that is no number of at least 1, RuntimeError where a recording is running already. The name
    is minigrad's own; torch has none like it.
    """
    if not isinstance(detail, int) or detail < 1:
        raise ValueError(f"record: detail is {detail!r}\nIt is how many walks are kept, at least 1.")
    return Recording(title, detail, wrong_order)
