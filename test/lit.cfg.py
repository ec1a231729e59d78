# How lit runs the tests in this folder. A test that needs something that a
# machine may lack says so (`REQUIRES: numpy`); it is then reported as
# unsupported, with the name of what is missing.
import os
import platform
import shutil
import subprocess
import sys

import lit.formats

config.name = "attnc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
# Specs and inputs that tests read; they are no tests themselves.
config.excludes = ["Variants", "Data", "Inputs", "Runtime", "Package"]
config.test_source_root = os.path.join(config.source_root, "test")
config.test_exec_root = os.path.join(config.build_root, "test")

tools = os.path.join(config.build_root, "bin")
# Memory is no zeros when it comes: what a kernel reads must have been written.
config.environment["MALLOC_PERTURB_"] = "1"
config.environment["PATH"] = os.pathsep.join(
    [tools, config.llvm_tools, os.environ.get("PATH", "")])
for name in ["HOME", "OMP_NUM_THREADS", "LD_LIBRARY_PATH", "CCACHE_DIR"]:
    if name in os.environ:
        config.environment[name] = os.environ[name]

if config.sanitized:
    # LLVM's shared library is not instrumented, so what one side poisons in a
    # common allocator the other doesn't unpoison; and it frees little at exit.
    config.environment["ASAN_OPTIONS"] = \
        "allow_user_poisoning=0:detect_leaks=0:detect_container_overflow=0"
    config.environment["UBSAN_OPTIONS"] = "halt_on_error=1:print_stacktrace=1"


def has_module(python, module):
    """Asks that a Python can import a module, without the cost of doing so."""
    code = ("import importlib.util, sys; "
            f"sys.exit(importlib.util.find_spec({module!r}) is None)")
    try:
        return subprocess.run([python, "-c", code],
                              stdin=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def find_python(module, candidates):
    """The first Python that has a module, or None."""
    for candidate in candidates:
        python = shutil.which(candidate) if candidate else None
        if python and has_module(python, module):
            return python
    return None


def read_cpu_flags():
    try:
        with open("/proc/cpuinfo") as info:
            for line in info:
                if line.startswith("flags"):
                    return set(line.split(":", 1)[1].split())
    except OSError:
        pass
    return set()


with_numpy = find_python("numpy", [sys.executable, "python3",
                                   "/usr/bin/python3"])
with_torch = find_python("torch", [os.environ.get("TORCH_PYTHON"),
                                   "python3", "/usr/bin/python3"])
chromium = shutil.which("chromium") or shutil.which("google-chrome")
flags = read_cpu_flags()
# CUDA's assembler; attnc finds it by CUDA_HOME.
for folder in [os.environ.get("CUDA_HOME"), "/usr/local/cuda"]:
    if folder and os.access(os.path.join(folder, "bin", "ptxas"), os.X_OK):
        config.environment["CUDA_HOME"] = folder
        break
features = {
    "numpy": with_numpy is not None,
    "torch": with_torch is not None,
    "tmux": shutil.which("tmux") is not None,
    "chromium": chromium is not None,
    "git": shutil.which("git") is not None,
    "cc": shutil.which("cc") is not None,
    "linux": platform.system() == "Linux",
    "ptxas": "CUDA_HOME" in config.environment or
             shutil.which("ptxas") is not None,
    "avx2": {"avx2", "fma", "f16c"} <= flags,
    "avx512": {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags,
    "avx512vnni": "avx512_vnni" in flags,
    "amx": {"amx_tile", "amx_int8", "amx_bf16"} <= flags,
    "sanitized": config.sanitized,
    "fake-cuda": os.path.exists(os.path.join(
        config.build_root, "test/Runtime/fake-cuda/libcuda.so.1")),
}
# A tool is a feature too: its tests wait for it.
for tool in ["attn-opt", "attn-lsp", "attnc", "attn-run"]:
    features[tool] = os.path.exists(os.path.join(tools, tool))
config.available_features.update(
    name for name, present in features.items() if present)

config.substitutions += [
    ("%python", with_numpy or sys.executable),
    ("%torch_python", with_torch or "torch-python-is-missing"),
    ("%chromium", chromium or "chromium-is-missing"),
    ("%variants", os.path.join(config.test_source_root, "Variants")),
    ("%data", os.path.join(config.test_source_root, "Data")),
    ("%root", config.source_root),
    ("%build", config.build_root),
    ("%clangxx", config.compilers["clang++"]),
    ("%clang", config.compilers["clang"]),
]
