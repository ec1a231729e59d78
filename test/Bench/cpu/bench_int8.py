#!/usr/bin/env python3
"""Scores of int8 queries and keys with block scales (int8_scores.mlir) on each
CPU level, beside bf16 (causal_gqa.mlir) and PyTorch in bf16.

Causal, D 128, one thread, all in one process in alternation, on N(0,1) tensors
of which the int8 side has quantised queries and keys (largest magnitude of a
block over 127). Beside the time stands the error to attention of the tensors
before any rounding, in float64: the root of the mean square, relative to that
of the result. Needs a Python that has torch.

    bench_int8.py -o samples.json
"""
import argparse
import ctypes
import os
import statistics
import tempfile

import torch

from harness import (ROOT, Call, Ceiling, compile_attnc, measure, pair_ratios,
                     prepare, write_json)

D = 128
INT8 = [(name, ctypes.c_void_p)
        for name in ("Q", "K", "V", "Qscale", "Kscale", "AV")]


def quantise(x, block):
    """int8 and the scale of each `block` rows."""
    rows = x.shape[2]
    padded = torch.nn.functional.pad(x, (0, 0, 0, -rows % block))
    scale = padded.unflatten(2, (-1, block)).abs().amax((3, 4)) / 127
    each = scale.repeat_interleave(block, 2)[:, :, :rows, None]
    return (x / each).round().to(torch.int8), scale


def make_call(isa):
    return ctypes.byref(Call(size=ctypes.sizeof(Call), num_threads=1, isa=isa))


def run_point(args, kernels, ceiling, s, heads):
    torch.manual_seed(s)
    q, k, v = (torch.randn(1, heads, s, D) for _ in range(3))
    expected = torch.nn.functional.scaled_dot_product_attention(
        q.double(), k.double(), v.double(), is_causal=True)
    (q8, q_scale), (k8, k_scale) = quantise(q, 128), quantise(k, 64)
    narrow = [x.bfloat16() for x in (q, k, v)]
    calls, outputs = {}, {}
    for isa in ("avx512", "avx512vnni", "amx"):
        out = outputs["int8 " + isa] = torch.empty_like(narrow[0])
        calls["int8 " + isa] = prepare(
            kernels["int8_scores"], make_call(isa.encode()), Q=q8, K=k8,
            V=narrow[2], Qscale=q_scale, Kscale=k_scale, AV=out)
    for isa in ("avx512", "amx"):
        out = outputs["bf16 " + isa] = torch.empty_like(narrow[0])
        calls["bf16 " + isa] = prepare(
            kernels["causal_gqa"], make_call(isa.encode()),
            **dict(zip("QKV", narrow)), AV=out)
    calls["torch"] = lambda: torch.nn.functional.scaled_dot_product_attention(
        *narrow, is_causal=True)
    samples, ceilings = measure(calls, 1, args.pairs, args.seconds,
                                lambda: ceiling.fma(1))
    outputs["torch"] = calls["torch"]()
    errors = {name: ((out.double() - expected).square().mean()
                     / expected.square().mean()).sqrt().item()
              for name, out in outputs.items()}
    print(f"S {s}, {heads} heads, {statistics.median(ceilings):.0f} GFLOP/s "
          "of multiply-adds beside:")
    for name, times in samples.items():
        print(f"  {name}: {statistics.median(times) * 1e3:.3g} ms, "
              "int8 avx512 takes "
              f"{statistics.median(pair_ratios(samples, 'int8 avx512', name)):.2f}"
              f" x its time, error {errors[name]:.2e}", flush=True)
    return {"d": D, "s": s, "heads": heads, "seconds": samples,
            "ceiling_gflops": ceilings, "errors": errors}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.05,
                        help="least time of one sample")
    parser.add_argument("-o", "--output", help="the JSON file")
    args = parser.parse_args()
    from attnc_ctypes import SOFTMAX, Kernel
    torch.set_num_threads(1)
    folder = tempfile.mkdtemp(prefix="attnc-bench-")
    ceiling = Ceiling(folder)
    kernels = {}
    for name, fields, options in (
            ("int8_scores", INT8, []),
            ("causal_gqa", SOFTMAX, ["--type", "f32=bf16"])):
        library = compile_attnc(
            args.build, folder, os.path.join(ROOT, f"test/Variants/{name}.mlir"),
            name, D, options)
        kernels[name] = Kernel(os.path.join(args.build, "lib", "libattnrt.so"),
                               library, name, fields)
    result = {"machine": ceiling.describe([1]), "points": []}
    with torch.inference_mode():
        for s, heads in ((1024, 8), (4096, 4)):
            result["points"].append(
                run_point(args, kernels, ceiling, s, heads))
    if args.output:
        write_json(args.output, result)


if __name__ == "__main__":
    main()
