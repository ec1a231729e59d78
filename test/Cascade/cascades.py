"""What the tests of the cascade stage share: passes to run, values to compare.

A spec is evaluated by the reference before and after the passes, on the same
random arrays: with the streams' chunks in order, one coordinate or a few at a
time, and joined as a tree. In float64 the values must agree up to rounding.
"""
import json
import os
import re
import subprocess
import tempfile

import numpy as np

NESTS = "attn-split-reducers,attn-expand-reducers,attn-form-nests"
DERIVED = NESTS + ",attn-one-pass"
UNPROVED = NESTS + ",attn-one-pass{unproved=true}"
NAIVE = NESTS + ",attn-one-pass{one-pass=false}"
ORDERS = [("whole",), ("stream", "--chunk=1"), ("tile", "--chunk=3"),
          ("tree", "--chunk=2", "--tree")]


def attn_opt(text, passes="", *options):
    """The module after `passes` on each cascade, and what was remarked."""
    pipeline = f"builtin.module(attn.cascade({passes}))" if passes else ""
    command = ["attn-opt", "-", *options]
    if pipeline:
        command.append(f"--pass-pipeline={pipeline}")
    done = subprocess.run(command, input=text, text=True, capture_output=True)
    if done.returncode:
        raise RuntimeError(done.stderr + text)
    return done.stdout, done.stderr


def models(text, passes=""):
    """The reference's models of a module's cascades after `passes`, by name."""
    pipeline = f"attn.cascade({passes})," if passes else ""
    done = subprocess.run(
        ["attn-opt", "-", "-o", os.devnull,
         f"--pass-pipeline=builtin.module({pipeline}attn-print-reference)"],
        input=text, text=True, capture_output=True)
    if done.returncode:
        raise RuntimeError(done.stderr + text)
    lines = done.stdout.splitlines()
    return {json.loads(line)["name"]: line for line in lines}


def evaluate(model, arguments, *options):
    """The outputs of a model, by name."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.json")
        with open(path, "w") as file:
            file.write(model)
        command = ["attn-evaluate", path, folder, *options]
        for name, value in arguments.items():
            if isinstance(value, np.ndarray):
                file = os.path.join(folder, f"{name}.in.npy")
                np.save(file, value)
                value = file
            command.append(f"{name}={value}")
        subprocess.run(command, check=True)
        return {name[:-4]: np.load(os.path.join(folder, name))
                for name in os.listdir(folder)
                if name.endswith(".npy") and not name.endswith(".in.npy")}


def error(actual, expected, least=1e-300):
    """The largest difference, relative to the largest value of the row, or to
    `least` if that is larger."""
    if actual.shape != expected.shape:
        return np.inf
    same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    scale = np.abs(np.where(np.isfinite(expected), expected, 0))
    scale = scale.max(axis=-1, keepdims=True, initial=least)
    with np.errstate(invalid="ignore"):
        gap = np.where(same, 0, np.abs(actual - expected) / scale)
    return np.nan_to_num(gap, nan=np.inf).max(initial=0)


def compare(expected, derived, arguments, what, orders=ORDERS,
            tolerance=1e-12):
    """Checks a model's outputs; returns the largest error."""
    worst = 0
    for order, *options in orders:
        actual = evaluate(derived, arguments, *options)
        assert actual.keys() == expected.keys(), what
        for name in expected:
            gap = error(actual[name], expected[name])
            assert gap <= tolerance, \
                f"{what}: {name} differs by {gap} in {order} order"
            worst = max(worst, gap)
    return worst
