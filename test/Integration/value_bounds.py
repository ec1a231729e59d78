"""Compares filters by integers of tensors with the reference: value-bounds.mlir.

  value_bounds.py SPEC            (on the CPU, compiled here)
  value_bounds.py --gpu FOLDER    (that of gpu.py)

The integers of a row are drawn of several kinds, some of which wrap when
anything is added to them; rows near each other are alike, or not at all.
"""
import itertools
import os
import subprocess
import sys
import tempfile

import numpy as np

import compiled

SIZES = [(1, 300), (37, 200), (130, 70), (5, 4099), (64, 0)]
SEEDS = range(5)
# The tensors of integers and their ranks.
CASCADES = {
    "range": {"start": "bp", "end": "bp"},
    "wide": {"start": "p", "end": "p"},
    "sums": {"start": "p", "end": "p", "wide": "p"},
    "alone": {"end": "p"},
    "uniform": {"length": "b"},
    "either": {"start": "p", "end": "p"},
    "absent": {"start": "p", "place": "p"},
    "backward": {"start": "p", "end": "p", "first": "m"},
    "same": {"query": "bp", "key": "bm"},
}
WIDE = {("wide", "start"), ("wide", "end"), ("sums", "wide")}


def draw(random, shape, type, keys, turn):
    """Integers of one kind, each in its turn, or of all kinds from row to
    row."""
    info = np.iinfo(type)
    # The reference holds an element in a double.
    grain = 1 if type == np.int32 else 2048
    kinds = [
        random.integers(0, keys + 1, shape),
        np.sort(random.integers(0, keys + 1, shape), axis=-1),
        random.integers(-9, 9, shape),
        random.integers(keys - 5, keys + 20, shape),
        np.full(shape, keys // 2),
        info.min + grain * random.integers(0, 9, shape),
        # The negatives of these don't wrap, but their sums with a coordinate.
        info.min + grain * random.integers(2, 9, shape),
        info.max - (grain - 1) - grain * random.integers(0, 9, shape),
    ]
    which = turn % (2 * len(kinds))
    if which < len(kinds):
        return kinds[which].astype(type)
    mixed = random.integers(0, len(kinds), shape)
    return np.choose(mixed, kinds).astype(type)


def list_objects(arguments):
    """What is run, with which options of attn-run and which environment."""
    if arguments[0] == "--gpu":
        folder = os.path.abspath(arguments[1])
        library = dict(os.environ, LD_LIBRARY_PATH=folder)
        yield (os.path.join(folder, "attn-run"),
               os.path.join(folder, "value-bounds.so"),
               itertools.cycle([["--device=cuda"]]), library)
        return
    for flags in ([], ["--options=lane-tile=16 stream-tile=8"]):
        object = compiled.compile(arguments[0], *flags)
        isas = compiled.Kernel(object, "range").isas
        yield ("attn-run", object,
               itertools.cycle([f"--isa={isa}", "--threads=2"]
                               for isa in isas), None)


def main(arguments):
    failures, runs, present = [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for tool, object, devices, environment in list_objects(arguments):
            for (turn, (seed, (p, m))), name in itertools.product(
                    enumerate(itertools.product(SEEDS, SIZES)), CASCADES):
                random = np.random.default_rng([seed, p, m, runs])
                extents = {"b": 2, "p": p, "m": m}
                inputs = []
                for i, (tensor, ranks) in enumerate(CASCADES[name].items()):
                    wide = (name, tensor) in WIDE
                    file = os.path.join(folder, f"{tensor}.npy")
                    np.save(file, draw(random, [extents[r] for r in ranks],
                                       np.int64 if wide else np.int32, m,
                                       turn + 5 * i))
                    inputs.append(f"{tensor}={file}")
                size = f"p={p},m={m}"
                if any("b" in r for r in CASCADES[name].values()):
                    size += ",b=2"
                command = [tool, object, f"--cascade={name}", "--check",
                           "--size", size, "--inputs", ",".join(inputs),
                           *next(devices)]
                done = subprocess.run(command, capture_output=True, text=True,
                                      env=environment)
                runs += 1
                present += "ok: max error" in done.stdout
                if done.returncode:
                    failures.append(f"{' '.join(command)}, run {runs}, seed "
                                    f"{seed}\n{done.stdout}{done.stderr}")
    print(f"{runs} runs, {present} compared, {len(failures)} failed")
    print("\n".join(failures))
    return bool(failures) or not present


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
