"""Derived and naive cascades give the same values, on every variant.

  equivalence.py VARIANTS
"""
import glob
import os
import re
import sys

import numpy as np

import cascades

EXTENTS = dict(b=2, k=2, g=2, h=4, p=5, m=7, t=6, e=8, f=6, page=9, m1=3,
               m0=4)
SCALARS = dict(window=3, sinks=2)
INTEGERS = dict(table=lambda rng, s: rng.integers(0, 9, s),
                len=lambda rng, s: rng.integers(0, 8, s))


def arguments_of(text, rng, extents):
    """Random arrays for the arguments of a spec."""
    arguments = {}
    head = text[text.index("attn.cascade"):text.index("->")]
    tensors = re.findall(r"%(\w+): !attn.tensor<\[([\w, ]*)\], (\w+)>", head)
    for name, ranks, kind in tensors:
        shape = [extents[rank.strip()] for rank in ranks.split(",")]
        if name in INTEGERS:
            value = INTEGERS[name](rng, shape).astype(np.int32)
        elif kind == "i8":
            value = rng.integers(-127, 128, shape).astype(np.int8)
        else:
            # Scores far beyond what exp can take.
            scale = 12 if name in "QK" else 1
            value = scale * rng.standard_normal(shape)
            value = {"f32": np.float32, "f64": np.float64,
                     "f16": np.float16}.get(kind, np.float32)(value)
            if kind == "bf16":
                value = (value.view(np.uint32) >> 16).astype(np.uint16)
        arguments[name] = value
    for name in re.findall(r"%(\w+): i32", head):
        arguments[name] = SCALARS[name]
    return arguments


def main(folder):
    rng = np.random.default_rng(20240607)
    checked = 0
    for path in sorted(glob.glob(os.path.join(folder, "*.mlir"))):
        name = os.path.basename(path)[:-5]
        with open(path) as file:
            text = cascades.shrink(file.read(), e=8, f=6, m0=4)
        text = text.replace("m1 * 16", "m1 * 4").replace("floordiv 64",
                                                         "floordiv 4")
        text = text.replace("ceildiv(m, 64)", "ceildiv(m, 4)")
        naive = cascades.models(text)[name]
        derived = cascades.models(text, cascades.DERIVED)
        for p, m in [(5, 7), (7, 3), (4, 1), (3, 0)]:
            extents = dict(EXTENTS, p=p, m=m)
            extents["m1"] = -(-m // 4)
            arguments = arguments_of(text, rng, extents)
            gap = cascades.compare(naive, derived[name], arguments,
                                   f"{name} p={p} m={m}")
            print(f"{name:24} p={p} m={m}: {gap:.1e}")
            checked += 1
    print(f"{checked} comparisons")


main(sys.argv[1])
