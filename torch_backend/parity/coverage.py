"""Which samples exercise the ops that have no public name of their own."""

COVERED_BY: dict[str, tuple[str, ...]] = {}
