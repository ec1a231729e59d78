#!/usr/bin/env python3
"""`make demo`: from a cascade of Einsums to a checked kernel, step by step.

Every command is printed before it runs; all output goes to BUILD/demo.
"""
import argparse
import os
import shlex
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
SPEC = "test/Variants/softmax_naive.mlir"
DATA = "test/Data/minilm"


def title(text):
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}",
          flush=True)


def run(*command):
    """Runs a command in the root; returns its seconds and peak memory."""
    print("$ " + shlex.join(command), flush=True)
    begin = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"demo: the command above failed "
                 f"(status {os.waitstatus_to_exitcode(status)})")
    return time.perf_counter() - begin, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", default="build")
    build = parser.parse_args().build
    out = os.path.join(build, "demo")
    os.makedirs(os.path.join(ROOT, out), exist_ok=True)
    attnc, attn_run = (os.path.join(build, "bin", tool)
                       for tool in ("attnc", "attn-run"))
    kernel = os.path.join(out, "softmax_naive.o")
    program = os.path.join(out, "program")

    title("1. The input: attention as Einsums, walking the keys three times")
    with open(os.path.join(ROOT, SPEC)) as file:
        print(file.read().rstrip())

    title("2. Compile it to an object and a C header; the model's heads have "
          "32 features")
    seconds, _ = run(attnc, SPEC, "--set", "e=32", "--set", "f=32", "-o",
                     kernel)
    print(f"compiled in {seconds:.2f} s; the keys are now walked once")

    title("3. Link a C program with it and run it on Q, K, V of a real model "
          "on real text")
    run(os.environ.get("CC", "clang-22"), "-O2", "-Iruntime", "-Ithird_party",
        f"-I{out}", "examples/demo/main.c", kernel, f"-L{build}/lib",
        f"-Wl,-rpath,{os.path.abspath(os.path.join(ROOT, build, 'lib'))}",
        "-lattnrt", "-lm", "-o", program)
    run(program, DATA)

    title("4. Compare with the float64 reference, on 1000 queries and keys "
          "(no multiple of a tile)")
    run(attn_run, SPEC, "--size", "b=1,h=8,p=1000,m=1000", "--check")

    title("5. Time and memory beside the unfused form of the same cascade")
    rows = []
    for length in (1024, 2048, 4096):
        size = f"b=1,h=8,p={length},m={length}"
        for form, options in (("fused", []),
                              ("unfused", ["--options=fuse=false"])):
            _, memory = run(attn_run, SPEC, "--size", size, "--bench",
                            *options)
            rows.append((length, form, memory))
    print("\npeak memory of the whole process, inputs included:")
    for length, form, memory in rows:
        print(f"  {length:5} keys  {form:8} {memory:8.0f} MB")

    title("What to try next")
    print(f"""\
{attnc} {SPEC} --emit=attn --stop-after=cascade   the derived one-pass form
{attnc} test/Variants/causal_gqa.mlir --emit=tile             a mapped kernel
{attn_run} test/Variants/causal_gqa.mlir --size b=2,k=2,g=4,p=1000,m=1000 --check --bench
ls test/Variants                         more attention; change one and run it
python3 examples/attnc_ctypes.py         call a kernel from NumPy or PyTorch
make check                               every test""")


if __name__ == "__main__":
    main()
