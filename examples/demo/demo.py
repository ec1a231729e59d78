#!/usr/bin/env python3
"""`make demo`: from a cascade of Einsums to a checked kernel, step by step.

Every command is printed before it runs; what they write goes to BUILD/demo.
"""
import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
SPEC = "test/Variants/softmax_naive.mlir"


def title(text):
    print(f"\n\033[1m{text}\033[0m\n" if sys.stdout.isatty() else f"\n{text}\n")


def run(*command, show=True):
    """Runs a command in the root; returns its output, seconds and peak MB."""
    if show:
        print("$ " + shlex.join(command))
    begin = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, text=True,
                               stdout=subprocess.PIPE)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{output}demo: `{shlex.join(command)}` failed with status "
                 f"{process.returncode}")
    return output, time.perf_counter() - begin, usage.ru_maxrss / 1024


def show_cascade():
    """The spec without its comments."""
    with open(os.path.join(ROOT, SPEC)) as file:
        print("".join(line for line in file if not line.startswith("//")))


def show_stream(nests):
    """What happens to each chunk of keys, and what follows the last."""
    lines = nests.splitlines()
    first = next(i for i, line in enumerate(lines) if "attn.stream" in line)
    merge = next(i for i, line in enumerate(lines) if "} merge(" in line)
    finish = lines[lines.index("    }", merge) + 1]
    shown = lines[first:merge] + ["    } merge ...", finish]
    shown[0] = re.sub(r" -> \(.*\) step", " step", shown[0])
    print("\n".join(line[2:] for line in shown) + "\n")


def measure(attn_run, library, size, out):
    """The median time of a call in ms, and the peak memory of a process that
    makes one. (--bench measures the machine, too, which takes memory.)"""
    command = [attn_run, library, "--size", size]
    bench, _, _ = run(*command, "--bench", show=False)
    median = float(re.search(r"median ([0-9.e+-]+) ms", bench).group(1))
    _, _, memory = run(*command, "--outputs", f"AV={out}/AV.npy", show=False)
    return median, memory


def compare_forms(attn_run, fused, unfused, lengths, out):
    size = "b=1,h=8,p={0},m={0}"
    print(f"$ {attn_run} {fused} --size {size.format(lengths[-1])} --bench")
    print("\nqueries = keys         fused              unfused        speed-up")
    for length in lengths:
        (fast, small), (slow, large) = (
            measure(attn_run, library, size.format(length), out)
            for library in (fused, unfused))
        print(f"{length:10}     {fast:6.0f} ms {small:5.0f} MB   "
              f"{slow:6.0f} ms {large:5.0f} MB  {slow / fast:6.1f}")
    print("(8 heads of 64 features; memory is that of the whole process)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--out", help="folder to write to (BUILD/demo)")
    parser.add_argument("--lengths", default="1024,2048",
                        help="to compare the forms at (%(default)s)")
    args = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # in order with stderr
    out = args.out or os.path.join(args.build, "demo")
    os.makedirs(os.path.join(ROOT, out), exist_ok=True)
    attnc, attn_run = (os.path.join(args.build, "bin", tool)
                       for tool in ("attnc", "attn-run"))

    title("1. Attention as Einsums. Softmax needs three walks over the keys m:")
    show_cascade()

    title("2. attnc derives a form that walks them once, with a running state:")
    nests, _, _ = run(attnc, SPEC, "--stop-after=one-pass")
    show_stream(nests)

    title("3. Compile it for heads of 32 features, and link a C program:")
    kernel, program = f"{out}/softmax_naive.o", f"{out}/program"
    _, seconds, _ = run(attnc, SPEC, "--set", "e=32,f=32", "-o", kernel)
    compiler = next(filter(shutil.which, ("cc", "clang-22")), "cc")
    library = f"{args.build}/lib"
    run(compiler, "-O2", "-std=c99", "-Iruntime", "-Ithird_party", f"-I{out}",
        "examples/demo/main.c", "examples/demo/arrays.c", kernel,
        f"-L{library}", f"-Wl,-rpath,{library}", "-lattnrt", "-lm", "-o",
        program)
    size = os.path.getsize(os.path.join(ROOT, kernel)) / 1024
    print(f"\n{seconds:.1f} s to compile; {size:.0f} KB for AVX2 and AVX-512, "
          "any batch, heads and lengths")

    title("4. Run it on Q, K, V of MiniLM reading Moby-Dick, beside PyTorch's "
          "output:")
    print(run(program, "test/Data/minilm")[0], end="")

    title("5. Compare with a float64 reference, at lengths that fill no tile:")
    fused, unfused = f"{out}/fused.so", f"{out}/unfused.so"
    run(attnc, SPEC, "--target=host", "--emit=so", "-o", fused)
    result, _, _ = run(attn_run, fused, "--size", "b=1,h=8,p=1000,m=777",
                       "--check")
    # The indented lines say how each input was made.
    print("".join(line for line in result.splitlines(keepends=True)
                  if not line.startswith(" ")), end="")

    title("6. What fusing is worth:")
    run(attnc, SPEC, "--target=host", "--emit=so", "--options=fuse=false", "-o",
        unfused)
    compare_forms(attn_run, fused, unfused,
                  [int(length) for length in args.lengths.split(",")], out)

    title("Next:")
    print(f"""\
ls test/Variants                     more attention; copy one, change it, run it
{attn_run} test/Variants/alibi.mlir --size b=1,h=8,p=1000,m=1000 --check --bench
{attnc} test/Variants/causal_gqa.mlir --emit=tile     a kernel as loops
less docs/pipeline.md                one cascade after every stage
make check                           every test""")


if __name__ == "__main__":
    main()
