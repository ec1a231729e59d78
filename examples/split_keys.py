#!/usr/bin/env python3
"""Attention over pieces of the keys, merged: split keys, a ring, a prefix.

    attnc causal.mlir --set e=32 --set f=32 --merge=m --emit=so -o causal.so
    split_keys.py libattnrt.so causal.so

--merge=m adds three functions to @causal. causal_partial is a traversal of some
keys that returns its states: RM, the running maximum of a query, RD, the sum of
exponentials, and RAV, the weighted sum of values. causal_merge makes one set of
states of two. causal_finish makes the output of the states of all keys. States
may wait, or travel to another machine; the order of merging is free.
"""
import ctypes
import sys

import numpy as np

from attnc_ctypes import Kernel

POINTER, INT = ctypes.c_void_p, ctypes.c_int32
STATES = ("RM", "RD", "RAV")


def pointers(*names):
    return [(name, POINTER) for name in names]


class Attention:
    """The three functions, with NumPy arrays [batch, head, token, width]."""

    def __init__(self, runtime, library):
        self.partial_ = Kernel(
            runtime, library, "causal_partial", pointers("Q", "K", "V") +
            [("m_begin", INT), ("m_extent", INT)] + pointers(*STATES))
        self.merge_ = Kernel(
            runtime, library, "causal_merge",
            pointers(*(name + side for side in ("_a", "_b")
                       for name in STATES), *STATES))
        self.finish_ = Kernel(runtime, library, "causal_finish",
                              pointers("RD", "RAV", "AV"))

    def partial(self, Q, K, V, begin, extent):
        """The states of keys begin, begin + 1, .. of `extent`."""
        rows = Q.shape[:-1]
        states = {"RM": np.empty(rows, np.float32),
                  "RD": np.empty(rows, np.float32),
                  "RAV": np.empty((*rows, V.shape[-1]), np.float32)}
        self.partial_(Q=Q, K=K, V=V, m_begin=begin, m_extent=extent, **states)
        return states

    def merge(self, a, b):
        states = {name: np.empty_like(a[name]) for name in STATES}
        self.merge_(**{name + "_a": a[name] for name in STATES},
                    **{name + "_b": b[name] for name in STATES}, **states)
        return states

    def finish(self, states):
        output = np.empty_like(states["RAV"])
        self.finish_(RD=states["RD"], RAV=states["RAV"], AV=output)
        return output


def expect(Q, K, V):
    """Causal attention in float64, the last query at the last key."""
    scores = np.einsum("bhpe,bhme->bhpm", Q, K, dtype=float) / 32**0.5
    queries, keys = scores.shape[-2:]
    visible = np.arange(keys) <= np.arange(queries)[:, None] + keys - queries
    weights = np.exp(np.where(visible, scores, -np.inf))
    return weights / weights.sum(-1, keepdims=True) @ V


def report(what, output, expected):
    error = abs(output - expected).max()
    print(f"{what}: largest error {error:.1e}")
    assert error < 1e-5


def main():
    attention = Attention(sys.argv[1], sys.argv[2])
    random = np.random.default_rng(0)
    Q = random.standard_normal((2, 4, 5, 32), np.float32)
    K, V = random.standard_normal((2, 2, 4, 1000, 32), np.float32)
    expected = expect(Q, K, V)

    def piece(begin, end):
        return attention.partial(Q, K[:, :, begin:end], V[:, :, begin:end],
                                 begin, 1000)

    # Two halves, on two devices or two cores.
    halves = attention.merge(piece(0, 400), piece(400, 1000))
    report("split keys", attention.finish(halves), expected)

    # A ring: every device begins with its own keys and passes states on.
    devices = [piece(begin, begin + 200) for begin in range(0, 1000, 200)]
    for first in range(5):
        states = devices[first]
        for step in range(1, 5):
            states = attention.merge(states, devices[(first + step) % 5])
        report(f"ring from device {first}", attention.finish(states), expected)

    # Keys 0 .. 799 are the same for both sequences: they are read once, by the
    # queries of both as one batch, [1, head, 2 * token, width]. Every query
    # sees all of them, which an extent past the last of them says.
    K[1, :, :800], V[1, :, :800] = K[0, :, :800], V[0, :, :800]
    together = np.ascontiguousarray(Q.transpose(1, 0, 2, 3)).reshape(
        1, 4, 10, 32)
    prefix = attention.partial(together, K[:1, :, :800], V[:1, :, :800], 0,
                               800 + 10)
    prefix = {name: states.reshape(4, 2, 5, *states.shape[3:]).swapaxes(0, 1)
              for name, states in prefix.items()}
    states = attention.merge(prefix, piece(800, 1000))
    report("shared prefix", attention.finish(states), expect(Q, K, V))


if __name__ == "__main__":
    main()
