#!/usr/bin/env python3
"""attnc against PyTorch's scaled_dot_product_attention on the CPU.

Both run in this process on the same tensors, f32, in alternated pairs; beside
each pair the FMA ceiling of the machine is measured. All samples go to a JSON
file; docs/bench.md says how to read it. Needs a Python that has torch.

    bench_sdpa.py --peer-only                 PyTorch alone
    bench_sdpa.py --build build -o samples.json
    bench_sdpa.py --build build --smoke       a minute, a few points
"""
import argparse
import ctypes
import json
import os
import statistics
import tempfile

import torch
import torch.nn.functional as F

from harness import (ROOT, Call, Ceiling, compile_attnc, geomean, measure,
                     prepare, write_json)

# Fewer heads for longer sequences keep a call between 5 ms and 3 s.
HEADS = {1: 8, 4: 8, 16: 8, 32: 8, 48: 8, 64: 8, 512: 8, 1024: 8, 2048: 8,
         4096: 4, 8192: 2, 16384: 2}

def flop(heads, s, d, causal):
    """Two contractions over the points that the filter leaves."""
    points = s * (s + 1) // 2 if causal else s * s
    return 4 * heads * points * d


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--peer-only", action="store_true",
                        help="time PyTorch alone")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--full-spec", default=os.path.join(
        ROOT, "test/Variants/softmax_naive.mlir"))
    parser.add_argument("--causal-spec", default=os.path.join(
        ROOT, "test/Variants/causal_gqa.mlir"))
    parser.add_argument("-o", "--output", help="write all samples here (JSON)")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.05,
                        help="least time of one sample")
    parser.add_argument("--lengths", default="512,1024,2048,4096,8192,16384")
    parser.add_argument("--head-sizes", default="64,128")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--smoke", action="store_true",
                        help="lengths 512 and 2048, three pairs")
    args = parser.parse_args()
    if args.smoke:
        args.lengths, args.pairs = "512,2048", 3
    lengths = [int(x) for x in args.lengths.split(",")]
    head_sizes = [int(x) for x in args.head_sizes.split(",")]
    thread_counts = [int(x) for x in args.threads.split(",")]

    folder = tempfile.mkdtemp(prefix="attnc-bench-")
    ceiling = Ceiling(folder)
    machine = ceiling.describe(thread_counts)
    print(json.dumps(machine, indent=1), flush=True)

    kernels = {}
    if not args.peer_only:
        from attnc_ctypes import SOFTMAX, Kernel
        runtime = os.path.join(args.build, "lib", "libattnrt.so")
        for d in head_sizes:
            for causal, spec in ((False, args.full_spec),
                                 (True, args.causal_spec)):
                name = os.path.splitext(os.path.basename(spec))[0]
                kernels[d, causal] = Kernel(
                    runtime, compile_attnc(args.build, folder, spec, name, d),
                    name, SOFTMAX)

    print(f"{'D':>4} {'S':>6} {'H':>2} {'mask':>6} {'thr':>3} "
          f"{'torch GF/s':>10} {'of FMA':>6}" + (
              "" if args.peer_only else
              f" {'attnc GF/s':>10} {'of FMA':>6} {'ratio':>6} {'error':>8}"))
    points = []
    with torch.inference_mode():
        for threads in thread_counts:
            torch.set_num_threads(threads)
            for d in head_sizes:
                for s in lengths:
                    heads = HEADS.get(s, 2)
                    torch.manual_seed(s + d)
                    q, k, v = (torch.randn(1, heads, s, d) for _ in range(3))
                    for causal in (False, True):
                        points.append(run_point(
                            args, ceiling, kernels, threads, d, s, heads,
                            causal, q, k, v))
    if args.peer_only:
        result = {"machine": machine, "points": points}
    else:
        ratios = [p["ratio"] for p in points]
        worst = min(points, key=lambda p: p["ratio"])
        result = {"machine": machine, "geomean": geomean(ratios),
                  "worst": {key: worst[key] for key in
                            ("d", "s", "causal", "threads", "ratio")},
                  "points": points}
        print(f"geometric mean of {len(ratios)} points: "
              f"{geomean(ratios):.3f} x")
        print(f"worst point: {worst['ratio']:.3f} x at D {worst['d']}, "
              f"S {worst['s']}, {'causal' if worst['causal'] else 'full'}, "
              f"{worst['threads']} thread(s)")
    if args.output:
        write_json(args.output, result)


def run_point(args, ceiling, kernels, threads, d, s, heads, causal, q, k, v):
    sides = {"torch": lambda: F.scaled_dot_product_attention(
        q, k, v, is_causal=causal)}
    if kernels:
        out = torch.empty(1, heads, s, d)
        # Each head is its own key head: k = heads, g = 1.
        call = ctypes.byref(Call(size=ctypes.sizeof(Call), num_threads=threads))
        sides["attnc"] = prepare(kernels[d, causal], call,
                                 Q=q, K=k, V=v, AV=out)
    samples, ceilings = measure(sides, threads, args.pairs, args.seconds,
                                lambda: ceiling.fma(threads))
    work = flop(heads, s, d, causal)
    median = statistics.median
    point = {"d": d, "s": s, "heads": heads, "causal": causal,
             "threads": threads, "flop": work, "seconds": samples,
             "ceiling_gflops": ceilings,
             "torch_gflops": work / median(samples["torch"]) * 1e-9}
    # Each sample against the ceiling measured in its own round.
    fraction = lambda name: median(
        work / t * 1e-9 / c for t, c in zip(samples[name], ceilings))
    line = (f"{d:4} {s:6} {heads:2} {'causal' if causal else 'full':>6} "
            f"{threads:3} {point['torch_gflops']:10.1f} "
            f"{fraction('torch'):6.2f}")
    if kernels:
        point["attnc_gflops"] = work / median(samples["attnc"]) * 1e-9
        point["ratio"] = median(
            t / a for t, a in zip(samples["torch"], samples["attnc"]))
        point["error"] = (out - sides["torch"]()).abs().max().item()
        line += (f" {point['attnc_gflops']:10.1f} {fraction('attnc'):6.2f} "
                 f"{point['ratio']:6.3f} {point['error']:8.1e}")
    print(line, flush=True)
    return point


if __name__ == "__main__":
    main()
