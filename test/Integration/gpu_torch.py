"""Calls compiled attention on PyTorch's CUDA tensors: in its stream, from a
captured graph, and timed beside scaled_dot_product_attention.

  gpu_torch.py FOLDER [LENGTH...]

FOLDER/bench has causal.D.so and softmax_naive.D.so in bf16 for head sizes D
(`make_gpu_objects.sh`). Times are medians of CUDA events, with the L2 cache
flushed before each call, interleaved; FLOPs are those of the two contractions,
half of them where it is causal. Peers are PyTorch's backends for cuDNN and for
FlashAttention.
"""
import ctypes as c
import os
import statistics
import sys

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel


class Tensor(c.Structure):
    _fields_ = [("data", c.c_void_p), ("device_type", c.c_int32),
                ("device_id", c.c_int32), ("ndim", c.c_int32),
                ("code", c.c_uint8), ("bits", c.c_uint8),
                ("lanes", c.c_uint16), ("shape", c.POINTER(c.c_int64)),
                ("strides", c.POINTER(c.c_int64)),
                ("byte_offset", c.c_uint64)]


class Call(c.Structure):
    _fields_ = [("size", c.c_uint32), ("device_type", c.c_int32),
                ("device_id", c.c_int32), ("stream", c.c_void_p),
                ("workspace", c.c_void_p), ("workspace_bytes", c.c_size_t),
                ("executor", c.c_void_p), ("num_threads", c.c_int32),
                ("isa", c.c_char_p)]


class Args(c.Structure):
    _fields_ = [("size", c.c_uint32)] + [
        (name, c.POINTER(Tensor)) for name in ["Q", "K", "V", "AV"]]


class Kernel:
    """One object's function, for calls of one size; all share a context."""
    runtime = context = None

    def __init__(self, folder, name, size):
        if not Kernel.runtime:
            Kernel.runtime = c.CDLL(os.path.join(folder, "libattnrt.so.0"),
                                    mode=c.RTLD_GLOBAL)
            self.runtime.attnrt_status_message.restype = c.c_char_p
            self.runtime.attnrt_status_message.argtypes = [c.c_void_p]
            Kernel.context = c.c_void_p()
            self.check(self.runtime.attnrt_context_create(
                c.byref(self.context)))
        compiled = c.CDLL(os.path.join(folder, "bench", f"{name}.{size}.so"))
        self.entry = getattr(compiled, name)
        self.workspace = getattr(compiled, name + "_workspace")
        for function in (self.entry, self.workspace):
            function.restype = c.c_void_p
        self.memory = None

    def check(self, status):
        if status:
            raise RuntimeError(
                self.runtime.attnrt_status_message(status).decode())

    def header(self, tensor):
        numbers = c.c_int64 * tensor.dim()
        return Tensor(tensor.data_ptr(), 2, tensor.device.index, tensor.dim(),
                      4, 16, 1, numbers(*tensor.shape),
                      numbers(*tensor.stride()), 0)

    def __call__(self, *tensors):
        headers = [self.header(tensor) for tensor in tensors]
        args = Args(c.sizeof(Args), *[c.pointer(h) for h in headers])
        stream = torch.cuda.current_stream().cuda_stream
        call = Call(c.sizeof(Call), 2, 0, stream)
        if self.memory is None:
            needed = c.c_size_t()
            self.check(self.workspace(self.context, c.byref(args),
                                      c.byref(call), c.byref(needed)))
            self.memory = torch.empty(needed.value, dtype=torch.uint8,
                                      device="cuda:0")
        call.workspace = self.memory.data_ptr()
        call.workspace_bytes = self.memory.numel()
        self.check(self.entry(self.context, c.byref(args), c.byref(call)))


def make(batch, heads, queries, keys, size):
    options = dict(device="cuda:0", dtype=torch.bfloat16)
    shapes = [(batch, heads, n, size) for n in [queries, keys, keys]]
    return [torch.randn(*shape, **options) for shape in shapes] + [
        torch.full(shapes[0], float("nan"), **options)]


def reference(q, k, v, causal):
    return torch.nn.functional.scaled_dot_product_attention(
        q, k, v, is_causal=causal)


def error(result, q, k, v, causal):
    """Of the last rows of the first head, which see all keys."""
    rows = slice(-256, None)
    q, k, v = q[:1, :1, rows].double(), k[:1, :1].double(), v[:1, :1].double()
    scores = q @ k.mT / q.shape[-1] ** 0.5
    if causal:
        mask = torch.ones(scores.shape[-2:], device=q.device).tril(
            k.shape[-2] - q.shape[-2])
        scores = scores.masked_fill(mask == 0, float("-inf"))
    exact = scores.softmax(-1) @ v
    return ((result[:1, :1, rows].double() - exact).norm() /
            exact.norm()).item()


def time(functions, rounds=15):
    flush = torch.empty(256 << 20, dtype=torch.uint8, device="cuda:0")
    times = [[] for _ in functions]
    for i in range(rounds + 3):
        for function, list in zip(functions, times):
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in "be")
            flush.zero_()
            begin.record()
            function()
            end.record()
            torch.cuda.synchronize()
            if i >= 3:
                list.append(begin.elapsed_time(end))
    return [statistics.median(list) for list in times]


def check_graph(folder):
    kernel = Kernel(folder, "causal", 128)
    q, k, v, av = make(2, 4, 1000, 1000, 128)
    graph = torch.cuda.CUDAGraph()
    # The first call of all, so that loading is captured around as well.
    with torch.cuda.graph(graph):
        kernel(q, k, v, av)
    for tensor in (q, k, v):
        tensor.normal_()
    graph.replay()
    torch.cuda.synchronize()
    relative = error(av, q, k, v, True)
    print(f"graph: relative error {relative:.2e}")
    return not relative < 1e-2


def compare(folder, name, size, batch, heads, queries, keys):
    kernel, causal = Kernel(folder, name, size), name == "causal"
    q, k, v, av = make(batch, heads, queries, keys, size)

    def backend(kind):
        def call():
            with sdpa_kernel(kind):
                # A single query at the end sees all keys.
                reference(q, k, v, causal and queries > 1)
        return call

    milliseconds = time([lambda: kernel(q, k, v, av),
                         backend(SDPBackend.CUDNN_ATTENTION),
                         backend(SDPBackend.FLASH_ATTENTION)])
    flops = 4 * batch * heads * queries * keys * size
    if causal and queries > 1:
        flops /= 2
    relative = error(av, q, k, v, causal)
    mine, cudnn, flash = milliseconds
    print(f"| {size} | {'causal' if causal else 'full'} | {batch} x {heads} | "
          f"{queries} | {keys} | " + " | ".join(
              f"{ms:.3f} ms, {flops / ms / 1e9:.0f}" for ms in milliseconds) +
          f" | {cudnn / mine:.2f} | {flash / mine:.2f} | {relative:.1e} |",
          flush=True)
    return not relative < 1e-2


def main(folder, *lengths):
    failed = check_graph(folder)
    print("| D | | batch x heads | queries | keys | attnc, TFLOP/s | cuDNN | "
          "FlashAttention | of cuDNN | of FlashAttention | relative error |")
    print("|" + "---|" * 11)
    for size in [64, 128]:
        for name in ["softmax_naive", "causal"]:
            for n in map(int, lengths or [1024, 2048, 4096, 8192, 16384]):
                failed |= compare(folder, name, size, 16384 // n, 2048 // size,
                                  n, n)
    for batch in [1, 32]:
        failed |= compare(folder, "causal", 128, batch, 16, 1, 8192)
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
