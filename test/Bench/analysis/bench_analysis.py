#!/usr/bin/env python3
"""Measures the traversal analysis and --explain on long cascades.

    bench_analysis.py --build BUILD [-o RESULTS.json]

Layers of softmax attention in their plainest form, six Einsums each: the output
of a layer is the queries of the next. Wall time of a process, the least of
several; that of reading the same cascade and doing nothing is beside it.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time


def write_layers(count):
    """`count` Einsums of attention upon attention."""
    lines = ["attn.cascade @layers(%Q: !attn.tensor<[b, p, e], f32>,",
             "    %K: !attn.tensor<[b, m, e], f32>,",
             "    %V: !attn.tensor<[b, m, f], f32>)",
             "    -> !attn.tensor<[b, p, f], f32>",
             "    ranks(b, p, m, e = 64, f = 64) {"]
    query = "Q[b, p, e]"
    for i in range(count // 6):
        lines += [
            f"%QK{i} = attn.einsum [b, p, m] = %{query} * %K[b, m, e]",
            f"%GM{i} = attn.einsum [b, p] = %QK{i}[b, p, m] reduce(max m)",
            f"%SN{i} = attn.einsum [b, p, m] = exp(%QK{i}[b, p, m] - %GM{i}[b, p])",
            f"%SD{i} = attn.einsum [b, p] = %SN{i}[b, p, m]",
            f"%A{i} = attn.einsum [b, p, m] = %SN{i}[b, p, m] / %SD{i}[b, p]",
            f"%AV{i} = attn.einsum [b, p, f] = %A{i}[b, p, m] * %V[b, m, f]"]
        query = f"AV{i}[b, p, e]"
    return "\n".join(lines + [f"attn.yield %AV{count // 6 - 1}", "}", ""])


def measure(command, seconds=1.0, least=3):
    times = []
    begin = time.perf_counter()
    while len(times) < least or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return min(times)


parser = argparse.ArgumentParser()
parser.add_argument("--build", default="build")
parser.add_argument("-o", dest="results")
options = parser.parse_args()
tool = {name: os.path.join(options.build, "bin", name)
        for name in ["attnc", "attn-opt"]}
points = []
print(f"{'Einsums':>8} {'read':>9} {'traversals':>11} {'explain':>9}   (ms)")
for count in [30, 102, 300, 1002]:
    with tempfile.NamedTemporaryFile("w", suffix=".mlir") as file:
        file.write(write_layers(count))
        file.flush()
        read = measure([tool["attn-opt"], file.name, "-o", "/dev/null"])
        traversals = measure([tool["attn-opt"], file.name, "-o", "/dev/null",
                              "--attn-print-traversals"]) - read
        explain = measure([tool["attnc"], "--explain", file.name])
    points.append({"einsums": count, "read_seconds": read,
                   "traversals_seconds": traversals,
                   "explain_seconds": explain})
    print(f"{count:8} {read * 1e3:9.1f} {traversals * 1e3:11.1f} "
          f"{explain * 1e3:9.1f}")
if options.results:
    with open(options.results, "w") as file:
        json.dump({"points": points}, file, indent=1)
        file.write("\n")
sys.exit(points[0]["explain_seconds"] > 0.2)
