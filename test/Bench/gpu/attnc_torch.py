"""Compiled attention on PyTorch's CUDA tensors, in PyTorch's stream."""
import ctypes as c
import os

import torch

# DLDataTypeCode and bits.
TYPES = {torch.bfloat16: (4, 16), torch.float16: (2, 16),
         torch.float32: (2, 32), torch.int32: (0, 32)}
CUDA = 2


class Tensor(c.Structure):
    """DLTensor."""
    _fields_ = [("data", c.c_void_p), ("device_type", c.c_int32),
                ("device_id", c.c_int32), ("ndim", c.c_int32),
                ("code", c.c_uint8), ("bits", c.c_uint8),
                ("lanes", c.c_uint16), ("shape", c.POINTER(c.c_int64)),
                ("strides", c.POINTER(c.c_int64)),
                ("byte_offset", c.c_uint64)]


class Call(c.Structure):
    """attnrt_call."""
    _fields_ = [("size", c.c_uint32), ("device_type", c.c_int32),
                ("device_id", c.c_int32), ("stream", c.c_void_p),
                ("workspace", c.c_void_p), ("workspace_bytes", c.c_size_t),
                ("executor", c.c_void_p), ("num_threads", c.c_int32),
                ("isa", c.c_char_p)]


class Runtime:
    """libattnrt and a context that all kernels share."""

    def __init__(self, folder):
        self.library = c.CDLL(os.path.join(folder, "libattnrt.so.0"),
                              mode=c.RTLD_GLOBAL)
        self.library.attnrt_status_message.restype = c.c_char_p
        self.library.attnrt_status_message.argtypes = [c.c_void_p]
        self.library.attnrt_context_create.restype = c.c_void_p
        self.context = c.c_void_p()
        self.check(self.library.attnrt_context_create(c.byref(self.context)))

    def check(self, status):
        if status:
            raise RuntimeError(
                self.library.attnrt_status_message(status).decode())


def describe(tensor):
    numbers = c.c_int64 * tensor.dim()
    return Tensor(tensor.data_ptr(), CUDA, tensor.device.index, tensor.dim(),
                  *TYPES[tensor.dtype], 1, numbers(*tensor.shape),
                  numbers(*tensor.stride()), 0)


class Kernel:
    """The function `name` of an object. A call takes tensors, or ints for i32
    scalars, in the order of its arguments; its workspace is kept."""

    def __init__(self, runtime, path, name):
        self.runtime = runtime
        compiled = c.CDLL(path)
        self.entry = getattr(compiled, name)
        self.workspace = getattr(compiled, name + "_workspace")
        for function in (self.entry, self.workspace):
            function.restype = c.c_void_p
        self.memory = None

    def prepare(self, *arguments):
        """A call whose arguments are made once, as in C: a function of the
        stream."""
        headers = [a if isinstance(a, int) else c.pointer(describe(a))
                   for a in arguments]
        fields = [(f"a{i}", c.c_int32 if isinstance(h, int)
                   else c.POINTER(Tensor)) for i, h in enumerate(headers)]
        Args = type("Args", (c.Structure,),
                    {"_fields_": [("size", c.c_uint32)] + fields})
        args = Args(c.sizeof(Args), *headers)
        call = Call(c.sizeof(Call), CUDA, 0)
        needed = c.c_size_t()
        check, context = self.runtime.check, self.runtime.context
        check(self.workspace(context, c.byref(args), c.byref(call),
                             c.byref(needed)))
        if self.memory is None or self.memory.numel() < needed.value:
            self.memory = torch.empty(needed.value, dtype=torch.uint8,
                                      device="cuda:0")
        memory = self.memory

        def run():
            call.stream = torch.cuda.current_stream().cuda_stream
            call.workspace = memory.data_ptr()
            call.workspace_bytes = memory.numel()
            check(self.entry(context, c.byref(args), c.byref(call)))
        run.keeps = arguments, args
        return run

    def __call__(self, *arguments):
        self.prepare(*arguments)()
