"""Calls a compiled causal_gqa on PyTorch's CUDA tensors: in its stream, from a
captured graph, and timed beside scaled_dot_product_attention.

  gpu_torch.py FOLDER

FOLDER is that of gpu.py. Times are medians of CUDA events, with the L2 cache
flushed before each call, interleaved.
"""
import ctypes as c
import os
import statistics
import sys

import torch


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
    def __init__(self, folder):
        self.runtime = c.CDLL(os.path.join(folder, "libattnrt.so.0"),
                              mode=c.RTLD_GLOBAL)
        self.runtime.attnrt_status_message.restype = c.c_char_p
        self.runtime.attnrt_status_message.argtypes = [c.c_void_p]
        self.entry = c.CDLL(
            os.path.join(folder, "causal_gqa.bf16.so")).causal_gqa
        self.entry.restype = c.c_void_p
        self.context = c.c_void_p()
        self.check(self.runtime.attnrt_context_create(c.byref(self.context)))

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
        self.check(self.entry(self.context, c.byref(args), c.byref(call)))


def make(b, k, g, p, m):
    options = dict(device="cuda:0", dtype=torch.bfloat16)
    return [torch.randn(b, k * g, p, 128, **options),
            torch.randn(b, k, m, 128, **options),
            torch.randn(b, k, m, 128, **options),
            torch.full((b, k * g, p, 128), float("nan"), **options)]


def reference(q, k, v):
    return torch.nn.functional.scaled_dot_product_attention(
        q, k, v, is_causal=True, enable_gqa=True)


def error(result, q, k, v):
    exact = reference(q.double(), k.double(), v.double())
    return ((result.double() - exact).norm() / exact.norm()).item()


def time(functions, rounds=20):
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


def main(folder):
    kernel = Kernel(folder)
    q, k, v, av = make(2, 2, 2, 1000, 1000)
    graph = torch.cuda.CUDAGraph()
    # The first call of all, so that loading is captured around as well.
    with torch.cuda.graph(graph):
        kernel(q, k, v, av)
    for tensor in (q, k, v):
        tensor.normal_()
    graph.replay()
    torch.cuda.synchronize()
    relative = error(av, q, k, v)
    print(f"graph: relative error {relative:.2e}")
    failed = not relative < 1e-2
    for p in [1024, 4096]:
        q, k, v, av = make(1, 8, 2, p, p)
        mine, theirs = time([lambda: kernel(q, k, v, av),
                             lambda: reference(q, k, v)])
        flops = 2 * 16 * p * p * 128  # half of the points
        relative = error(av, q, k, v)
        print(f"p = m = {p}: {mine:.3f} ms, {flops / mine / 1e9:.1f} TFLOP/s; "
              f"PyTorch {theirs:.3f} ms, {flops / theirs / 1e9:.1f} TFLOP/s; "
              f"relative error {relative:.2e}")
        failed |= not relative < 1e-2
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
