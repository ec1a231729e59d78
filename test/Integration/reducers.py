"""What user-defined reducers give is what NumPy's own functions do.

Tiles are small, so that partial results meet in every way: in the lanes of a
vector, from chunk to chunk, and from split streams. attn-run then checks the
same objects against the reducer's expression, which they carry.
"""
import os
import subprocess
import sys

import numpy as np

import compiled

SPEC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs",
                    "reducers.mlir")
TILES = ["lane-tile=16 stream-tile=8 split=3", "lane-tile=32 stream-tile=16",
         "lane-tile=16 stream-tile=4 one-pass=false"]
failures = []
checked = 0


def compare(what, actual, expected, tolerance=2e-5):
    global checked
    checked += 1
    expected = np.asarray(expected)
    with np.errstate(invalid="ignore"):
        isClose = np.abs(actual - expected) <= tolerance * (
            1 + np.abs(expected))
    same = (actual == expected) | isClose | (
        np.isnan(actual) & np.isnan(expected))
    if not same.all():
        failures.append(f"{what}: {actual[~same][:4]}, "
                        f"expected {expected[~same][:4]}")


def logadd(x, axis=-1):
    return np.logaddexp.reduce(x.astype(np.float64), axis=axis,
                               initial=-np.inf)


def runStreamed(kernel, isa, rng, tiles):
    for p, m, n in [(1, 37, 40), (19, 37, 2), (33, 130, -7), (5, 0, 9),
                    (0, 9, 1), (2, 700, 650)]:
        X = rng.standard_normal((p, m)).astype(np.float32) * 4
        X[rng.random(X.shape) < 0.1] = -np.inf
        outputs = {name: compiled.poisoned((p,), np.float32)
                   for name in "LES"}
        kernel(isa=isa, threads=4, X=X, n=n, **outputs)
        rows = [X[i, :max(0, min(m, i + n))].astype(np.float64)
                for i in range(p)]
        weights = [0.125 / (1 + np.exp(-row)) for row in rows]
        expected = dict(
            L=[logadd(row) for row in rows],
            E=[1 - np.prod(1 - row) for row in weights],
            # One value alone is combined with nothing.
            S=[row.sum() if len(row) == 1 else min(row.sum(), 4.0)
               for row in (np.abs(row) / 16 for row in rows)])
        for name, value in expected.items():
            compare(f"{name} {tiles} {isa} p={p} m={m} n={n}", outputs[name],
                    np.reshape(value, (p,)))


def runNested(kernel, isa, rng, tiles):
    for p, m in [(17, 33), (1, 300), (3, 0)]:
        X = rng.standard_normal((p, m, 24)).astype(np.float32)
        L, B = (compiled.poisoned((p,), np.float32) for _ in range(2))
        kernel(isa=isa, threads=2, X=X, L=L, B=B)
        compare(f"nested {tiles} {isa} p={p} m={m}", L,
                logadd(X.reshape(p, m * 24)))
        compare(f"max of nested {tiles} {isa} p={p} m={m}", B,
                logadd(X).max(axis=1, initial=-np.inf))


def runLanes(kernel, isa, rng, tiles):
    for m in (1, 40, 129):
        X = rng.standard_normal((m, 24)).astype(np.float32)
        L = compiled.poisoned((m,), np.float32)
        kernel(isa=isa, threads=2, X=X, L=L)
        compare(f"lanes {tiles} {isa} m={m}", L, logadd(X))


def runWhole(kernel, isa, rng, tiles):
    for p, m in [(9, 50), (40, 3), (1, 1000), (4, 0)]:
        X = rng.integers(0, 7, (p, m)).astype(np.int32)
        C, I = (compiled.poisoned((p,), np.int32) for _ in range(2))
        kernel(isa=isa, threads=4, X=X, C=C, I=I)
        compare(f"clock {tiles} {isa} p={p} m={m}", C, X.sum(axis=1) % 7, 0)
        compare(f"odd {tiles} {isa} p={p} m={m}", I, (X == 3).sum(axis=1) % 2,
                0)


def runAttention(kernel, isa, rng, tiles):
    for p, m in [(20, 100), (3, 0), (1, 777)]:
        Q, K, V = (rng.standard_normal((n, 16)).astype(np.float32)
                   for n in (p, m, m))
        AV = compiled.poisoned((p, 16), np.float32)
        L = compiled.poisoned((p,), np.float32)
        kernel(isa=isa, threads=4, Q=Q, K=K, V=V, AV=AV, L=L)
        S = np.float64(Q) @ np.float64(K).T
        S[np.arange(m)[None, :] > np.arange(p)[:, None] + 60] = -np.inf
        expected = logadd(S)
        compare(f"logsumexp {tiles} {isa} p={p} m={m}", L, expected)
        with np.errstate(invalid="ignore"):
            weights = np.exp(S - expected[:, None])
        compare(f"attention {tiles} {isa} p={p} m={m}", AV,
                weights @ np.float64(V) if m else np.zeros((p, 16)), 1e-4)


def main():
    rng = np.random.default_rng(11)
    runs = dict(streamed=runStreamed, nested=runNested, lanes=runLanes,
                whole=runWhole, attention=runAttention)
    for tiles in TILES:
        object = compiled.compile(SPEC, f"--options={tiles}")
        for name, run in runs.items():
            kernel = compiled.Kernel(object, name)
            for isa in kernel.isas:
                run(kernel, isa, rng, tiles)
        for name, size in [("streamed", "p=37,m=301"), ("nested", "p=19,m=70"),
                           ("lanes", "m=70"), ("whole", "p=19,m=70"),
                           ("attention", "p=37,m=301")]:
            command = ["attn-run", object, "--check", f"--cascade={name}",
                       "--size", size]
            if name == "streamed":
                command += ["--scalar", "n=200"]
            if name == "whole":
                command += ["--fill", "X=int:0:6"]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                failures.append(" ".join(command) + "\n" + done.stdout +
                                done.stderr)
    print(f"{checked} results agree with NumPy")
    print("\n".join(failures[:6]))
    return bool(failures) or not checked


if __name__ == "__main__":
    sys.exit(main())
