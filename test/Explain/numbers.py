"""Checks the report's numbers by hand, and that they move with the cascade.

    numbers.py VARIANTS
"""
import json
import math
import os
import subprocess
import sys
import tempfile

VARIANTS = sys.argv[1]


def explain(spec, *options, edits=()):
    """The first cascade of a variant, after replacing text in its spec."""
    with open(os.path.join(VARIANTS, spec + ".mlir")) as file:
        text = file.read()
    for old, new in edits:
        assert old in text, f"{spec} has no {old!r}"
        text = text.replace(old, new)
    with tempfile.NamedTemporaryFile("w", suffix=".mlir") as file:
        file.write(text)
        file.flush()
        report = subprocess.run(
            ["attnc", "--explain=json", file.name, *options], check=True,
            capture_output=True, text=True).stdout
    return json.loads(report)["cascades"][0]


def costs(cascade, form="written"):
    found = cascade[form]["costs"]
    numbers = {key: found[key]["value"]
               for key in ["flops", "functions", "compulsory", "unfused"]}
    for operation in found["operations"]:
        numbers[operation["kind"]] = operation["amount"]["value"]
    return numbers


def traversals(cascade, form="written", rank="m"):
    ranks = {facts["rank"]: facts for facts in cascade[form]["ranks"]}
    return {walk["tensor"]: len(walk["traversals"])
            for walk in ranks[rank]["tensors"]}


def expect(what, actual, expected):
    if actual != expected:
        sys.exit(f"{what} is {actual}, expected {expected}")
    print(f"{what}: {actual}")


SIZES = "--size=b=2,h=3,p=5,m=7"

# Sigmoid attention by hand, per score: two contractions of 64 multiply-adds,
# the scale, the bias, one sigmoid. Q, K, V and AV have 64 f32 a row.
sigmoid, points = costs(explain("sigmoid", SIZES)), 2 * 3 * 5 * 7
expect("sigmoid: mac", sigmoid["mac"], points * (64 + 64))
expect("sigmoid: mul", sigmoid["mul"], points)
expect("sigmoid: add", sigmoid["add"], points)
expect("sigmoid: sigmoid", sigmoid["sigmoid"], points)
expect("sigmoid: flops", sigmoid["flops"], points * (2 * 128 + 2))
expect("sigmoid: functions", sigmoid["functions"], points)
rows = 2 * 3 * (5 + 7 + 7 + 5)
expect("sigmoid: compulsory", sigmoid["compulsory"], rows * 64 * 4)
# Unfused, the scores and the weights are stored and loaded once each.
expect("sigmoid: unfused", sigmoid["unfused"], rows * 64 * 4 + 4 * points * 4)

# The contraction of half as long a rank.
half = costs(explain("sigmoid", SIZES, "--set=e=32"))
expect("e = 32: mac", half["mac"], points * (32 + 64))
expect("e = 32: compulsory", half["compulsory"],
       2 * 3 * ((5 + 7) * 32 + (7 + 5) * 64) * 4)

# Half as wide elements, twice as many keys, no bias.
narrow = costs(explain("sigmoid", SIZES, "--type=f32=bf16"))
expect("bf16: compulsory", narrow["compulsory"], sigmoid["compulsory"] / 2)
expect("bf16: flops", narrow["flops"], sigmoid["flops"])
longer = costs(explain("sigmoid", "--size=b=2,h=3,p=5,m=14"))
expect("m = 14: flops", longer["flops"], 2 * sigmoid["flops"])

# A filter leaves the points under the diagonal: 1 + 2 + .. + 6.
causal = costs(explain("causal", "--size=b=1,h=1,p=6,m=6"))
expect("causal: exp", causal["exp"], 21)
expect("causal: mac", causal["mac"], 21 * 128)

# Softmax: three traversals as written, one derived. Without the maximum one
# less; with the division after the sum another one less.
naive = explain("softmax_naive", SIZES)
expect("naive", traversals(naive), {"K": 3, "V": 1})
expect("naive, derived", traversals(naive, "derived"), {"K": 1, "V": 1})
expect("naive: exp", costs(naive)["exp"], points)
expect("naive: div", costs(naive)["div"], points)
deferred = explain("softmax_naive", SIZES, edits=[
    ("%A  = attn.einsum [b,h,p,m] = %SN[b,h,p,m] / %SD[b,h,p]\n", ""),
    ("%AV = attn.einsum [b,h,p,f] = %A[b,h,p,m] * %V[b,h,m,f]",
     "%S = attn.einsum [b,h,p,f] = %SN[b,h,p,m] * %V[b,h,m,f]\n"
     "  %AV = attn.einsum [b,h,p,f] = %S[b,h,p,f] / %SD[b,h,p]")])
expect("deferred", traversals(deferred), {"K": 2, "V": 1})
expect("deferred: div", costs(deferred)["div"], 2 * 3 * 5 * 64)
expect("deferred, derived", traversals(deferred, "derived"), {"K": 1, "V": 1})
bare = explain("softmax_naive", SIZES, edits=[
    ("exp(%QK[b,h,p,m] - %GM[b,h,p])", "exp(%QK[b,h,p,m])")])
expect("without maximum", traversals(bare), {"K": 2, "V": 1})
expect("without maximum: dead", bare["written"]["dead"], ["GM"])

# The derived form divides each output once, not each weight.
expect("derived: div", costs(naive, "derived")["div"], 2 * 3 * 5 * 64)

# At 2^20 queries and keys the products of Q and K need more than one load of
# each: 16 MiB hold S elements of 2 bytes, and a score is a sum of 64 products.
million = explain("softmax_naive", "--size=b=64,h=12,p=1048576,m=1048576",
                  "--machine=fusemax-cloud")
products, S = 64 * 12 * 2**40 * 64, 2**23
[bound] = million["bounds"]
expect("bound: reason", bound["reason"], "products of Q and K")
fewest = 2 * (products / (S / 64 + math.sqrt(3 * S)) - S)
assert math.isclose(bound["bytes"], fewest), (bound["bytes"], fewest)
moved = million["estimates"][0]["memories"][0]["bytes"]
assert math.isclose(bound["distance"], moved / fewest)
assert 1 < bound["distance"] < 11, bound["distance"]
