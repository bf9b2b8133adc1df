"""Vectors of numbers, for intrinsics that say themselves what runs side by side.

It lies in a `_kernels` folder because machine code is kept by what is in those: an edit here makes all of it anew.
"""

from __future__ import annotations

from llvmlite import ir

_INDEX = ir.IntType(32)


def filled(kind, number):
    """A constant vector of this kind with one number in every lane."""
    return ir.Constant(kind, [number] * kind.count)


def splat(builder, number, n_lanes=8):
    """A number that is known only at run time in every lane."""
    one = builder.insert_element(ir.VectorType(number.type, n_lanes)(ir.Undefined), number, _INDEX(0))
    return picked(builder, one, one, [0] * n_lanes)


def picked(builder, left, right, places):
    """The lanes at these places, counted through `left` and on through `right`; as many as there are places."""
    places = list(places)
    return builder.shuffle_vector(left, right, ir.VectorType(_INDEX, len(places))(places))
