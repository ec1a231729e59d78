#!/usr/bin/env python3
"""attnc on a GPU beside cuDNN, FlashAttention, FlexAttention and, for decoding,
a kernel that only reads the keys and values.

  bench_gpu.py FOLDER [-o samples.json] [--seconds=N] [--only=TEXT] [--table]

FOLDER is that of test/Integration/make_gpu_objects.sh. All sides of a point run
in this process on the same N(0,1) tensors, bf16, in turn: each is a captured
graph, replayed between two CUDA events. Before a prefill the L2 cache is
flushed; a graph of decoding has as many calls, each on tensors of its own, as
read more than it holds.

The points are one list, the most valuable first: some checks (checks.py), then
times. Each is added to the file when it is done, and one that is there with the
same object on the same device is not measured again. What is left when the time
is over is printed. --table prints what a file has. docs/bench.md has the
results. Needs PyTorch, but no LLVM.
"""
import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import time

import points

FLUSH_BYTES = 256 << 20
# A graph of decoding reads at least so much, in at least two calls.
GRAPH_BYTES = 256 << 20
ROUNDS, WARM_UP = 15, 3


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("-o", "--output", default="gpu.json")
    parser.add_argument("--seconds", type=float, default=1e9,
                        help="start no point after so many")
    parser.add_argument("--only", default="", help="points with this in a name")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--table", action="store_true")
    return parser.parse_args()


def write_json(path, value):
    """Replaces a file whole, so that a cut run leaves the one before."""
    with open(path + ".tmp", "w") as file:
        json.dump(value, file, separators=(",", ":"))
        file.write("\n")
    os.replace(path + ".tmp", path)


def get_hash(folder, point):
    """Of the object, in which the cubin is; a check is always made."""
    if point["kind"] == "check":
        return None
    path = os.path.join(folder, "bench", f"{point['spec']}.{point['d']}.so")
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:16]


def run_check(args, runtime, point):
    from checks import CHECKS
    begin = time.perf_counter()
    text, holds = CHECKS[point["spec"]](runtime, args.folder)
    if not holds:
        raise RuntimeError(text)
    return {**point, "text": text, "seconds": time.perf_counter() - begin}


def describe_device():
    import torch
    driver = subprocess.run(
        ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"],
        capture_output=True, text=True).stdout.strip().split("\n")[0]
    return {"device": torch.cuda.get_device_name(0), "driver": driver,
            "torch": torch.__version__, "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version()}


#===----------------------------------------------------------------------===#
# Measuring
#===----------------------------------------------------------------------===#


def capture(calls):
    """A graph of `calls`, one after another."""
    import torch
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for call in calls:
            call()
    stream.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for call in calls:
            call()
    return graph


def sample(graphs, rounds, flush):
    """Milliseconds of each graph's replays, in turn and then the other way
    round."""
    import torch
    times = {name: [] for name in graphs}
    order = list(graphs)
    for i in range(rounds + WARM_UP):
        for name in order:
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in "be")
            if flush is not None:
                flush.zero_()
            begin.record()
            graphs[name].replay()
            end.record()
            torch.cuda.synchronize()
            if i >= WARM_UP:
                times[name].append(begin.elapsed_time(end))
        order.reverse()
    return times


def run_point(args, runtime, kernels, point, flush):
    import torch
    from sides import Inputs, get_error, make_sides
    torch.manual_seed(point["n"] + point["d"])
    all_inputs = [Inputs(point)]
    is_decode = point["kind"] == "decode"
    if is_decode:
        size = all_inputs[0].KV.numel() * 2
        all_inputs += [Inputs(point)
                       for _ in range(max(2, -(-GRAPH_BYTES // size)) - 1)]
    graphs, failures, seconds = {}, {}, {}
    makers = [list(make_sides(inputs, runtime, args.folder, kernels))
              for inputs in all_inputs]
    for i, (name, _) in enumerate(makers[0]):
        if args.no_peers and name not in ("attnc", "read"):
            continue
        begin = time.perf_counter()
        try:
            graphs[name] = capture([sides[i][1]() for sides in makers])
            torch.cuda.synchronize()
        except Exception as error:
            if name == "attnc":
                raise
            failures[name] = str(error).strip().split("\n")[0][:200]
        seconds[name] = time.perf_counter() - begin
    times = sample(graphs, args.rounds, None if is_decode else flush)
    milliseconds = {name: [t / len(all_inputs) for t in list]
                    for name, list in times.items()}
    errors = [get_error(inputs) for inputs in all_inputs]
    return {**point, "flop": points.count_flop(point),
            "bytes": all_inputs[0].KV.numel() * 2,
            "calls_in_graph": len(all_inputs), "milliseconds": milliseconds,
            "first_call_seconds": seconds, "failures": failures,
            "error": max(errors)}


#===----------------------------------------------------------------------===#
# What a file has
#===----------------------------------------------------------------------===#


def get_rate(point, name):
    """A median, and TFLOP/s or, for decoding, GB/s."""
    if name not in point["milliseconds"]:
        return None
    ms = statistics.median(point["milliseconds"][name])
    if point["kind"] == "decode":
        return ms, f"{ms * 1e3:.1f} µs, {point['bytes'] / ms * 1e-6:.0f} GB/s"
    return ms, f"{ms:.3f} ms, {point['flop'] / ms * 1e-9:.0f}"


def print_point(point):
    if point["kind"] == "check":
        print(f"| {points.get_key(point)} | {point['text']}, "
              f"{point['seconds']:.1f} s |", flush=True)
        return
    sides = {"decode": ["attnc", "read", "cuDNN", "FlashAttention"],
             "prefill": ["attnc", "cuDNN", "FlashAttention"],
             "variant": ["attnc", "FlexAttention"]}[point["kind"]]
    mine, text = get_rate(point, "attnc")
    cells = [points.get_key(point), text]
    for name in sides[1:]:
        rate = get_rate(point, name)
        cells.append(f"{rate[1]}: {rate[0] / mine:.2f} x" if rate else
                     f"{name}: " + point["failures"].get(name, "not run"))
    print("| " + " | ".join(cells) + f" | {point['error']:.1e} |", flush=True)


def main():
    args = parse()
    results = {}
    if os.path.exists(args.output):
        with open(args.output) as file:
            results = json.load(file)
    done = results.setdefault("points", {})
    if args.table:
        for point in done.values():
            print_point(point)
        return 0
    import torch
    from attnc_torch import Runtime
    begin = time.perf_counter()
    device = describe_device()
    print(json.dumps(device), flush=True)
    if results.get("device", device) != device:
        print("another device or driver: nothing is kept")
        done.clear()
    results["device"] = device
    runtime, kernels = Runtime(args.folder), {}
    flush = torch.empty(FLUSH_BYTES, dtype=torch.uint8, device="cuda:0")
    skipped, failed = [], []
    for point in points.list_points():
        key = points.get_key(point)
        if args.only not in key:
            continue
        try:
            hash = get_hash(args.folder, point)
        except FileNotFoundError as error:
            skipped.append(f"{key}: there is no {error.filename}")
            continue
        if hash and done.get(key, {}).get("object") == hash:
            continue
        if time.perf_counter() - begin > args.seconds:
            skipped.append(f"{key}: no time")
            continue
        try:
            result = (run_check(args, runtime, point)
                      if point["kind"] == "check" else
                      run_point(args, runtime, kernels, point, flush))
        except Exception as error:
            failed.append(f"{key}: {str(error)[:300]}")
            print("failed: " + failed[-1], flush=True)
            continue
        torch.cuda.empty_cache()
        done[key] = {**result, "object": hash}
        write_json(args.output, results)
        print_point(done[key])
        if not result.get("error", 0) < 1e-2:
            failed.append(f"{key}: relative error {result['error']}")
    for line in skipped:
        print("skipped: " + line)
    for line in failed:
        print("failed: " + line)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
