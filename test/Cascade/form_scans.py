"""Sums over prefixes give what the recurrences give that they become.

  form_scans.py SPEC.mlir [--count=40]

The cascades of a file, and random ones: the bound with and without its own
coordinate and moved by a number or by extents, on the score or on the sum, the
scale and the weights of keys at any place, with and without scores of their
own. There are fewer keys than queries, as many, more, and none.
"""
import argparse
import random
import re

import numpy as np

import cascades
import equivalence

FORMS = ["attn-form-scans", "attn-form-scans,attn-chunkwise{chunk=3}"]
LENGTHS = [(5, 5), (5, 9), (7, 3), (1, 1), (4, 0), (1, 6)]


def make(seed):
    r = random.Random(seed)
    grouped, scored = r.random() < 0.5, r.random() < 0.7
    bound = r.choice(["m <= p", "m < p", "p >= m", "p > m", "m <= p - 2",
                      "m <= p + 3", "m < p + 1 + extent(m) - extent(p)",
                      "m <= p + extent(m) - extent(p)"])
    batch = "k,g," if grouped else "h,"
    heads = "(k, g)" if grouped else "h"
    key = "k," if grouped else "h,"
    q, k, v = (f"%Q[{heads},p,e]", f"%K[{key}m,e]", f"%V[{key}m,f]")
    q = r.choice([q, f"exp({q})", f"({q} * {q} + 1.0)"])
    k = r.choice([k, f"exp({k})", f"tanh({k} + 2.0)"])
    w = r.choice(["", " * %W[m]", " * 0.125", " / extent(e)"])
    first = bool(r.getrandbits(1))
    here, there = (f" where ({bound})", "") if first else ("", f" where ({bound})")
    out = f"[{heads},p,f]"
    if scored:
        body = (f"  %S = attn.einsum [{batch}p,m] = {q} * {k}{w}{here}\n"
                f"  %O = attn.einsum {out} = %S[{batch}p,m] * {v}{there}\n")
    else:
        body = (f"  %O = attn.einsum {out} = {q} * {k}{w} * {v}"
                f" where ({bound})\n")
    ranks = "k, g, h = k * g" if grouped else "h"
    return (f"attn.cascade @random_{seed}(%Q: !attn.tensor<[h, p, e], f64>, "
            f"%K: !attn.tensor<[{key[0]}, m, e], f64>, "
            f"%V: !attn.tensor<[{key[0]}, m, f], f64>, "
            "%W: !attn.tensor<[m], f64>) -> !attn.tensor<[h, p, f], f64> "
            f"ranks({ranks}, p, m, e = 8, f = 6) {{\n{body}"
            "  attn.yield %O\n}\n")


def check(text, rng):
    name = re.search(r"@(\w+)", text).group(1)
    naive = cascades.models(text)[name]
    forms = [cascades.models(text, passes)[name] for passes in FORMS]
    for p, m in LENGTHS:
        extents = dict(equivalence.EXTENTS, p=p, m=m)
        # Powers and exponentials of what is drawn stay small.
        arguments = {
            key: value / 12 if isinstance(value, np.ndarray) else value
            for key, value in
            equivalence.make_arguments(rng, text, extents).items()}
        expected = cascades.evaluate(naive, arguments)
        for form in forms:
            cascades.compare(expected, form, arguments,
                             f"{name} p={p} m={m}\n{text}", [("whole",)])
    _, remarks = cascades.attn_opt(text, FORMS[0])
    return "is carried along" in remarks


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("spec")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(20240607)
    with open(options.spec) as file:
        source = equivalence.shrink(file.read())
    for text in re.split(r"^(?=attn\.cascade)", source, flags=re.M)[1:]:
        check(re.sub(r"^//.*$", "", text, flags=re.M), rng)
    seeds = range(options.seed, options.seed + options.count)
    carried = sum(check(make(seed), rng) for seed in seeds)
    print(f"{options.count} random sums over prefixes, {carried} of them "
          "carried along")


if __name__ == "__main__":
    main()
