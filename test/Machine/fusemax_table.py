#!/usr/bin/env python3
"""Prints what attnc's cost model says of FuseMax's evaluation, next to what
FuseMax found, and fails where the two differ by more than the model claims.

    test/Machine/fusemax_table.py --attnc build/bin/attnc

Operations come from the cascades: the naive one for FLAT, the one-pass form
that attnc derives from it for FuseMax, three kernels for the unfused baseline.
The machines are machines/{fusemax-cloud,flat,flat-cloud}.json.
"""

import argparse
import csv
import json
import pathlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent
BATCH = 64

# Machine, spec and form of each configuration, and the greatest differences
# from the artifact: seconds, bytes, joules.
CONFIGURATIONS = {
    "unfused": (["unfused.mlir", "--machine=flat-cloud", "--stop-after=nests"],
                0.004, 0.004, 0.10),
    "flat": (["attention.mlir", "--machine=flat", "--stop-after=nests"],
             0.001, 0.001, 0.05),
    "fusemax": (["attention.mlir", "--machine=fusemax-cloud"],
                0.001, 0.001, 0.01),
}
LINEAR = ["linear.mlir", "--stop-after=nests", "--options=fuse=0"]

# The averages that the paper states, over four models and six lengths, and to
# how many digits.
AVERAGES = {
    "attention, times faster than FLAT": (6.7, 1),
    "attention, energy of FLAT's": (0.79, 2),
    "attention, times faster than unfused": (10, 0),
    "encoder, times faster than FLAT": (5.3, 1),
    "encoder, energy of FLAT's": (0.83, 2),
    "encoder, times faster than unfused": (7.6, 1),
}


def estimate(attnc, arguments, sizes, features=None):
    """What attnc says of a spec's only cascade."""
    spec, *options = arguments
    command = [attnc, str(HERE / "Inputs" / spec), "--cost=json", *options,
               "--size=" + ",".join(f"{k}={v}" for k, v in sizes.items())]
    if features:
        command.append(f"--set=e={features},f={features}")
    output = subprocess.run(command, check=True, capture_output=True, text=True)
    (cost,) = json.loads(output.stdout)
    return cost


def summarize(cost):
    dram = cost["memories"][0]
    return {"seconds": cost["seconds"], "joules": cost["joules"],
            "bytes": dram["bytes_read"] + dram["bytes_written"],
            "util_2d": cost["units"][0]["utilization"],
            "util_1d": cost["units"][1]["utilization"]}


def estimate_row(attnc, row):
    """All that attnc says of one model at one length."""
    length, heads = int(row["length"]), int(row["heads"])
    sizes = {"b": BATCH, "h": heads, "p": length, "m": length}
    linear = {"l": BATCH * length, "d": row["width"], "s": row["hidden"],
              "g": heads * int(row["features"])}
    found = {name: summarize(estimate(attnc, arguments, sizes, row["features"]))
             for name, (arguments, *_) in CONFIGURATIONS.items()}
    for machine in ("flat-cloud", "fusemax-cloud"):
        found["linear " + machine] = summarize(
            estimate(attnc, LINEAR + ["--machine=" + machine], linear))
    return found


def read_paper():
    with open(HERE / "Inputs" / "fusemax.csv", encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file
                                   if not line.startswith("#")))


def print_rows(paper, found):
    """Prints every row; returns the ones that differ too much."""
    mistakes = []
    print(f"{'model':5} {'length':>7}  {'':8} {'seconds':>12} {'artifact':>12}"
          f" {'diff':>8}  {'DRAM GB':>12} {'diff':>8}  {'joules':>11}"
          f" {'diff':>8}  2D and 1D busy")
    for row, costs in zip(paper, found):
        for name, (_, *limits) in CONFIGURATIONS.items():
            cost = costs[name]
            differences = [cost[what] / float(row[f"{name}_{what}"]) - 1
                           for what in ("seconds", "bytes", "joules")]
            time, traffic, energy = differences
            print(f"{row['model']:5} {row['length']:>7}  {name:8}"
                  f" {cost['seconds']:12.6g}"
                  f" {float(row[name + '_seconds']):12.6g} {time:+8.3%}"
                  f"  {cost['bytes'] / 1e9:12.6g} {traffic:+8.3%}"
                  f"  {cost['joules']:11.5g} {energy:+8.3%}"
                  f"  {cost['util_2d']:.3f} {cost['util_1d']:.3f}")
            for what, difference, limit in zip(
                    ("seconds", "bytes", "joules"), differences, limits):
                if abs(difference) > limit:
                    mistakes.append(f"{row['model']} {row['length']} {name}: "
                                    f"{what} differ by {difference:+.3%}")
            for unit in ("util_2d", "util_1d"):
                stated = row.get(f"{name}_{unit}")
                if stated and abs(cost[unit] - float(stated)) > 0.001:
                    mistakes.append(f"{row['model']} {row['length']} {name}: "
                                    f"{unit} is {cost[unit]:.4f}, not {stated}")
    return mistakes


def check_linear(paper, found):
    """Compares the linear layers, of which only the sums are printed."""
    mistakes = []
    worst = {}
    for row, costs in zip(paper, found):
        for machine in ("flat", "fusemax"):
            cost = costs[f"linear {machine}-cloud"]
            for what, stated, limit in (
                    ("seconds", row["linear_seconds"], 0.001),
                    ("joules", row[f"linear_{machine}_joules"], 0.02)):
                difference = cost[what] / float(stated) - 1
                key = f"linear layers, {machine}, {what}"
                worst[key] = max(worst.get(key, 0), abs(difference))
                if abs(difference) > limit:
                    mistakes.append(f"{row['model']} {row['length']} linear "
                                    f"{machine}: {what} differ by "
                                    f"{difference:+.3%}")
    print()
    for key, difference in worst.items():
        print(f"{key}: at most {difference:.3%} off")
    return mistakes


def average(values):
    values = list(values)
    return sum(values) / len(values)


def compare_averages(found):
    """Prints the paper's averages; returns those that come out otherwise."""
    def encoder(costs, name, what):
        machine = "fusemax-cloud" if name == "fusemax" else "flat-cloud"
        return costs[name][what] + costs["linear " + machine][what]

    def attention(costs, name, what):
        return costs[name][what]

    def ratio(part, what, other, inverse=False):
        return average(
            (part(c, "fusemax", what) / part(c, other, what)) ** (-1 if inverse
                                                                  else 1)
            for c in found)

    ours = dict(zip(AVERAGES, (
        ratio(attention, "seconds", "flat", inverse=True),
        ratio(attention, "joules", "flat"),
        ratio(attention, "seconds", "unfused", inverse=True),
        ratio(encoder, "seconds", "flat", inverse=True),
        ratio(encoder, "joules", "flat"),
        ratio(encoder, "seconds", "unfused", inverse=True))))
    mistakes = []
    print()
    print(f"{'average over models and lengths':38} {'paper':>6} {'attnc':>8}")
    for name, (stated, digits) in AVERAGES.items():
        print(f"{name:38} {stated:>6} {ours[name]:8.4g}")
        if round(ours[name], digits) != stated:
            mistakes.append(f"{name}: {ours[name]:.4g}, not {stated}")
    busy = average(c["fusemax"]["util_2d"] for c in found)
    print(f"{'2D array busy':38} {'~1':>6} {busy:8.4g}")
    return mistakes


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attnc", default="attnc")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    paper = read_paper()
    with ThreadPoolExecutor(options.jobs) as pool:
        found = list(pool.map(lambda row: estimate_row(options.attnc, row),
                              paper))
    mistakes = print_rows(paper, found) + check_linear(paper, found) \
        + compare_averages(found)
    for mistake in mistakes:
        print("error:", mistake, file=sys.stderr)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
