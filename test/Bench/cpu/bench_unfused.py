#!/usr/bin/env python3
"""The unfused form of softmax attention, Einsum by Einsum, against ceilings.

Each Einsum of test/Variants/softmax_naive.mlir is compiled alone and timed, in
turn with its ceiling: contractions with fused multiply-adds on registers,
sweeps with a plain loop that reads the same tensor and, where the sweep writes
one, writes the same tensor. Then the whole spec, fused and unfused
(`--options=fuse=false`): time and workspace. One thread. Needs NumPy.

    bench_unfused.py --build build -o samples.json
"""
import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import ROOT, Call, Ceiling  # noqa: E402
from attnc_ctypes import Kernel, dltensor  # noqa: E402

# name, inputs, output, Einsum, is a contraction, tensors of P x M read, written
EINSUMS = [
    ("QK", {"Q": "p, e", "K": "m, e"}, "p, m", "%Q[p,e] * %K[m,e]", True,
     0, 1),
    ("GM", {"QK": "p, m"}, "p", "%QK[p,m] reduce(max m)", False, 1, 0),
    ("SN", {"QK": "p, m", "GM": "p"}, "p, m", "exp(%QK[p,m] - %GM[p])",
     False, 1, 1),
    ("SD", {"SN": "p, m"}, "p", "%SN[p,m]", False, 1, 0),
    ("A", {"SN": "p, m", "SD": "p"}, "p, m", "%SN[p,m] / %SD[p]", False, 1,
     1),
    ("AV", {"A": "p, m", "V": "m, f"}, "p, f", "%A[p,m] * %V[m,f]", True,
     1, 0),
]


def with_threads(threads):
    call = Call()
    call.size, call.num_threads = ctypes.sizeof(Call), threads
    call.device[0] = 1
    return call


def compile_spec(args, folder, name, text, *flags):
    spec = os.path.join(folder, name + ".mlir")
    with open(spec, "w") as file:
        file.write(text)
    library = os.path.join(folder, name + ".so")
    subprocess.check_call([os.path.join(args.build, "bin", "attnc"), spec,
                           "--emit=so", "-o", library, *flags],
                          stderr=subprocess.DEVNULL)
    return library


def timed(call, rounds):
    call()
    samples = []
    for _ in range(rounds):
        begin = time.perf_counter()
        call()
        samples.append(time.perf_counter() - begin)
    return samples


def tensor(rng, shape):
    """Normal values, aligned to cache lines."""
    size = int(np.prod(shape))
    raw = np.empty(size + 16, np.float32)
    first = -raw.ctypes.data // 4 % 16
    values = raw[first:first + size].reshape(shape)
    values[...] = rng.standard_normal(shape, np.float32)
    return values


def compile_einsum(args, folder, einsum, d):
    name, inputs, output, body = einsum[:4]
    arguments = ", ".join(f"%{n}: !attn.tensor<[{r}], f32>"
                          for n, r in inputs.items())
    used = "".join(inputs.values()) + output
    ranks = "p" + (", m" if "m" in used else "") + "".join(
        f", {r} = {d}" for r in "ef" if r in used)
    left = output.replace(" ", "")
    return compile_spec(args, folder, f"{name}_{d}", f"""
attn.cascade @one({arguments}) -> !attn.tensor<[{output}], f32>
    ranks({ranks}) {{
  %Z = attn.einsum [{left}] = {body}
  attn.yield %Z
}}
""")


def bench_einsum(args, folder, ceiling, einsum, s, d):
    name, inputs, output, _, is_contraction, _, writes = einsum
    extents = {"p": s, "m": s, "e": d, "f": d}
    rng = np.random.default_rng(0)
    tensors = {n: tensor(rng, [extents[r] for r in ranks.split(", ")])
               for n, ranks in {**inputs, "Z": output}.items()}
    kernel = Kernel(os.path.join(args.build, "lib", "libattnrt.so"),
                    compile_einsum(args, folder, einsum, d), "one",
                    [(n, ctypes.c_void_p) for n in tensors])
    call = with_threads(1)

    def run():
        begin = time.perf_counter()
        kernel(ctypes.byref(call), **tensors)
        return time.perf_counter() - begin

    run()
    row = {"einsum": name, "s": s, "d": d, "seconds": [],
           "ceiling": []}
    for _ in range(args.rounds):
        row["seconds"].append(run())
        if is_contraction:
            row["ceiling"].append(ceiling.fma(1))
        else:
            read = tensors[next(iter(inputs))]
            row["ceiling"].append(ceiling.stream(
                1, read.size, read.ctypes.data,
                tensors["Z"].ctypes.data if writes else None))
    seconds = statistics.median(row["seconds"])
    if is_contraction:
        amount, row["unit"] = 2e-9 * s * s * d, "GFLOP/s"
        fractions = [amount / t / rate
                     for t, rate in zip(row["seconds"], row["ceiling"])]
    else:
        amount, row["unit"] = 4e-9 * s * s * (1 + writes), "GB/s"
        fractions = [c / t for t, c in zip(row["seconds"], row["ceiling"])]
        row["ceiling"] = [amount / c for c in row["ceiling"]]
    row["rate"] = amount / seconds
    row["fraction"] = statistics.median(fractions)
    return row


def bench_whole(args, folder, s, d, heads):
    spec = os.path.join(ROOT, "test", "Variants", "softmax_naive.mlir")
    with open(spec) as file:
        text = file.read()
    rng = np.random.default_rng(0)
    tensors = {n: tensor(rng, (1, heads, s, d)) for n in ("Q", "K", "V", "AV")}
    fields = [(n, ctypes.c_void_p) for n in tensors]
    row = {"s": s, "d": d, "heads": heads}
    for form, flags in (("fused", []),
                        ("unfused", ["--options=fuse=false"])):
        library = compile_spec(args, folder, f"{form}_{d}", text, "--set",
                               f"e={d}", "--set", f"f={d}", *flags)
        kernel = Kernel(os.path.join(args.build, "lib", "libattnrt.so"),
                        library, "softmax_naive", fields)
        call = with_threads(1)
        row[form + "_seconds"] = timed(
            lambda: kernel(ctypes.byref(call), **tensors), args.rounds)
        capsules = {n: t.__dlpack__() for n, t in tensors.items()}
        pointers = {n: dltensor(c, b"dltensor") for n, c in capsules.items()}
        size = ctypes.c_size_t()
        workspace = ctypes.CDLL(os.path.abspath(library)).softmax_naive_workspace
        workspace.restype = ctypes.c_void_p
        values = kernel.Args(ctypes.sizeof(kernel.Args), **pointers)
        kernel.check(workspace(kernel.context, ctypes.byref(values),
                               ctypes.byref(call), ctypes.byref(size)))
        row[form + "_workspace"] = size.value
    row["ratio"] = (statistics.median(row["unfused_seconds"]) /
                    statistics.median(row["fused_seconds"]))
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("-o", "--output", help="write all samples here")
    args = parser.parse_args()
    result = {"einsums": [], "whole": []}
    with tempfile.TemporaryDirectory() as folder:
        ceiling = Ceiling(folder)
        for d in (64, 128):
            for einsum in EINSUMS:
                if d != 64 and not einsum[4]:
                    continue  # a sweep does not depend on it
                row = bench_einsum(args, folder, ceiling, einsum, 4096, d)
                result["einsums"].append(row)
                print(f"{row['einsum']:3s} S 4096 D {d:3d}: "
                      f"{row['rate']:6.1f} {row['unit']}, "
                      f"{row['fraction']:.2f} of "
                      f"{statistics.median(row['ceiling']):.1f}", flush=True)
        for d in (64, 128):
            for s, heads in ((1024, 4), (4096, 1), (8192, 1)):
                row = bench_whole(args, folder, s, d, heads)
                result["whole"].append(row)
                print(f"S {s:5d} D {d:3d}: unfused takes {row['ratio']:.2f} x "
                      f"the time; workspace {row['fused_workspace']} and "
                      f"{row['unfused_workspace']} bytes", flush=True)
    if args.output:
        with open(args.output, "w") as file:
            json.dump(result, file)


if __name__ == "__main__":
    main()
