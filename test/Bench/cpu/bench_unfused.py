#!/usr/bin/env python3
"""The unfused form of softmax attention, Einsum by Einsum, against ceilings.

Each Einsum of test/Variants/softmax_naive.mlir is compiled alone and timed:
contractions as a fraction of the FMA ceiling, sweeps as a fraction of the
bandwidth that a plain loop reaches on as much memory. Then the whole spec,
fused and unfused (`--options=fuse=false`): time and workspace. Needs NumPy.

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

ROOT = os.path.dirname(os.path.abspath(__file__))
for _ in range(3):
    ROOT = os.path.dirname(ROOT)
sys.path.insert(0, os.path.join(ROOT, "examples"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from attnc_ctypes import Kernel, dltensor  # noqa: E402

# name, inputs, output, Einsum, FLOPs a score, tensors of P x M read, written
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


class Ceiling:
    """ceiling.c, compiled and loaded."""

    def __init__(self, folder):
        library = os.path.join(folder, "ceiling.so")
        source = os.path.join(os.path.dirname(__file__), "ceiling.c")
        subprocess.check_call([os.environ.get("CC", "clang-22"), "-O3",
                               "-march=native", "-shared", "-fPIC", source,
                               "-o", library, "-lpthread"])
        self.library = ctypes.CDLL(library)
        for name in ("ceiling_fma", "ceiling_read", "ceiling_sweep"):
            getattr(self.library, name).restype = ctypes.c_double

    def fma(self):
        return max(self.library.ceiling_fma(bits, 1, ctypes.c_double(0.03))
                   for bits in (512, 256))

    def bandwidth(self, kind, size):
        return getattr(self.library, "ceiling_" + kind)(
            1, ctypes.c_double(0.2), ctypes.c_size_t(size))


class Call(ctypes.Structure):
    """attnrt_call: one thread."""

    _fields_ = [("size", ctypes.c_uint32), ("device", ctypes.c_int32 * 2),
                ("stream", ctypes.c_void_p), ("workspace", ctypes.c_void_p),
                ("workspace_bytes", ctypes.c_size_t),
                ("executor", ctypes.c_void_p), ("num_threads", ctypes.c_int32),
                ("isa", ctypes.c_char_p)]


def one_thread():
    call = Call()
    call.size, call.num_threads = ctypes.sizeof(Call), 1
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


def bench_einsum(args, folder, ceiling, einsum, s, d):
    name, inputs, output, body, is_contraction, reads, writes = einsum
    arguments = ", ".join(f"%{n}: !attn.tensor<[{r}], f32>"
                          for n, r in inputs.items())
    used = "".join(inputs.values()) + output
    ranks = "p" + (", m" if "m" in used else "") + "".join(
        f", {r} = {d}" for r in "ef" if r in used)
    left = output.replace(" ", "")
    library = compile_spec(args, folder, f"{name}_{d}", f"""
attn.cascade @one({arguments}) -> !attn.tensor<[{output}], f32>
    ranks({ranks}) {{
  %Z = attn.einsum [{left}] = {body}
  attn.yield %Z
}}
""")
    extents = {"p": s, "m": s, "e": d, "f": d}
    rng = np.random.default_rng(0)

    def tensor(spec):
        shape = [extents[r] for r in spec.split(", ")]
        return rng.standard_normal(shape, np.float32)

    tensors = {n: tensor(r) for n, r in inputs.items()}
    tensors["Z"] = tensor(output)
    kernel = Kernel(os.path.join(args.build, "lib", "libattnrt.so"), library,
                    "one", [(n, ctypes.c_void_p) for n in tensors])
    call = one_thread()
    samples = timed(lambda: kernel(ctypes.byref(call), **tensors), args.rounds)
    seconds = statistics.median(samples)
    row = {"einsum": name, "s": s, "d": d, "seconds": samples}
    if is_contraction:
        row["gflops"] = 2 * s * s * d / seconds * 1e-9
        row["ceiling"] = statistics.median(ceiling.fma() for _ in range(5))
        row["fraction"] = row["gflops"] / row["ceiling"]
    else:
        size = 4 * s * s
        row["gbytes"] = (reads + writes) * size / seconds * 1e-9
        # Reading one tensor, or reading one and writing another.
        kind = "sweep" if writes else "read"
        row["ceiling"] = statistics.median(
            ceiling.bandwidth(kind, size) for _ in range(3))
        row["fraction"] = row["gbytes"] / row["ceiling"]
    return row


def bench_whole(args, folder, s, d, heads):
    spec = os.path.join(ROOT, "test", "Variants", "softmax_naive.mlir")
    with open(spec) as file:
        text = file.read()
    rng = np.random.default_rng(0)
    tensors = {n: rng.standard_normal((1, heads, s, d), np.float32)
               for n in ("Q", "K", "V", "AV")}
    fields = [(n, ctypes.c_void_p) for n in tensors]
    row = {"s": s, "d": d, "heads": heads}
    for form, flags in (("fused", []),
                        ("unfused", ["--options=fuse=false"])):
        library = compile_spec(args, folder, f"{form}_{d}", text, "--set",
                               f"e={d}", "--set", f"f={d}", *flags)
        kernel = Kernel(os.path.join(args.build, "lib", "libattnrt.so"),
                        library, "softmax_naive", fields)
        call = one_thread()
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
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("-o", "--output", help="write all samples here")
    args = parser.parse_args()
    result = {"einsums": [], "whole": []}
    with tempfile.TemporaryDirectory() as folder:
        ceiling = Ceiling(folder)
        for d in (64, 128):
            for einsum in EINSUMS:
                row = bench_einsum(args, folder, ceiling, einsum, 4096, d)
                result["einsums"].append(row)
                rate = (f"{row['gflops']:7.1f} GFLOP/s" if "gflops" in row
                        else f"{row['gbytes']:7.2f} GB/s   ")
                print(f"{row['einsum']:3s} S 4096 D {d:3d}: {rate}, "
                      f"{row['fraction']:.2f} of {row['ceiling']:.1f}",
                      flush=True)
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
