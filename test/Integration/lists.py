"""The lists that compiled kernels make are those that NumPy sorts.

Values are whole numbers, so that many are equal, with infinities and NaN among
them; tiles are small, so that a list is joined from many, over split streams,
too. Every place must be the same.
"""
import os
import sys

import numpy as np

import compiled

SPEC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs",
                    "lists.mlir")
TILES = ["lane-tile=16 stream-tile=8 split=2", "lane-tile=32 stream-tile=4",
         "lane-tile=16 stream-tile=64 one-pass=false"]
LENGTH = 5


def expect(X, n, payloads):
    """Largest first, the smaller coordinate first, NaN last; 0 where none."""
    I = np.zeros((len(X), LENGTH), np.int32)
    lists = [np.zeros(I.shape, tensor.dtype) for tensor in (X, *payloads)]
    for p, row in enumerate(X):
        found = [m for m in range(len(row)) if m != 3 and m < p + n]
        found.sort(key=lambda m: (np.isnan(row[m]), 0 if np.isnan(row[m])
                                  else -float(row[m]), m))
        I[p, :len(found)] = found[:LENGTH]
        for chosen, tensor in zip(lists, (X, *payloads)):
            chosen[p, :len(found)] = tensor[p, found[:LENGTH]]
    return {"I": I, "W": lists[0], **dict(zip(("P", "R"), lists[1:]))}


def expect_first(X, n):
    """The smallest coordinate of the largest value; -1 where there is none."""
    I = np.full(len(X), -1, np.int32)
    for p, row in enumerate(X):
        found = [m for m in range(len(row)) if m != 3 and m < p + n]
        if found:
            I[p] = max(found, key=lambda m: (row[m], -m))
    return {"I": I}


def draw(rng, shape, name):
    X = rng.integers(-2, 3, shape)
    if name == "first":
        return (X + (1 << 24)).astype(np.int32)
    if name == "whole":
        X[rng.random(shape) < 0.2] = np.iinfo(np.int32).min
        X[rng.random(shape) < 0.1] = np.iinfo(np.int32).max
        return X.astype(np.int32)
    X = X.astype(np.float32)
    for value, share in [(-np.inf, 0.2), (np.inf, 0.1), (np.nan, 0.3)]:
        X[rng.random(shape) < share] = value
    X[rng.random(shape[0]) < 0.1] = np.nan
    return X


def main():
    rng = np.random.default_rng(7)
    checked, failures = 0, []
    for tiles in TILES:
        object = compiled.compile(SPEC, f"--options={tiles}")
        for name in ("streamed", "resident", "whole", "first",
                         "payload"):
            kernel = compiled.Kernel(object, name)
            for p, m, n in [(1, 37, 40), (19, 37, 2), (33, 37, -7), (3, 37, 37),
                            (0, 37, 1), (16, 3, 9), (5, 0, 9), (2, 700, 650)]:
                if name == "resident" and m != 37:
                    continue
                inputs = {"X": draw(rng, (p, m), name)}
                payloads = []
                if name == "payload":
                    inputs["Z"] = draw(rng, (p, m), name)
                    inputs["T"] = draw(rng, (p, m), "whole")
                    payloads = [inputs["Z"] + 1, inputs["T"]]
                expected = expect_first(inputs["X"], n) if name == "first" \
                    else expect(inputs["X"], n, payloads)
                for isa in kernel.isas:
                    found = {key: compiled.poisoned(value.shape, value.dtype)
                             for key, value in expected.items()}
                    kernel(isa=isa, threads=4, n=n, **inputs, **found)
                    checked += 1
                    wrong = [key for key, value in expected.items()
                             if not np.array_equal(
                                 found[key], value,
                                 equal_nan=value.dtype == np.float32)]
                    failures += [f"{name} {tiles} {isa} p={p} m={m} n={n}: "
                                 f"{key}\n{inputs}\n{found[key]}\n"
                                 f"{expected[key]}" for key in wrong]
    print(f"{checked} runs have the lists that NumPy has")
    print("\n".join(failures[:3]))
    return bool(failures) or not checked


if __name__ == "__main__":
    sys.exit(main())
