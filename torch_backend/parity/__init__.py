"""Parity with torch: samples of every op, calls that must fail, the comparison, mutants that it kills."""
from .compare import Mismatch, check_bad, compare
from .draw import CATEGORIES, Case, Drawer, Operand, Sample, draw_case
from .run import categories, check, defects, shares
from .samples import SAMPLES

__all__ = ["CATEGORIES", "SAMPLES", "Case", "Drawer", "Mismatch", "Operand", "Sample", "categories", "check",
           "check_bad",
           "compare", "defects", "draw_case", "shares"]
