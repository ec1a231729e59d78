"""Makes mistakes in mapped kernels: the check must catch every one.

  mutants.py ATTNC-MUTATE RUNTIME-FOLDER OUTPUT-FOLDER

attnc-mutate compiles two variants with one mistake each (mutate/Mutations.cpp),
with tiles so small that a few dozen queries and keys have whole tiles, partial
tiles and tails. Each object runs at sizes that reach the kernels for many
queries, for few, and for split keys; the right one must pass everywhere, each
wrong one must fail somewhere.
"""
import collections
import concurrent.futures
import os
import subprocess
import sys

VARIANTS = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "Variants")
SPECS = ["causal", "logsumexp"]
TILES = ["--set=e=8", "--set=f=8",
         "--options=lane-tile=32 stream-tile=16 split=2"]
LARGE = ["--scale-of-inputs=16"]
SIZES = {"many": (70, 83, []), "few": (9, 37, []),
         "split": (3, 150, ["--threads=64"]), "empty rows": (80, 20, []),
         "large": (70, 83, LARGE), "split large": (3, 150, [
             "--threads=64"] + LARGE), "few keys, large": (60, 40, LARGE)}


def compile(mutate, runtime, folder, spec):
    """The objects of a spec, by mistake."""
    path = os.path.join(folder, spec)
    done = subprocess.run(
        [mutate, os.path.join(VARIANTS, f"{spec}.mlir"), "-o", path,
         f"--runtime={runtime}", *TILES], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    places = dict(line.split() for line in done.stdout.splitlines())
    return {name: os.path.join(path, f"{name}.so")
            for name, count in places.items() if int(count) or name == "right"
            }, list(places)


def check(object, p, m, options):
    """Whether the object fails, and how."""
    try:
        done = subprocess.run(
            ["attn-run", object, "--check", "--size", f"b=1,h=2,p={p},m={m}",
             *options], capture_output=True, text=True, timeout=60,
            env=dict(os.environ, OMP_WAIT_POLICY="passive"))
    except subprocess.TimeoutExpired:
        return "hangs"
    return {0: None, 1: "differs"}.get(done.returncode,
                                       f"ends with {done.returncode}")


def main(mutate, runtime, folder):
    with concurrent.futures.ThreadPoolExecutor(len(SPECS)) as pool:
        compiled = list(pool.map(
            lambda spec: compile(mutate, runtime, folder, spec), SPECS))
        names = compiled[0][1]
        runs = [(name, f"{spec} {size}", pool.submit(
            check, object, *SIZES[size]))
            for spec, (objects, _) in zip(SPECS, compiled)
            for name, object in objects.items() for size in SIZES]
    caught, odd = collections.defaultdict(list), []
    for name, size, run in runs:
        if run.result():
            caught[name].append(size)
        if run.result() not in (None, "differs"):
            odd.append(f"{name}, {size}: {run.result()}")
    mistakes = [name for name in names if name != "right"]
    for name in mistakes:
        by = ", ".join(caught[name])
        print(f"{name:25} {'caught: ' + by if by else 'SURVIVES'}")
    for line in odd:
        print(line)
    survivors = [name for name in mistakes if not caught[name]]
    if caught["right"]:
        print(f"the right object fails: {caught['right']}")
    print(f"{len(mistakes) - len(survivors)}/{len(mistakes)} mistakes caught")
    return bool(survivors or caught["right"] or len(mistakes) < 20)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
