"""Compiled pieces of the keys, merged, against attention in float64.

Keys are cut into several pieces, an empty one and one that the filter removes
among them, and merged as a fold and as a tree, by every instruction set.
"""
import os
import sys

import numpy as np

import compiled

sys.path.insert(0, os.path.join(os.path.dirname(compiled.VARIANTS), "Attn"))
from oracle import attend, causal  # noqa

rng = np.random.default_rng(20240607)


def normal(*shape, scale=1):
    return (scale * rng.standard_normal(shape)).astype(np.float32)


class Monoid:
    """The functions that --merge adds to a variant, on NumPy arrays."""

    def __init__(self, name):
        path = compiled.compile(compiled.spec(name), "--merge=m")
        self.partial, self.mergeStates, self.finish = [
            compiled.Kernel(path, f"{name}_{function}")
            for function in ("partial", "merge", "finish")]
        self.isas = self.partial.isas

    def call(self, kernel, isa, arguments, extents):
        """The outputs of a call, by name; they start as NaN."""
        outputs = {
            arg.name.decode(): compiled.poisoned(
                [extents[rank] for rank in kernel.rankNames(arg)])
            for arg in kernel.args if arg.kind == compiled.OUTPUT}
        kernel(isa, **arguments, **outputs)
        return outputs

    def pieces(self, isa, bounds, Q, K, V, extents):
        for begin, end in zip(bounds, bounds[1:]):
            yield self.call(
                self.partial, isa,
                dict(Q=Q, K=K[:, :, begin:end], V=V[:, :, begin:end],
                     m_begin=begin, m_extent=bounds[-1]), extents)

    def merge(self, isa, a, b, extents):
        return self.call(self.mergeStates, isa,
                         {**{f"{name}_a": value for name, value in a.items()},
                          **{f"{name}_b": value for name, value in b.items()}},
                         extents)


def checkLists():
    """The five largest weights of a softmax, in pieces: many are equal."""
    path = compiled.compile(os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "Inputs",
        "largest-weights.mlir"), "--merge=m")
    partial, merge, finish = [
        compiled.Kernel(path, f"largest_weights_{function}")
        for function in ("partial", "merge", "finish")]
    p, m = 37, 60
    X = rng.integers(-3, 4, (p, m)).astype(np.float32)
    extents = dict(p=p, s=5)

    def call(kernel, isa, **arguments):
        outputs = {
            arg.name.decode(): np.full(
                [extents[rank] for rank in kernel.rankNames(arg)], 77,
                compiled.TYPES[arg.code, arg.bits])
            for arg in kernel.args if arg.kind == compiled.OUTPUT}
        kernel(isa, **arguments, **outputs)
        return outputs

    order = np.lexsort((np.broadcast_to(np.arange(m), X.shape), -X), axis=1)
    weights = np.exp(np.float64(X))
    weights /= weights.sum(axis=1, keepdims=True)
    for isa in partial.isas:
        states = [call(partial, isa, X=X[:, begin:end], m_begin=begin)
                  for begin, end in ((3, 40), (0, 3), (40, 60), (3, 3))]
        total = states[0]
        for state in states[1:]:
            total = call(merge, isa,
                         **{f"{name}_a": value for name, value in total.items()},
                         **{f"{name}_b": value for name, value in state.items()})
        outputs = call(finish, isa, **total)
        assert (outputs["I"] == order[:, :5]).all(), isa
        expected = np.take_along_axis(weights, order[:, :5], axis=1)
        assert abs(outputs["W"] - expected).max() < 1e-6, isa
    print("largest_weights: the lists of all pieces are that of the whole")


def check(name, expected, Q, K, V, scores=1):
    monoid = Monoid(name)
    b, h, p, e = Q.shape
    k, m = K.shape[1:3]
    extents = dict(b=b, h=h, k=k, g=h // k, p=p, e=e, f=V.shape[-1])
    # As numpy_oracle.py: some dozen roundings of f32.
    bound = 2e-6 * (1 + scores) * abs(np.float64(V)).max()
    worst = 0
    for isa in monoid.isas:
        bounds = [0, m // 3, m // 3, m // 2, m - 1, m]
        states = list(monoid.pieces(isa, bounds, Q, K, V, extents))
        fold = states[0]
        for state in states[1:]:
            fold = monoid.merge(isa, fold, state, extents)
        tree = states[::-1]
        while len(tree) > 1:
            tree.append(monoid.merge(isa, tree.pop(0), tree.pop(0), extents))
        for total in (fold, tree[0]):
            output = monoid.call(monoid.finish, isa, total, extents)["AV"]
            worst = max(worst, compiled.worst(output, expected, bound))
    assert worst <= 1, f"{name}: {worst} of the bound"
    print(f"{name}: {worst:.2g} of the bound")


def main():
    Q, K, V = (normal(2, 3, n, 64) for n in (40, 133, 133))
    check("softmax_naive", attend(Q, K, V), Q, K, V)
    Q, K = 12.25 * Q, 12.25 * K  # scores of deviation 150
    check("softmax_naive", attend(Q, K, V), Q, K, V, scores=600)
    check("logsumexp", attend(Q, K, V), Q, K, V, scores=600)
    # Some queries see no key at all of the last piece, others of no piece.
    Q, K, V = normal(1, 6, 90, 128), normal(1, 2, 70, 128), normal(1, 2, 70, 128)
    check("causal_gqa", attend(Q, K, V, causal(90, 70)), Q, K, V)
    cap = lambda scores: 50 * np.tanh(scores / 50)
    check("softcap", attend(Q, K, V, causal(90, 70), cap), Q, K, V)
    checkLists()


main()
