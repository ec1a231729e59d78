#!/usr/bin/env python3
"""Compiles random cascades and compares what they compute with the reference.

  fuzz.py [--seed=N] [--count=N | --seconds=N] [--jobs=N] [--keep=FOLDER]
  fuzz.py --show=NUMBER           prints one cascade and how to run it

attnc and attn-run are those in PATH. Cascade i of a seed is always the same.
Each batch is compiled to one object, for one CPU level, with tile sizes so small that a few dozen coordinates have
full tiles, tails and split streams. A cascade that attnc refuses must be
refused with an error at one of its lines; that is counted apart. What the
cascades had in them is printed, and the run fails where a kind is missing or
too many are refused.
"""
import argparse
import collections
import concurrent.futures
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

import generate

BATCH = 6
SECONDS = 120  # of one process
# What the compiler has no business to say to users.
INTERNAL = re.compile(r"failed to legalize|unrealized_conversion|LLVM ERROR|"
                      r"'(llvm|vector|cf|builtin|memref)\.|Stack dump|"
                      r"PLEASE submit|does not dominate|failed to verify")
# At most so many are refused, and at least so many of what the others had, for
# each cascade that was generated.
MAX_REFUSED = 0.06
MINIMA = {
    "nests": 1.0, "streams": 0.3, "inner streams": 0.05, "contractions": 0.3,
    "filtered": 0.3, "kernels": 1.5, "several nests": 0.2, "softmax": 0.25,
    "moments": 0.05, "statement iterate": 0.01, "statement topk": 0.03,
    "reduce argmax": 0.005, "dead einsum": 0.05,
    "outputs 1": 0.1, "outputs 2": 0.1, "outputs 3": 0.05,
    "rank free": 1.5, "rank fixed": 0.5, "rank product": 0.15,
    "rank ceildiv": 0.015, "access gather": 0.02, "access shifted": 0.05,
    "access partition": 0.015, "access group": 0.1,
    "reduce add": 0.7, "reduce max": 0.3, "reduce min": 0.1, "reduce mul": 0.02,
    "reduce two ways": 0.01, "reduce either": 0.1, "reduce logadd": 0.05,
    "filter diagonal": 0.15, "filter constant": 0.1, "filter and": 0.1,
    "filter or": 0.05, "filter not": 0.02, "filter tensor length": 0.03,
    "filter tensor float": 0.005, "filter tensor flag": 0.02,
    "filter mod": 0.05, "filter scalar": 0.05,
    "type bf16": 0.2, "type f16": 0.2, "type f64": 0.02, "type i32": 0.05,
    "type i8": 0.005, "type ui8": 0.005,
    **{f"op {name}": 0.05 for name in (
        "add", "sub", "mul", "div", "max", "min", "select", "tanh", "sigmoid",
        "exp", "exp2", "log", "sqrt", "rsqrt", "erf", "sin", "cos", "abs",
        "neg", "round", "pow", "cast", "square", "coordinate")},
}


def run(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              timeout=SECONDS,
                              env=dict(os.environ, OMP_WAIT_POLICY="passive"))
        return done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        return None, "", f"runs longer than {SECONDS} s"


class Batch:
    """Some cascades, compiled together and run one by one."""

    def __init__(self, seed, numbers):
        self.numbers = list(numbers)
        self.rng = random.Random(f"{seed} {self.numbers[0]}")
        self.cascades = [generate.generate(f"{seed} {i}", f"c{i}")
                         for i in self.numbers]
        self.target = self.rng.choice(["x86-64-v4", "x86-64-v3"])
        if not has_avx512():
            self.target = "x86-64-v3"
        pick = self.rng.choice
        self.options = (f"lane-tile={pick([16, 16, 32])} "
                        f"stream-tile={pick([4, 8, 16])} "
                        f"split={pick([0, 2, 3])} "
                        f"split-turns={pick(['false', 'true'])}")
        if self.rng.random() < 0.06:  # tiles as large as the machine likes
            self.options = "split=16"
        if self.rng.random() < 0.15:
            self.options += " fuse=false"
        if self.rng.random() < 0.1:
            self.options += " one-pass=false"
        self.seen = collections.Counter()
        self.refused = collections.Counter()
        self.failures = []  # (number, what, command, output)

    def compile(self, cascades, folder):
        """The shared object of `cascades`, or None and why not."""
        spec = os.path.join(folder, f"{cascades[0].name}.mlir")
        with open(spec, "w") as file:
            file.write("\n".join(c.text for c in cascades))
        object = spec.replace(".mlir", ".so")
        command = ["attnc", spec, "--emit=so", "-o", object,
                   f"--target={self.target}", f"--options={self.options}",
                   f"--dump-to={folder}/dump"]
        code, _, errors = run(command)
        return (object if code == 0 else None), command, code, errors

    def work(self, folder):
        os.makedirs(folder, exist_ok=True)
        object, command, code, errors = self.compile(self.cascades, folder)
        objects = {c.name: object for c in self.cascades}
        if object:
            self.inspect(folder)
        else:
            for cascade in self.cascades:
                objects[cascade.name] = self.compileAlone(cascade, folder)
        for cascade in self.cascades:
            self.seen.update(cascade.features)
            self.seen["generated"] += 1
            if objects[cascade.name]:
                self.seen["compiled"] += 1
                for size in cascade.sizes:
                    self.check(cascade, objects[cascade.name], size)
        return self

    def compileAlone(self, cascade, folder):
        object, command, code, errors = self.compile([cascade], folder)
        if object:
            self.inspect(folder)
            return object
        located = re.search(r"\.mlir:\d+:\d+: error: (.*)", errors)
        if code != 1 or INTERNAL.search(errors) or not located:
            self.fail(cascade, "attnc fails without a clear error" if code == 1
                      else f"attnc ends with {code}", command, errors)
        else:
            reason = re.sub(r"`[^`]*`|'[^']*'|%\w+|@\w+|\d+|![\w.<>, \[\]]+",
                            "_", located.group(1))
            self.refused[reason] += 1
        return None

    def inspect(self, folder):
        """Counts what the cascades became."""
        for name in os.listdir(os.path.join(folder, "dump")):
            with open(os.path.join(folder, "dump", name)) as file:
                text = file.read()
            if "one-pass" in name:
                nests = [c.count("attn.nest ")
                         for c in text.split("attn.cascade @")[1:]]
                self.seen["nests"] += sum(nests)
                self.seen["several nests"] += sum(n > 1 for n in nests)
                self.seen["streams"] += text.count("attn.stream ")
                self.seen["inner streams"] += len(
                    re.findall(r"^ {6,}.*attn\.stream ", text, re.MULTILINE))
            if "bind" in name:
                self.seen["kernels"] += text.count("tile.kernel ")
                self.seen["contractions"] += text.count("tile.contract ")
                self.seen["filtered"] += len(
                    re.findall(r"tile.yield .* where", text))

    def check(self, cascade, object, size):
        command = ["attn-run", object, "--check", f"--cascade={cascade.name}",
                   f"--seed={self.rng.randrange(1000)}",
                   f"--threads={self.rng.choice([1, 2, 5])}",
                   f"--pad={self.rng.choice([0, 0, 3])}"]
        if size:
            command += ["--size", ",".join(f"{r}={n}" for r, n in size.items())]
        for option, pairs in [("--fill", cascade.fills),
                              ("--scalar", cascade.scalars)]:
            if pairs:
                command += [option, ",".join(f"{n}={v}"
                                             for n, v in pairs.items())]
        for slice in cascade.slices:
            tensor, rank, place = slice.split("=")[0].split(":")
            if size.get(rank, 1) > int(place):
                command += ["--slice", slice]
        code, output, errors = run(command)
        self.seen["runs"] += 1
        # What overflows has no bound; the minimum of values is of the others.
        if code == 0 or (code == 1 and "NOT CHECKED" in output
                         and "FAILED" not in output):
            for line in output.splitlines():
                compared = re.search(r"(\d+) values compared", line)
                without = re.search(r"(\d+) without a bound", line)
                unbounded = int(without.group(1)) if without else 0
                self.seen["values"] += (
                    int(compared.group(1)) - unbounded if compared else 0)
                self.seen["values without a bound"] += unbounded
            return
        what = {1: "differs from the reference", 2: "cannot be run"}.get(
            code, f"attn-run ends with {code}")
        checks = [l for l in output.splitlines() if "FAILED" in l]
        self.fail(cascade, what, command, "\n".join(checks) + errors)

    def fail(self, cascade, what, command, output):
        self.failures.append((cascade, what, command, output))


def has_avx512():
    try:
        with open("/proc/cpuinfo") as info:
            return "avx512vl" in info.read()
    except OSError:
        return False


def quote(command):
    return " ".join(f"'{word}'" if re.search(r"[^\w=./,:%+-]", word) else word
                    for word in command)


def show(seed, number):
    first = number - number % BATCH
    batch = Batch(seed, range(first, first + BATCH))
    cascade = batch.cascades[number - first]
    print(cascade.text)
    print(f"// --target={batch.target} --options='{batch.options}'")
    print(f"// sizes {cascade.sizes}\n// fills {cascade.fills} "
          f"slices {cascade.slices} scalars {cascade.scalars}")


def report(seen, refused, failures, keep):
    groups = collections.defaultdict(list)
    for name, count in sorted(seen.items()):
        group, _, rest = name.partition(" ")
        known = group in ("op", "reduce", "filter", "rank", "access", "type",
                          "outputs", "softmax", "scalar", "einsum", "statement")
        groups[group if known and rest else "in all"].append(
            f"{rest if known and rest else name} {count}")
    for group, entries in groups.items():
        print(f"{group:10} {', '.join(entries)}")
    for reason, count in refused.most_common():
        print(f"refused {count}: {reason}")
    reported = set()
    for cascade, what, command, output in failures:
        key = (cascade.name, what)
        if key in reported:
            continue
        reported.add(key)
        print(f"\n{cascade.name}: {what}\n  {quote(command)}\n{output}\n"
              f"{cascade.text}")
    total = seen["generated"]
    missing = [f"{name}: {seen[name]} of {share * total:.0f}"
               for name, share in MINIMA.items()
               if total >= 100 and seen[name] < int(share * total)]
    if missing:
        print("too few of these were covered: " + ", ".join(missing))
    numRefused = sum(refused.values())
    tooMany = total >= 100 and numRefused > MAX_REFUSED * total
    if tooMany:
        print(f"more than {MAX_REFUSED:.0%} are refused")
    print(f"{total} cascades: {seen['compiled']} compiled, "
          f"{numRefused} refused with a reason; {seen['runs']} runs,"
          f" {seen['values']} values compared; {len(reported)} failures")
    return bool(failures or missing or tooMany or not seen["runs"])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--first", type=int, default=0, metavar="N",
                        help="number of the first cascade")
    parser.add_argument("--count", type=int, default=180, metavar="N",
                        help="how many cascades")
    parser.add_argument("--seconds", type=int, metavar="N",
                        help="go on so long, whatever the count")
    parser.add_argument("--jobs", type=int, default=2, metavar="N")
    parser.add_argument("--keep", metavar="FOLDER",
                        help="leave all that is compiled there")
    parser.add_argument("--show", type=int, metavar="NUMBER")
    args = parser.parse_args()
    if args.show is not None:
        return show(args.seed, args.show)
    seen, refused = collections.Counter(), collections.Counter()
    failures, begin = [], time.monotonic()
    folder = args.keep or tempfile.mkdtemp(prefix="attn-fuzz-")

    def numbers():
        first = args.first
        while (time.monotonic() - begin < args.seconds if args.seconds
               else first < args.first + args.count):
            yield range(first, first + BATCH)
            first += BATCH

    def work(numbers):
        place = os.path.join(folder, str(numbers[0]))
        batch = Batch(args.seed, numbers).work(place)
        if not batch.failures and not args.keep:
            shutil.rmtree(place)
        return batch

    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        pending, batches = set(), numbers()
        done = False
        while pending or not done:
            while len(pending) < args.jobs and not done:
                following = next(batches, None)
                done = following is None
                if not done:
                    pending.add(pool.submit(work, following))
            ready, pending = concurrent.futures.wait(
                pending, return_when=concurrent.futures.FIRST_COMPLETED)
            for batch in (future.result() for future in ready):
                seen += batch.seen
                refused += batch.refused
                failures += batch.failures
    status = report(seen, refused, failures, folder)
    if not failures and not args.keep:
        shutil.rmtree(folder)
    print(f"{time.monotonic() - begin:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main())
