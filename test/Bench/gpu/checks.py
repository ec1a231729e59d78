"""What must hold on a GPU beside speed: each check returns what to print and
whether it holds."""
import hashlib
import os
import random
import time

import torch
import torch.nn.functional as F

from attnc_torch import Kernel

DEVICE = "cuda:0"


def make(batch, heads, queries, keys, size, key_heads=None):
    normal = lambda h, n: torch.randn(batch, h, n, size, device=DEVICE,
                                      dtype=torch.bfloat16)
    q, k, v = normal(heads, queries), *(
        normal(key_heads or heads, keys) for _ in "kv")
    return q, k, v, torch.full_like(q, float("nan"))


def get_error(q, k, v, av):
    """The relative error, queries at the end of the keys; with no keys to see
    a row is 0."""
    group = q.shape[1] // k.shape[1]
    k, v = (x.double().repeat_interleave(group, 1) for x in (k, v))
    scores = q.double() @ k.mT / q.shape[-1] ** 0.5
    mask = torch.ones(scores.shape[-2:], device=DEVICE).tril(
        k.shape[-2] - q.shape[-2])
    exact = scores.masked_fill(mask == 0, -torch.inf).softmax(-1)
    exact = exact.nan_to_num() @ v
    return ((av.double() - exact).norm() / exact.norm().clamp(1e-30)).item()


def check_graph(runtime, folder):
    """Captured around the first call of all, so that loading is too, and
    replayed on other numbers: prefill, and decoding in parts."""
    worst = 0
    for spec, shape in (("causal", (2, 4, 1000, 1000, 128)),
                        ("causal_gqa", (1, 8, 1, 5000, 128, 2))):
        kernel = Kernel(runtime, os.path.join(
            folder, "bench", f"{spec}.128.so"), spec)
        q, k, v, av = make(*shape)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            kernel(q, k, v, av)
        for tensor in (q, k, v):
            tensor.normal_()
        graph.replay()
        torch.cuda.synchronize()
        worst = max(worst, get_error(q, k, v, av))
    return f"relative error {worst:.1e}", worst < 1e-2


def check_extents(runtime, folder):
    """One object at 50 random extents."""
    path = os.path.join(folder, "bench", "causal_gqa.128.so")
    kernel = Kernel(runtime, path, "causal_gqa")
    with open(path, "rb") as file:
        hash = hashlib.sha256(file.read()).hexdigest()
    draw, worst = random.Random(1), 0
    for _ in range(50):
        key_heads, group = draw.randint(1, 4), draw.randint(1, 8)
        queries = draw.choice([1, 1, 2, draw.randint(1, 33),
                               draw.randint(1, 1500)])
        keys = draw.randint(1, 20000 if queries < 40 else 5000)
        tensors = make(draw.randint(1, 3), key_heads * group, queries, keys,
                       128, key_heads)
        kernel(*tensors)
        worst = max(worst, get_error(*tensors))
    return f"object {hash}: relative error {worst:.1e}", worst < 1e-2


def check_loading(runtime, folder):
    """The first call of an object: loading its kernels, and running one."""
    path = os.path.join(folder, "bench", "softmax_naive.64.so")
    q, k, v, av = make(1, 1, 64, 64, 64)
    torch.cuda.synchronize()
    begin = time.perf_counter()
    Kernel(runtime, path, "softmax_naive")(q, k, v, av)
    torch.cuda.synchronize()
    seconds = time.perf_counter() - begin
    return f"{seconds * 1e3:.1f} ms", seconds < 1


def count_delayed(runtime, folder, name, keys, fault="delay"):
    """How many of 1000 runs of 1111 queries, with random delays before whatever
    roles tell each other (a fault of faulty_ptxas.py), have not the bits of the
    object without delays in the same tiles."""
    q, k, v, av = make(2, 40, 1111, keys, 128)
    Kernel(runtime, os.path.join(folder, "sanitize", f"{name}.prompt.so"),
           name)(q, k, v, av)
    expected = av.clone()
    run = Kernel(runtime,
                 os.path.join(folder, "sanitize", f"{name}.{fault}.so"),
                 name).prepare(q, k, v, av)
    different = 0
    for _ in range(1000):
        av.fill_(float("nan"))
        run()
        different += not torch.equal(av, expected)
    return different


def check_delays(runtime, folder):
    """A block has one task (causal, many keys), or several. Where a wait is
    left out, some runs must differ."""
    points = [("causal", 1500), ("causal", 3300), ("softmax_naive", 1500)]
    said, holds = [], True
    for name, keys in points:
        right, wrong = (count_delayed(runtime, folder, name, keys, fault)
                        for fault in ("delay", "early"))
        said.append(f"{name} of {keys} keys: {right}, {wrong} without a wait")
        holds &= right == 0 and wrong > 0
    return f"of 1000 runs differ: {'; '.join(said)}", holds


def check_order(runtime, folder):
    """What merges the parts of decoding begins while they end, and waits for
    them: with their states NaN before each of 1000 runs, the bits of the object
    without delays. Where it doesn't wait, some runs must differ."""
    q, k, v, av = make(1, 8, 1, 8192, 128)
    def run(fault):
        kernel = Kernel(runtime, os.path.join(
            folder, "sanitize", f"causal.{fault}.so"), "causal")
        return kernel, kernel.prepare(q, k, v, av)
    run("prompt")[1]()
    expected = av.clone()
    differ = []
    for fault in ("delay", "hasty"):
        kernel, call = run(fault)
        differ.append(0)
        for _ in range(1000):
            av.fill_(float("nan"))
            kernel.memory.fill_(255)
            call()
            differ[-1] += not torch.equal(av, expected)
    right, wrong = differ
    return (f"of 1000 runs differ: {right}, {wrong} without the wait",
            right == 0 and wrong > 0)


CHECKS = {"graph": check_graph, "extents": check_extents,
          "loading": check_loading, "delays": check_delays,
          "order": check_order}
