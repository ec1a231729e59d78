"""What NaN at a key reaches: spec.md, after S10.

Causal attention in tiles of 16 queries and 16 keys, one key that is NaN. It
belongs to the queries from it on. It reaches none before it by K; by V, it
reaches those whose tile has a query that keeps the key, which is what the spec
allows and no more. Keys that a filter removes from all queries reach none.
"""
import sys

import numpy as np

import compiled

TILES = "--options=lane-tile=16 stream-tile=16 split=0"
SIZE, KEY = 64, 20


def run(kernel, isa, Q, K, V, **others):
    AV = compiled.poisoned(Q.shape[:3] + V.shape[3:])
    kernel(isa=isa, threads=1, Q=Q, K=K, V=V, AV=AV, **others)
    return AV[0, 0]


def check(failures, what, actual, clean, isNan):
    """Rows are NaN where `isNan` says so, and else as without NaN."""
    found = np.isnan(actual).any(axis=1)
    print(f"{what}: rows with NaN: {np.flatnonzero(found)}")
    if not (found == isNan).all() or not np.allclose(
            actual[~found], clean[~found], rtol=1e-5, atol=1e-6):
        failures.append(what)


def main():
    rng = np.random.default_rng(3)
    flags = ["--set", "e=16,f=16", TILES]
    causal = compiled.load("causal", *flags)
    padded = compiled.load("key_padding", *flags)
    Q, K, V = (rng.standard_normal((1, 1, SIZE, 16)).astype(np.float32)
               for _ in range(3))
    rows = np.arange(SIZE)
    failures = []
    for isa in causal.isas:
        clean = run(causal, isa, Q, K, V)
        for bad in (np.nan, np.inf):
            wrong = V.copy()
            wrong[0, 0, KEY] = bad
            actual = run(causal, isa, Q, K, wrong)
            actual[~np.isfinite(actual)] = np.nan
            check(failures, f"{isa}, V is {bad} at {KEY}", actual, clean,
                  rows >= KEY // 16 * 16)
        wrong = K.copy()
        wrong[0, 0, KEY] = np.nan
        check(failures, f"{isa}, K is NaN at {KEY}",
              run(causal, isa, Q, wrong, V), clean, rows >= KEY)
        length = np.full(1, KEY, np.int32)
        clean = run(padded, isa, Q, K, V, len=length)
        wrongK, wrongV = K.copy(), V.copy()
        wrongK[0, 0, KEY:] = wrongV[0, 0, KEY:] = np.nan
        check(failures, f"{isa}, NaN from {KEY} on, which is padding",
              run(padded, isa, Q, wrongK, wrongV, len=length), clean,
              rows < 0)
    for failure in failures:
        print("FAILED:", failure)
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
