"""Compiles specs, and calls the objects on NumPy arrays.

An object is compiled once: it is kept under a name made of the compiler's own
bytes, the spec and the flags, and tests that run at the same time share it.
The arguments of a call are found in the descriptor that the object carries, and
tensors are passed as they are, with any strides and without a copy.
"""
import ctypes as c
import fcntl
import functools
import hashlib
import json
import os
import shutil
import subprocess

import numpy as np

VARIANTS = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "Variants")
DATA = os.path.join(os.path.dirname(VARIANTS), "Data", "minilm")

#===----------------------------------------------------------------------===#
# Compiling
#===----------------------------------------------------------------------===#


def spec(name):
    return os.path.join(VARIANTS, f"{name}.mlir")


def read(path, mode="rb"):
    with open(path, mode) as file:
        return file.read()


@functools.lru_cache(None)
def compiler():
    """attnc, and a folder for what this very attnc makes."""
    attnc = shutil.which("attnc")
    build = os.path.dirname(os.path.dirname(os.path.realpath(attnc)))
    folder = os.path.join(build, "test", "Integration", "Compiled")
    digest = hashlib.sha256(read(attnc)).hexdigest()[:16]
    os.makedirs(os.path.join(folder, digest), exist_ok=True)
    for old in os.listdir(folder):  # of compilers before
        if old != digest:
            shutil.rmtree(os.path.join(folder, old), ignore_errors=True)
    return attnc, os.path.join(folder, digest)


def compile(path, *flags, emit="so"):
    """The object that attnc makes of a spec, for all CPU levels unless a flag
    says otherwise."""
    attnc, folder = compiler()
    text = read(path)
    name = os.path.splitext(os.path.basename(path))[0]
    digest = hashlib.sha256(repr((text, flags)).encode()).hexdigest()[:16]
    object = os.path.join(folder, f"{name}-{digest}.{emit}")
    with open(object + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(object):
            part = object.replace(f".{emit}", f".part.{emit}")
            subprocess.run([attnc, path, f"--emit={emit}", "-o", part, *flags],
                           check=True)
            os.rename(part, object)
    return object


#===----------------------------------------------------------------------===#
# What an object carries (runtime/attnrt_program.h) and is called with
#===----------------------------------------------------------------------===#

def struct(name, fields):
    return type(name, (c.Structure,), {"_fields_": fields})


RankDesc = struct("RankDesc", [
    ("name", c.c_char_p), ("value", c.c_int64),
    ("operands", c.POINTER(c.c_uint32)), ("num_operands", c.c_uint32),
    ("kind", c.c_uint32)])
ArgDesc = struct("ArgDesc", [
    ("name", c.c_char_p), ("ranks", c.POINTER(c.c_uint32)),
    ("num_ranks", c.c_uint32), ("offset", c.c_uint32), ("slot", c.c_uint32),
    ("kind", c.c_uint8), ("code", c.c_uint8), ("bits", c.c_uint8),
    ("reserved", c.c_uint8)])
Variant = struct("Variant", [
    ("isa", c.c_char_p), ("features", c.c_uint64), ("workspace", c.c_void_p),
    ("host", c.c_void_p), ("gpu", c.c_void_p)])
Program = struct("Program", [
    ("abi_version", c.c_uint32), ("args_size", c.c_uint32),
    ("name", c.c_char_p), ("cascade_json", c.c_char_p),
    ("num_ranks", c.c_uint32), ("num_args", c.c_uint32),
    ("num_variants", c.c_uint32), ("frame_slots", c.c_uint32),
    ("ranks", c.POINTER(RankDesc)), ("args", c.POINTER(ArgDesc)),
    ("variants", c.POINTER(Variant))])
Call = struct("Call", [
    ("size", c.c_uint32), ("device_type", c.c_int32), ("device_id", c.c_int32),
    ("stream", c.c_void_p), ("workspace", c.c_void_p),
    ("workspace_bytes", c.c_size_t), ("executor", c.c_void_p),
    ("num_threads", c.c_int32), ("isa", c.c_char_p)])
Tensor = struct("Tensor", [
    ("data", c.c_void_p), ("device_type", c.c_int32), ("device_id", c.c_int32),
    ("ndim", c.c_int32), ("code", c.c_uint8), ("bits", c.c_uint8),
    ("lanes", c.c_uint16), ("shape", c.POINTER(c.c_int64)),
    ("strides", c.POINTER(c.c_int64)), ("byte_offset", c.c_uint64)])

INPUT, OUTPUT, SCALAR = range(3)
INT, UINT, FLOAT, BFLOAT = 0, 1, 2, 4
TYPES = {(FLOAT, 64): np.float64, (FLOAT, 32): np.float32,
         (FLOAT, 16): np.float16, (BFLOAT, 16): np.uint16,
         (INT, 64): np.int64, (INT, 32): np.int32, (INT, 8): np.int8,
         (UINT, 8): np.uint8}
SCALARS = {(FLOAT, 32): c.c_float, (FLOAT, 64): c.c_double,
           (INT, 32): c.c_int32, (INT, 64): c.c_int64}


class Error(Exception):
    """What a call returned."""


class Kernel:
    """A compiled cascade, with a context."""

    def __init__(self, path, name=None):
        self.path = path
        self.library = c.CDLL(path)
        self.name = name or os.path.basename(path).rsplit("-", 1)[0]
        self.program = Program.in_dll(self.library, f"{self.name}_program")
        self.function = getattr(self.library, self.name)
        self.workspaceFunction = getattr(self.library, f"{self.name}_workspace")
        self.function.restype = self.workspaceFunction.restype = c.c_void_p
        build = os.path.dirname(os.path.dirname(os.path.realpath(
            shutil.which("attnc"))))
        self.runtime = c.CDLL(os.path.join(build, "lib", "libattnrt.so"))
        self.runtime.attnrt_status_message.restype = c.c_char_p
        self.runtime.attnrt_context_create.restype = c.c_void_p
        self.runtime.attnrt_cpu_features.restype = c.c_uint64
        self.context = c.c_void_p()
        self.check(self.runtime.attnrt_context_create(c.byref(self.context)))
        self.args = [self.program.args[i]
                     for i in range(self.program.num_args)]
        features = self.runtime.attnrt_cpu_features(self.context)
        self.isas = [v.isa.decode() for v in
                     self.program.variants[:self.program.num_variants]
                     if v.features & features == v.features]

    def check(self, status):
        if status:
            status = c.c_void_p(status)
            message = self.runtime.attnrt_status_message(status).decode()
            self.runtime.attnrt_status_free(status)
            raise Error(message)

    def rankNames(self, arg):
        return [self.program.ranks[arg.ranks[i]].name.decode()
                for i in range(arg.num_ranks)]

    def pack(self, arguments):
        """The args struct, and what has to live as long as it."""
        memory = c.create_string_buffer(self.program.args_size)
        c.c_uint32.from_buffer(memory).value = self.program.args_size
        keep = []
        for arg in self.args:
            value = arguments.get(arg.name.decode())
            if value is None:
                continue
            if arg.kind == SCALAR:
                SCALARS[arg.code, arg.bits].from_buffer(
                    memory, arg.offset).value = value
                continue
            assert value.dtype == TYPES[arg.code, arg.bits], arg.name
            shape = (c.c_int64 * value.ndim)(*value.shape)
            strides = (c.c_int64 * value.ndim)(
                *[s // value.itemsize for s in value.strides])
            tensor = Tensor(value.ctypes.data, 1, 0, value.ndim, arg.code,
                            arg.bits, 1, shape, strides, 0)
            keep += [tensor, shape, strides]
            c.c_void_p.from_buffer(memory, arg.offset).value = c.addressof(
                tensor)
        return memory, keep

    def makeCall(self, isa=None, threads=0):
        return Call(size=c.sizeof(Call), num_threads=threads,
                    isa=isa.encode() if isa else None)

    def __call__(self, isa=None, threads=0, **arguments):
        memory, _keep = self.pack(arguments)
        call = self.makeCall(isa, threads)
        self.check(self.function(self.context, memory, c.byref(call)))

    def workspace(self, isa=None, threads=0, **arguments):
        memory, _keep = self.pack(arguments)
        call, size = self.makeCall(isa, threads), c.c_size_t()
        self.check(self.workspaceFunction(self.context, memory, c.byref(call),
                                          c.byref(size)))
        return size.value


def load(name, *flags):
    """A variant, compiled."""
    return Kernel(compile(spec(name), *flags), name)


#===----------------------------------------------------------------------===#
# Arrays
#===----------------------------------------------------------------------===#

def to_bf16(x):
    """Rounds to nearest even; the bits, as NumPy has no bf16."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7fff + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def from_bf16(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


def poisoned(shape, dtype=np.float32):
    """An output that nothing was written to."""
    array = np.empty(shape, dtype)
    array.view(np.uint8)[...] = 0xff  # NaN in every float type
    return array


def worst(actual, expected, bound):
    """The largest error as a fraction of the bound."""
    with np.errstate(invalid="ignore"):
        same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
        error = np.where(same, 0, abs(np.float64(actual) - expected) / bound)
    return np.nan_to_num(error, nan=np.inf).max(initial=0)
