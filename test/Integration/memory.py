"""Extra memory does not grow with queries times keys, but in the unfused form.

For every variant: the workspace that the object asks for. For one: the peak of
the process during a call, beyond the tensors.
"""
import os
import subprocess
import sys

import numpy as np

import compiled


def status(field):
    for line in compiled.read("/proc/self/status", "r").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024


def arrays(kernel, queries, keys):
    """Inputs and outputs of one head."""
    extents = dict(b=1, h=1, k=1, g=1, p=queries, m=keys, t=keys,
                   d=queries + keys - 1,
                   m1=-(-keys // 16), page=8)
    for i in range(kernel.program.num_ranks):
        rank = kernel.program.ranks[i]
        if rank.kind == 0:
            extents[rank.name.decode()] = rank.value
        elif rank.kind == 3:
            divided = kernel.program.ranks[rank.operands[0]].name.decode()
            extents[rank.name.decode()] = -(-extents[divided] // rank.value)
    result = {}
    for arg in kernel.args:
        if arg.kind == compiled.SCALAR:
            result[arg.name.decode()] = 16
            continue
        shape = [extents[name] for name in kernel.rankNames(arg)]
        result[arg.name.decode()] = np.zeros(
            shape, compiled.TYPES[arg.code, arg.bits])
    return result


def workspaces():
    """Bytes for many queries, and for one whose keys are split: the states of
    each part, as many as there are parts. A recurrence over steps t may keep
    what is computed for each step before it, never for pairs of steps."""
    failed = []
    for file in sorted(os.listdir(compiled.VARIANTS)):
        name = os.path.splitext(file)[0]
        kernel = compiled.load(name)
        bytes = []
        for shape in [(2048, 2048), (8192, 8192), (1, 8192), (1, 131072)]:
            given = arrays(kernel, *shape)
            bytes.append(max(kernel.workspace(isa, threads, **given)
                             for isa in kernel.isas for threads in (1, 64)))
        print(f"{name:22} {bytes[0]:,} bytes of workspace for 2048 x 2048, "
              f"{bytes[1]:,} for 8192 x 8192, {bytes[2]:,} for 1 x 8192, "
              f"{bytes[3]:,} for 1 x 131072")
        # P x M would be 16 times as much; steps times steps, 256 times.
        ranks = {rank for arg in kernel.args for rank in kernel.rankNames(arg)}
        most = 16.4 * bytes[2] if "t" in ranks else bytes[2]
        if bytes[1] > 4.1 * bytes[0] or bytes[3] > max(most, 1 << 16):
            failed.append(name)
    return failed


def peak(options, size):
    """How much more memory a process has during a call than before."""
    kernel = compiled.load("softmax_naive", "--target=host", *options)
    given = arrays(kernel, size, size)
    for array in given.values():
        array[...] = 0.5  # its pages are there
    small = arrays(kernel, 64, 64)
    kernel(threads=2, **small)  # and so are threads and their scratch
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # forget the peak
    before = status("VmRSS")
    kernel(threads=2, **given)
    return max(0, status("VmHWM") - before)


def peaks():
    """Each call in a process of its own."""
    failed = []
    for form, sizes in [("", [1024, 2048, 4096, 8192]),
                        ("fuse=false", [1024, 2048])]:
        options = [f"--options={form}"] if form else []
        extra = [int(subprocess.run(
            [sys.executable, __file__, "peak", str(size), *options],
            check=True, capture_output=True, text=True).stdout)
            for size in sizes]
        print(f"{form or 'fused':10} extra MB at "
              + ", ".join(f"{s}: {e / 2**20:.1f}"
                          for s, e in zip(sizes, extra)))
        square = sizes[-1] ** 2 * 4
        if form and extra[-1] < square:
            failed.append(f"{form} stores no scores")
        if not form and extra[-1] > 8 * 2**20:
            failed.append("the fused form grows")
    return failed


def main():
    if sys.argv[1:2] == ["peak"]:
        return print(peak(sys.argv[3:], int(sys.argv[2])))
    failed = workspaces() + peaks()
    print("failed:", failed or "none")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
