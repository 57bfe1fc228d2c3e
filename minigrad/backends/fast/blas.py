"""NumPy's own matrix product, called from compiled loops by its address: no interpreter between two products.

A product of NumPy's needs the interpreter lock before and after; two threads with many small ones wait for
each other (a Winograd convolution of 16×64×32×32 on two threads: 3.4 ms for 3.9, and in a whole step half of
the time that the layers took).
"""
import ctypes

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic


def find():
    """The address of cblas_sgemm with 64-bit sizes, in the library that NumPy is linked to; 0 if none."""
    try:
        library = ctypes.PyDLL(np._core._multiarray_umath.__file__)
    except (AttributeError, OSError):
        return 0
    for name in "scipy_cblas_sgemm64_", "cblas_sgemm64_":
        if hasattr(library, name):
            return ctypes.cast(getattr(library, name), ctypes.c_void_p).value
    return 0


ROW_MAJOR, PLAIN, TURNED = 101, 111, 112        # cblas.h
_NAMED = (types.int32,) * 2 + (types.int64,) * 3 + (types.intp, types.int64) * 2 + (types.float32, types.intp,
                                                                                    types.int64)


@intrinsic
def _sgemm(context, address, left, right, m, n, k, a, a_line, b, b_line, beta, c, c_line):
    def build(context, builder, signature, values):
        i32, i64, f32 = ir.IntType(32), ir.IntType(64), ir.FloatType()
        kind = ir.FunctionType(ir.VoidType(), (i32, i32, i32, i64, i64, i64, f32, i64, i64, i64, i64, f32,
                                               i64, i64))
        address, left, right, m, n, k, *rest = values
        builder.call(builder.inttoptr(address, kind.as_pointer()),
                     (i32(ROW_MAJOR), left, right, m, n, k, f32(1), *rest))
        return context.get_dummy_value()

    return types.void(types.intp, *_NAMED), build


@numba.njit(inline="always")
def multiply(sgemm, a, b, c, a_turned, b_turned, beta):
    """c = a @ b + beta c, of float32 matrices whose rows are contiguous; a or b transposed if so. sgemm: see
    `find`."""
    left, right = np.int32(TURNED if a_turned else PLAIN), np.int32(TURNED if b_turned else PLAIN)
    (m, n), k = c.shape, a.shape[0] if a_turned else a.shape[1]
    _sgemm(sgemm, left, right, m, n, k, a.ctypes.data, a.strides[0] // 4, b.ctypes.data, b.strides[0] // 4,
           beta, c.ctypes.data, c.strides[0] // 4)
