"""See backprop: what a walk does, step by step, as objects, as text and as pictures.

`tracing` notes while the graph is made; `trace.collect` walks a graph without changing it; `explain` and
`draw` tell and show what was found. Nothing here runs unless it is asked for.
"""
