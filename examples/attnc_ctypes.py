#!/usr/bin/env python3
"""Calls compiled attention on NumPy or torch tensors, without a copy.

    attnc softmax_naive.mlir --set e=32 --set f=32 --emit=so -o softmax.so
    attnc_ctypes.py libattnrt.so softmax.so
"""
import ctypes
import os
import sys

# Every array library exports DLPack: a capsule that begins with a DLTensor.
dltensor = ctypes.pythonapi.PyCapsule_GetPointer
dltensor.restype = ctypes.c_void_p
dltensor.argtypes = [ctypes.py_object, ctypes.c_char_p]


class Kernel:
    """One compiled cascade; `fields` is its argument struct after `size`."""

    def __init__(self, runtime, library, name, fields):
        self.runtime = ctypes.CDLL(runtime, mode=ctypes.RTLD_GLOBAL)
        self.runtime.attnrt_status_message.restype = ctypes.c_char_p
        self.runtime.attnrt_context_create.restype = ctypes.c_void_p
        self.function = getattr(
            ctypes.CDLL(os.path.abspath(library)), name)
        self.function.restype = ctypes.c_void_p
        self.Args = type("Args", (ctypes.Structure,), {
            "_fields_": [("size", ctypes.c_uint32)] + fields})
        self.context = ctypes.c_void_p()
        self.check(self.runtime.attnrt_context_create(
            ctypes.byref(self.context)))

    def check(self, status):
        if status:
            status = ctypes.c_void_p(status)
            message = self.runtime.attnrt_status_message(status).decode()
            self.runtime.attnrt_status_free(status)
            raise ValueError(message)

    def __call__(self, call=None, **arguments):
        capsules = {name: value.__dlpack__()
                    for name, value in arguments.items()
                    if not isinstance(value, (int, float))}
        pointers = {name: dltensor(capsule, b"dltensor")
                    for name, capsule in capsules.items()}
        args = self.Args(ctypes.sizeof(self.Args), **{**arguments, **pointers})
        self.check(self.function(self.context, ctypes.byref(args), call))


SOFTMAX = [(name, ctypes.c_void_p) for name in ("Q", "K", "V", "AV")]


def main():
    import numpy as np
    attention = Kernel(sys.argv[1], sys.argv[2], "softmax_naive", SOFTMAX)
    random = np.random.default_rng(0)
    q, k, v, out = random.standard_normal((4, 2, 8, 100, 32), np.float32)
    # Strides are free: this view's heads lie between its tokens.
    k = np.ascontiguousarray(k.swapaxes(1, 2)).swapaxes(1, 2)
    attention(Q=q, K=k, V=v, AV=out)
    scores = np.exp(np.einsum("bhpe,bhme->bhpm", q, k, dtype=float) / 32**0.5)
    error = abs(out - scores / scores.sum(-1, keepdims=True) @ v).max()
    print("numpy: largest error", error)
    assert error < 1e-5
    try:
        import torch
    except ImportError:
        return print("torch: not installed")
    q, k, v, out = torch.randn(4, 2, 8, 100, 32)
    attention(Q=q, K=k, V=v, AV=out)
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    print("torch: largest difference", (out - expected).abs().max().item())
    assert torch.allclose(out, expected, atol=1e-5)


if __name__ == "__main__":
    main()
