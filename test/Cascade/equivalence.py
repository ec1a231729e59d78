"""Derived and naive cascades give the same values.

  equivalence.py SPEC.mlir..

Every cascade is evaluated as written, as traversals of one level of reductions
each, and as derived, for several extents, empty ones included. The derived text
must also survive being read and printed again.
"""
import re
import sys

import numpy as np

import cascades

SMALL = dict(e=8, f=6, m0=4)
EXTENTS = dict(SMALL, d=7, b=2, k=2, g=2, h=4, t=6, page=9)
SCALARS = dict(i32=3, f32=0.375)


def shrink(text):
    """The same with small fixed extents, and pages and blocks of 4."""
    for rank, extent in SMALL.items():
        text = re.sub(rf"\b{rank} = \d+", f"{rank} = {extent}", text)
    text = text.replace("m1 * 16", "m1 * 4")
    return re.sub(r"\b([pm], |floordiv )(64|128)\b", r"\g<1>4", text)


def make_tensor(rng, name, kind, shape):
    if kind == "i32":  # a page, or a length
        return rng.integers(0, 8, shape).astype(np.int32)
    if kind == "i8":
        return rng.integers(-127, 128, shape).astype(np.int8)
    # Scores far beyond what an exponential can take.
    value = (12 if name in "QKXY" else 1) * rng.standard_normal(shape)
    if kind == "bf16":
        return (value.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    return value.astype({"f16": np.float16, "f32": np.float32,
                         "f64": np.float64}[kind])


def make_arguments(rng, text, extents):
    head = text[text.index("attn.cascade"):text.index("->")]
    arguments = {}
    for name, ranks, kind in re.findall(
            r"%(\w+): !attn.tensor<\[([\w, ]*)\], (\w+)>", head):
        shape = [extents[rank] for rank in ranks.split(", ")]
        arguments[name] = make_tensor(rng, name, kind, shape)
    for name, kind in re.findall(r"%(\w+): (i32|f32)", head):
        arguments[name] = SCALARS[kind]
    return arguments


def check(text, rng):
    name = re.search(r"@(\w+)", text).group(1)
    derived, _ = cascades.attn_opt(text, cascades.DERIVED)
    again, _ = cascades.attn_opt(derived)
    assert again == derived, f"{name} changes when it is read again"
    naive = cascades.models(text)[name]
    # One level a traversal is what the evaluator does anyway, but for a tree.
    forms = [(cascades.models(text, cascades.DERIVED)[name], cascades.ORDERS),
             (cascades.models(text, cascades.UNPROVED)[name],
              cascades.ORDERS[-1:]),
             (cascades.models(text, cascades.NAIVE)[name],
              cascades.ORDERS[-1:])]
    worst = 0
    for p, m in [(5, 7), (7, 3), (4, 1), (3, 0)]:
        extents = dict(EXTENTS, p=p, m=m, m1=-(-m // 4),
                       p1=-(-p // 4))
        arguments = make_arguments(rng, text, extents)
        expected = cascades.evaluate(naive, arguments)
        for form, orders in forms:
            worst = max(worst, cascades.compare(expected, form, arguments,
                                                f"{name} p={p} m={m}", orders))
    return name, derived.count("attn.stream"), worst


def main():
    rng = np.random.default_rng(20240607)
    checked = 0
    for path in sys.argv[1:]:
        with open(path) as file:
            source = shrink(file.read())
        for text in re.split(r"^(?=attn\.cascade)", source, flags=re.M)[1:]:
            name, streams, worst = check(text, rng)
            print(f"{name:24} {streams} streams, largest error {worst:.1e}")
            checked += 1
    print(f"{checked} cascades are equal to their derived forms")


if __name__ == "__main__":
    main()
