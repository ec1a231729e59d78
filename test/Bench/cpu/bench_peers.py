#!/usr/bin/env python3
"""attnc against PyTorch, FlexAttention and OpenVINO on the CPU: bf16 prefill,
and decoding in f32 and bf16.

All run in this process on the same N(0,1) tensors, in alternation, with the
ceiling beside: products on AMX of the shape of a tile for prefill, one read of
the keys and values for decoding. Every point is added to the JSON file when it
is done, and one that is there is not measured again, so a run may be cut.
docs/bench.md says how to read it. Needs a Python that has torch; what else is
missing is left out.

    bench_peers.py --threads=1 -o samples.json     measures what is missing
    bench_peers.py --threads=1 --prepare           fills FlexAttention's cache
    bench_peers.py --table samples.json            prints what a file has
"""
import argparse
import ctypes
import itertools
import json
import os
import statistics
import sys
import tempfile
import time

from harness import (ROOT, Call, Ceiling, compile_attnc, geomean,
                     geomean_interval, interval, measure, pair_ratios, prepare,
                     write_json)

PEERS = ("torch", "flex", "openvino")
# What names a point.
KEYS = ("kind", "type", "d", "heads", "group", "p", "m", "causal", "threads")
# Keys and values of a tile of attnc's, for the ceiling.
TILE = 256


def list_points(threads):
    """Prefill with few heads where a call is long; decoding with caches of 34
    to 537 MB: many heads, few heads, one that is split, and heads that share
    keys."""
    for d, (s, heads), causal in itertools.product(
            (64, 128), ((1024, 8), (4096, 4), (16384, 2)), (False, True)):
        yield dict(kind="prefill", type="bf16", d=d, heads=heads, group=1, p=s,
                   m=s, causal=causal, threads=threads)
    caches = ((128, 32, 1, 8192), (128, 8, 1, 32768), (128, 1, 1, 131072),
              (128, 8, 4, 32768), (64, 8, 1, 32768))
    for dtype, (d, heads, group, m), p in itertools.product(
            ("f32", "bf16"), caches, (1, 8)):
        if group == 1 or p == 1:
            yield dict(kind="decode", type=dtype, d=d, heads=heads,
                       group=group, p=p, m=m, causal=False, threads=threads)


def get_key(point):
    return tuple(point[key] for key in KEYS)


class Sides:
    """Makes each side's call of a point."""

    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.kernels = {}

    def get_kernel(self, spec, dtype, d):
        from attnc_ctypes import SOFTMAX, Kernel
        if (spec, dtype, d) not in self.kernels:
            name = os.path.splitext(os.path.basename(spec))[0]
            folder = tempfile.mkdtemp(dir=self.folder)
            self.kernels[spec, dtype, d] = Kernel(
                os.path.join(self.args.build, "lib", "libattnrt.so"),
                compile_attnc(self.args.build, folder, spec, name, d,
                              ["--type", "f32=bf16"] if dtype == "bf16"
                              else []),
                name, SOFTMAX)
        return self.kernels[spec, dtype, d]

    def make_attnc(self, point, tensors, spec):
        call = ctypes.byref(Call(size=ctypes.sizeof(Call),
                                 num_threads=point["threads"]))
        kernel = self.get_kernel(os.path.join(ROOT, spec), point["type"],
                                 point["d"])
        out = torch.empty_like(tensors["Q"])
        return prepare(kernel, call, **tensors, AV=out), out

    def make_torch(self, point, tensors):
        options = {"enable_gqa": True} if point["group"] > 1 else {}
        return lambda: torch.nn.functional.scaled_dot_product_attention(
            *tensors.values(), is_causal=point["causal"], **options)

    def make_flex(self, point, tensors):
        from torch.nn.attention import flex_attention as module
        torch._dynamo.reset()
        attend = torch.compile(module.flex_attention, dynamic=False)
        mask = module.create_block_mask(
            lambda b, h, i, j: i >= j, None, None, point["p"], point["m"],
            device="cpu") if point["causal"] else None
        gqa = point["group"] > 1
        return lambda: attend(*tensors.values(), block_mask=mask,
                              enable_gqa=gqa)

    def make_openvino(self, point, tensors):
        import openvino
        from openvino import opset13
        if point["group"] > 1:
            return None  # its operation wants as many heads of keys
        element = {"f32": openvino.Type.f32,
                   "bf16": openvino.Type.bf16}[point["type"]]
        inputs = [opset13.parameter(list(t.shape), element)
                  for t in tensors.values()]
        model = openvino.Model([opset13.scaled_dot_product_attention(
            *inputs, causal=point["causal"])], inputs)
        request = openvino.Core().compile_model(model, "CPU", {
            "INFERENCE_NUM_THREADS": point["threads"], "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": element,
            "ENABLE_CPU_PINNING": False}).create_infer_request()
        for i, t in enumerate(tensors.values()):
            request.set_input_tensor(
                i, openvino.Tensor(t.numpy(), shared_memory=True)
                if point["type"] == "f32" else openvino.Tensor(
                    t.view(torch.int16).numpy(), list(t.shape), element))

        def run():
            request.start_async()
            request.wait()
        return run

    def make_peers(self, point, tensors):
        for name in self.args.peers:
            try:
                side = getattr(self, "make_" + name)(point, tensors)
            except ImportError as error:
                print(f"{name} is left out: {error}", flush=True)
                self.args.peers.remove(name)
                continue
            if side:
                yield name, side


def get_flop(point):
    p, m = point["p"], point["m"]
    scores = p * (p + 1) // 2 if point["causal"] else p * m
    return 4 * point["heads"] * point["group"] * scores * point["d"]


def run_point(args, sides, ceiling, point):
    torch.manual_seed(point["m"] + point["d"])
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[point["type"]]
    heads, d = point["heads"], point["d"]
    make = lambda h, s: torch.randn(1, h, s, d).to(dtype)
    tensors = {"Q": make(heads * point["group"], point["p"]),
               "K": make(heads, point["m"]), "V": make(heads, point["m"])}
    calls = {}
    if not args.prepare:
        spec = "softmax_naive" if point["group"] == 1 and not point["causal"] \
            else "causal_gqa"
        calls["attnc"], out = sides.make_attnc(
            point, tensors, f"test/Variants/{spec}.mlir")
    calls.update(sides.make_peers(point, tensors))
    if args.prepare:
        calls["flex"]()
        return None
    threads = point["threads"]
    if point["kind"] == "prefill":
        if not point["causal"]:
            calls["products"], _ = sides.make_attnc(
                point, tensors, "test/Bench/cpu/Inputs/products.mlir")
        # Scores, then values; as much work in either.
        shapes = (TILE, TILE, d), (d, TILE, TILE)
        get_ceiling = lambda: 2 / sum(1 / ceiling.amx(threads, s)
                                      for s in shapes)
    else:
        caches = tensors["K"], tensors["V"]
        get_ceiling = lambda: ceiling.read_tensors(threads, caches)
    samples, ceilings = measure(calls, threads, args.pairs, args.seconds,
                                get_ceiling)
    error = (out.float() - sides.make_torch(point, tensors)().float()).abs()
    return {**point, "flop": get_flop(point),
            "bytes": sum(t.numel() * t.element_size()
                         for t in tensors.values()),
            "seconds": samples, "error": error.max().item(),
            ("ceiling_gflops" if point["kind"] == "prefill"
             else "ceiling_seconds"): ceilings}


#===----------------------------------------------------------------------===#
# What a file has
#===----------------------------------------------------------------------===#


def get_ratios(point):
    """The pairs with the fastest peer, and its name."""
    pairs = {name: pair_ratios(point["seconds"], name)
             for name in PEERS if name in point["seconds"]}
    best = min(pairs, key=lambda name: statistics.median(pairs[name]))
    return best, pairs[best]


def get_fractions(point, side="attnc"):
    """A side against the ceiling of each round."""
    times = point["seconds"][side]
    if point["kind"] == "prefill":
        return [point["flop"] / t * 1e-9 / c
                for t, c in zip(times, point["ceiling_gflops"])]
    return [c / t for t, c in zip(times, point["ceiling_seconds"])]


def format_point(point):
    """The ratio, its interval and the peer; milliseconds; of the ceiling; of
    the products alone, and what those are of the ceiling."""
    median = statistics.median
    best, ratios = get_ratios(point)
    low, high = interval(ratios)
    cell = (f"{median(ratios):.2f} ({low:.2f}-{high:.2f}) {best}; "
            f"{median(point['seconds']['attnc']) * 1e3:.3g} ms; "
            f"{median(get_fractions(point)):.2f}")
    if "products" in point["seconds"]:
        products = median(pair_ratios(point["seconds"], "products"))
        alone = median(get_fractions(point, "products"))
        cell += f"; {products:.2f} of {alone:.2f}"
    return cell


def print_table(points):
    rows = {}
    for point in sorted(points, key=get_key):
        row = {**point, "threads": 0}
        rows.setdefault(get_key(row), {})[point["threads"]] = point
    counts = sorted({point["threads"] for point in points})
    print("| type | D | heads | queries | keys | |" + "".join(
        f" {t} thread{'s' * (t > 1)} |" for t in counts))
    print("|" + "---|" * (6 + len(counts)))
    for row in rows.values():
        point = next(iter(row.values()))
        heads = point["heads"] if point["group"] == 1 else \
            f"{point['heads']} x {point['group']}"
        cells = [format_point(row[t]) if t in row else "" for t in counts]
        print(f"| {point['type']} | {point['d']} | {heads} | {point['p']} | "
              f"{point['m']} | {'causal' if point['causal'] else 'full'} | "
              f"{' | '.join(cells)} |")


def summarize(points):
    groups = {}
    for point in points:
        if point["kind"] == "prefill":
            groups.setdefault(("prefill", point["type"],
                               f"{point['threads']} thr"), []).append(point)
        else:
            groups.setdefault(
                ("decode", point["type"], "g" + str(point["group"]),
                 "p" + str(point["p"]), f"{point['threads']} thr"),
                []).append(point)
    for name, group in sorted(groups.items()):
        ratios = {get_key(point): get_ratios(point)[1] for point in group}
        medians = {key: statistics.median(r) for key, r in ratios.items()}
        low, high = geomean_interval(list(ratios.values()))
        worst = min(medians, key=medians.get)
        fractions = [statistics.median(get_fractions(p)) for p in group]
        print(f"{' '.join(name)}: {geomean(list(medians.values())):.2f} x the "
              f"fastest peer ({low:.2f} to {high:.2f}), {len(group)} points; "
              f"worst {medians[worst]:.2f} x at {dict(zip(KEYS, worst))}; of "
              f"the ceiling {geomean(fractions):.2f} "
              f"({min(fractions):.2f} to {max(fractions):.2f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--threads", type=int, default=1,
                        help="FlexAttention bakes it into its code")
    parser.add_argument("--kind", choices=("prefill", "decode"))
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.03,
                        help="least time of one sample")
    parser.add_argument("--until", type=float, default=float("inf"),
                        help="begin no point after so many seconds")
    parser.add_argument("--prepare", action="store_true",
                        help="only compile FlexAttention, which takes longer")
    parser.add_argument("--table", metavar="FILE")
    parser.add_argument("-o", "--output", help="the JSON file")
    args = parser.parse_args()
    if args.table:
        with open(args.table) as file:
            points = json.load(file)["points"]
        print_table(points)
        return summarize(points)

    args.peers = args.peers.split(",")
    if args.prepare:
        args.peers = ["flex"]
    result = {"machines": {}, "points": []}
    if args.output and os.path.exists(args.output):
        with open(args.output) as file:
            result = json.load(file)
    done = {get_key(point) for point in result["points"]}
    todo = [point for point in list_points(args.threads)
            if get_key(point) not in done and args.kind in (None,
                                                            point["kind"])]
    # Compiled code has the number of threads.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", os.path.join(
        tempfile.gettempdir(), f"attnc-bench-inductor-{args.threads}"))
    global torch
    import torch
    torch.set_num_threads(args.threads)
    folder = tempfile.mkdtemp(prefix="attnc-bench-")
    ceiling = Ceiling(folder)
    if not args.prepare:
        result["machines"][str(args.threads)] = ceiling.describe([args.threads])
    sides = Sides(args, folder)
    begin = time.perf_counter()
    with torch.inference_mode():
        for point in todo:
            if time.perf_counter() - begin > args.until:
                break
            sample = run_point(args, sides, ceiling, point)
            if not sample:
                print(point, flush=True)
                continue
            best, ratios = get_ratios(sample)
            print(f"{dict(zip(KEYS, get_key(point)))}: "
                  f"{statistics.median(ratios):.2f} x {best}, "
                  f"{statistics.median(get_fractions(sample)):.2f} of the "
                  f"ceiling, error {sample['error']:.1e}", flush=True)
            result["points"].append(sample)
            if args.output:
                write_json(args.output, result)
    print(f"{len(result['points'])} points", flush=True)
    if not args.prepare and result["points"]:
        summarize(result["points"])


if __name__ == "__main__":
    sys.exit(main())
