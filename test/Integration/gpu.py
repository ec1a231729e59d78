"""Compares compiled variants with the reference on a CUDA device.

  gpu.py FOLDER [--jobs=N] [--quick]

FOLDER has attn-run, libattnrt.so.0 and VARIANT.TYPE.so for each variant, with
the spec's types and others (`make_gpu_objects.sh` makes it on a machine without
a GPU). Sizes and options are those of variants.py: ones, primes, one more or
less than tiles, no rows, no keys; scores that are moderate and of deviation 150;
padded rows and outputs that start as NaN. Prints a line for each object as it is
done and, at last, how many runs failed.
"""
import concurrent.futures
import itertools
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import variants

SPECS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..",
                     "Variants")
PADS = [0, 3, 2, 8]


def cases(name, types):
    with open(os.path.join(SPECS, name + ".mlir")) as spec:
        text = spec.read()
    choices = variants.OPTIONS.get(name, [[]])
    for i, size in enumerate(variants.sizes(name, text)):
        # An empty tensor has no row to set.
        chosen = choices[0 if "=0" in size else i % len(choices)]
        # Of 16-bit types stores have forms by what the rows are multiples of.
        pad = PADS[i % len(PADS)] if types != "spec" else 0
        plain = ["--size", size, f"--seed={i + 1}", *chosen, f"--pad={pad}"]
        scaled = ["--size", size, f"--seed={i + 1}", *chosen,
                  "--scale-of-inputs=12.25", "--pad=3"]
        # The gradients' inputs don't belong together when scaled.
        if name.startswith("softmax_backward"):
            yield plain
        elif types == "spec":
            yield plain
            yield scaled
        else:
            yield scaled if i % 2 else plain


def run(folder, name, types, options):
    command = [os.path.join(folder, "attn-run"),
               os.path.join(folder, f"{name}.{types}.so"), "--check",
               "--device=cuda", *options]
    environment = dict(os.environ, LD_LIBRARY_PATH=folder + ":" +
                       os.environ.get("LD_LIBRARY_PATH", ""),
                       OMP_NUM_THREADS="2")
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              env=environment, timeout=120)
    except subprocess.TimeoutExpired:
        return name, types, 0, " ".join(command) + "\ntimed out"
    errors = re.findall(r"max error (\S+) of the bound", done.stdout)
    worst = max(map(float, errors), default=0)
    failure = ""
    if done.returncode:
        failure = " ".join(command[1:]) + "\n" + "\n".join(
            line for line in done.stdout.splitlines()
            if "FAILED" in line)[:600] + done.stderr[:600]
    return name, types, worst, failure


def main(folder, *flags):
    jobs = next((int(f[7:]) for f in flags if f.startswith("--jobs=")), 8)
    objects = sorted(re.fullmatch(r"(\w+)\.(\w+)\.so", f).groups()
                     for f in os.listdir(folder)
                     if re.fullmatch(r"(\w+)\.(\w+)\.so", f))
    work = [(name, types, options) for name, types in objects
            for options in cases(name, types)]
    if "--quick" in flags:
        work = work[::5]
    failures = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        results = pool.map(lambda item: run(folder, *item), work)
        # An object's runs follow one another.
        for (name, types), group in itertools.groupby(results,
                                                      lambda r: r[:2]):
            count, bad, most = 0, [], 0.0
            for _, _, error, failure in group:
                count += 1
                most = max(most, error)
                bad += [failure] if failure else []
            for failure in bad[:3]:
                print(failure)
            print(f"{name} {types}: {count} runs, {len(bad)} failed, largest "
                  f"error {most:.3g} of the bound", flush=True)
            failures += len(bad)
    print(f"{len(work)} runs, {failures} failed")
    return bool(failures) or not work


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
