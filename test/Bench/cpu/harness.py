"""What the benchmarks of attention on the CPU share: ceilings, compilation,
alternated samples and their statistics."""
import ctypes
import json
import math
import os
import platform
import random
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.abspath(__file__))
for _ in range(3):
    ROOT = os.path.dirname(ROOT)
sys.path.insert(0, os.path.join(ROOT, "examples"))

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
        for name in ("fma", "read", "sweep", "amx", "stream"):
            getattr(self.library, "ceiling_" + name).restype = ctypes.c_double

    def fma(self, threads, seconds=0.02, bits=None):
        call = lambda b: self.library.ceiling_fma(
            b, threads, ctypes.c_double(seconds))
        return call(bits) if bits else (call(512) or call(256))

    def amx(self, threads, shape, seconds=0.02):
        """GFLOP/s of a bf16 product of this m, n, k; 0 without AMX."""
        return self.library.ceiling_amx(threads, ctypes.c_double(seconds),
                                        *map(ctypes.c_long, shape))

    def bandwidth(self, kind, threads, seconds=0.5, size=1 << 30):
        return getattr(self.library, "ceiling_" + kind)(
            threads, ctypes.c_double(seconds), ctypes.c_size_t(size))

    def stream(self, threads, count, read, written=None):
        """Seconds to read `count` f32 at one address and to write as many at
        another, if there is one."""
        return self.library.ceiling_stream(
            ctypes.c_void_p(read), ctypes.c_void_p(written),
            ctypes.c_size_t(count), threads)

    def read_tensors(self, threads, tensors):
        """Seconds to read torch tensors once."""
        return sum(self.stream(threads, t.numel() * t.element_size() // 4,
                               t.data_ptr()) for t in tensors)

    def describe(self, thread_counts):
        """The machine, and its ceilings for each number of threads."""
        import torch
        return {
            "cpu": next((line.split(":")[1].strip()
                         for line in open("/proc/cpuinfo")
                         if line.startswith("model name")),
                        platform.machine()),
            "cores": os.cpu_count(), "torch": torch.__version__,
            "torch_cpu_capability": torch.backends.cpu.get_cpu_capability(),
            "ceilings": {str(t): {
                "fma512_gflops": self.fma(t, 0.2, 512),
                "fma256_gflops": self.fma(t, 0.2, 256),
                "read_gbs": self.bandwidth("read", t),
                "sweep_gbs": self.bandwidth("sweep", t),
            } for t in thread_counts},
        }


def compile_attnc(build, folder, spec, name, d, options=()):
    """One shared object for each head size; it serves every length."""
    library = os.path.join(folder, f"{name}_{d}.so")
    begin = time.perf_counter()
    subprocess.check_call([
        os.path.join(build, "bin", "attnc"), spec, "--emit=so", "--set",
        f"e={d}", "--set", f"f={d}", *options, "-o", library])
    print(f"compiled {name} for D {d} in "
          f"{time.perf_counter() - begin:.2f} s", flush=True)
    return library


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


def measure(sides, threads, pairs, seconds, measure_ceiling):
    """Alternated samples: each round runs every side, first one then the
    other way round, and the ceiling after them."""
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
        if threads > 1:
            time.sleep(SETTLE_SECONDS)
        ceilings.append(measure_ceiling())
        order.reverse()
    return samples, ceilings


def geomean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def pair_ratios(samples, peer, ours="attnc"):
    """Of each round: the peer's time over ours."""
    return [p / a for p, a in zip(samples[peer], samples[ours])]


def interval(values):
    """The values below which 10 % and 90 % lie."""
    values = sorted(values)
    at = lambda share: values[round(share * (len(values) - 1))]
    return at(0.1), at(0.9)


def geomean_interval(ratios, draws=1000):
    """Of the geometric mean of medians: `ratios` has each point's pairs, drawn
    anew with replacement."""
    generator = random.Random(1)
    return interval([
        geomean([statistics.median(generator.choices(pairs, k=len(pairs)))
                 for pairs in ratios]) for _ in range(draws)])


def write_json(path, value):
    """Replaces a file whole, so that a cut run leaves the one before."""
    with open(path + ".tmp", "w") as file:
        json.dump(value, file, indent=None, separators=(",", ":"))
        file.write("\n")
    os.replace(path + ".tmp", path)
