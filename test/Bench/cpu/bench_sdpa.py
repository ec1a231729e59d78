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
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import torch
import torch.nn.functional as F

ROOT = os.path.dirname(os.path.abspath(__file__))
for _ in range(3):
    ROOT = os.path.dirname(ROOT)
sys.path.insert(0, os.path.join(ROOT, "examples"))

# Fewer heads for longer sequences keep a call between 5 ms and 3 s.
HEADS = {1: 8, 4: 8, 16: 8, 32: 8, 64: 8, 512: 8, 1024: 8, 2048: 8, 4096: 4, 8192: 2, 16384: 2}
# Idle threads of one OpenMP runtime spin for up to this long and would take a
# core from the other runtime.
SETTLE_SECONDS = 0.25


class Call(ctypes.Structure):
    """attnrt_call, of which only the number of threads is set."""

    _fields_ = [("size", ctypes.c_uint32), ("device", ctypes.c_int32 * 2),
                ("stream", ctypes.c_void_p), ("workspace", ctypes.c_void_p),
                ("workspace_bytes", ctypes.c_size_t),
                ("executor", ctypes.c_void_p), ("num_threads", ctypes.c_int32),
                ("isa", ctypes.c_char_p)]


class Ceiling:
    """ceiling.c, compiled and loaded."""

    def __init__(self, folder):
        library = os.path.join(folder, "ceiling.so")
        source = os.path.join(os.path.dirname(__file__), "ceiling.c")
        compiler = os.environ.get("CC", "clang-22")
        subprocess.check_call([compiler, "-O3", "-march=native", "-shared",
                               "-fPIC", source, "-o", library, "-lpthread"])
        self.library = ctypes.CDLL(library)
        for name in ("ceiling_fma", "ceiling_read", "ceiling_sweep"):
            getattr(self.library, name).restype = ctypes.c_double

    def fma(self, threads, seconds=0.02, bits=None):
        call = lambda b: self.library.ceiling_fma(
            b, threads, ctypes.c_double(seconds))
        return call(bits) if bits else (call(512) or call(256))

    def bandwidth(self, kind, threads, seconds=0.5, size=1 << 30):
        return getattr(self.library, "ceiling_" + kind)(
            threads, ctypes.c_double(seconds), ctypes.c_size_t(size))


def flop(heads, s, d, causal):
    """Two contractions over the points that the filter leaves."""
    points = s * (s + 1) // 2 if causal else s * s
    return 4 * heads * points * d


def compile_attnc(build, folder, spec, name, d):
    """One shared object for each head size; it serves every length."""
    library = os.path.join(folder, f"{name}_{d}.so")
    begin = time.perf_counter()
    subprocess.check_call([
        os.path.join(build, "bin", "attnc"), spec, "--emit=so", "--set",
        f"e={d}", "--set", f"f={d}", "-o", library])
    print(f"compiled {name} for D {d} in "
          f"{time.perf_counter() - begin:.2f} s", flush=True)
    return library


def timed(call, seconds):
    """Seconds a call, over as many calls as fill `seconds` (at least one)."""
    begin = time.perf_counter()
    count = 0
    while True:
        call()
        count += 1
        elapsed = time.perf_counter() - begin
        if elapsed >= seconds:
            return elapsed / count


def measure(sides, threads, pairs, seconds, ceiling):
    """Alternated samples: each round runs every side, first one then the
    other way round, and the ceiling between them."""
    samples = {name: [] for name in sides}
    ceilings = []
    for name, call in sides.items():
        call()
    order = list(sides)
    for _ in range(pairs):
        for name in order:
            if threads > 1 and len(sides) > 1:
                time.sleep(SETTLE_SECONDS)
                sides[name]()
            samples[name].append(timed(sides[name], seconds))
        ceilings.append(ceiling.fma(threads))
        order.reverse()
    return samples, ceilings


def geomean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


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
    machine = {
        "cpu": next((line.split(":")[1].strip()
                     for line in open("/proc/cpuinfo")
                     if line.startswith("model name")), platform.machine()),
        "cores": os.cpu_count(), "torch": torch.__version__,
        "torch_cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "ceilings": {t: {
            "fma512_gflops": ceiling.fma(t, 0.2, 512),
            "fma256_gflops": ceiling.fma(t, 0.2, 256),
            "read_gbs": ceiling.bandwidth("read", t),
            "sweep_gbs": ceiling.bandwidth("sweep", t),
        } for t in thread_counts},
    }
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
        with open(args.output, "w") as file:
            json.dump(result, file, indent=None, separators=(",", ":"))
            file.write("\n")


def prepare(kernel, call, **tensors):
    """A call of `kernel` whose arguments are made once, as in C: making them in
    Python takes longer than a short sequence."""
    from attnc_ctypes import dltensor
    capsules = {name: t.__dlpack__() for name, t in tensors.items()}
    pointers = {name: dltensor(capsule, b"dltensor")
                for name, capsule in capsules.items()}
    values = kernel.Args(ctypes.sizeof(kernel.Args), **pointers)
    arguments = ctypes.byref(values)

    def run():
        kernel.check(kernel.function(kernel.context, arguments, call))
    run.keeps = tensors, capsules, values
    return run


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
                                ceiling)
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
