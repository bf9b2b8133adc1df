"""Arrays without their owners: a kernel that jumps from event to event spends its time counting references otherwise.

Every use of an array of a tuple, and every row of a two-dimensional one, costs an atomic increment and a decrement,
which the compiler seldom takes away again, and which take longer than all the rest of a trade. A pointer is read and
written like an array (`p[t]`). It is valid as long as its array, which numba frees after its last use by name: take
pointers to arguments alone, never to arrays that the same kernel has made.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from llvmlite import ir
from numba import types
from numba.core import cgutils, errors
from numba.extending import intrinsic

Pointer: TypeAlias = Any
"""Of a field that holds one: Python never sees its value."""


@intrinsic
def pointer_to(typingctx, array):
    """The address of the first number of an array, which must be contiguous."""
    if array.layout != "C":
        raise errors.TypingError("a pointer knows no strides; give it a contiguous array")

    def generate(context, builder, signature, arguments):
        return context.make_array(signature.args[0])(context, builder, arguments[0]).data

    return types.CPointer(array.dtype)(array), generate


@intrinsic
def moved(typingctx, pointer, by):
    """The address that lies `by` numbers behind another one."""

    def generate(context, builder, signature, arguments):
        return builder.gep(arguments[0], [arguments[1]])

    return pointer(pointer, types.int64), generate


def _local(kind):
    """An intrinsic: so many numbers (a literal) in the kernel's own frame."""

    @intrinsic
    def local(typingctx, size):
        def generate(context, builder, signature, arguments):
            number = context.get_value_type(kind)
            return cgutils.alloca_once(builder, number, ir.Constant(ir.IntType(64), size.literal_value))

        if isinstance(size, types.IntegerLiteral):
            return types.CPointer(kind)(size), generate
        return None

    return local


local_row, local_words = _local(types.float64), _local(types.uint64)  # the compiler leaves out what nobody reads
