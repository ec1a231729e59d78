#!/usr/bin/env python3
"""Makes a failing cascade small.

  reduce.py SPEC [--attnc='FLAGS'] -- ATTN-RUN-OPTIONS

SPEC fails when it is compiled and run with these options: attnc crashes, or the
check fails. Edits that keep the same kind of failure are kept: outputs, lines,
filters and parts of expressions are dropped, tensors get smaller. Prints what
is left.
"""
import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile


def run(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              timeout=60)
        return done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        return "timeout", ""


class Reducer:
    def __init__(self, flags, options):
        self.flags, self.options = flags, options
        self.folder = tempfile.TemporaryDirectory()
        self.tries = 0

    def failure(self, text, options=None):
        """The kind of failure, or None where there is none."""
        self.tries += 1
        spec = os.path.join(self.folder.name, "r.mlir")
        object = os.path.join(self.folder.name, "r.so")
        with open(spec, "w") as file:
            file.write(text)
        code, output = run(["attnc", spec, "--emit=so", "-o", object,
                            *self.flags])
        if code not in (0, 1):
            return "crash"
        if code == 1:
            return None if re.search(r"mlir:\d+:\d+: error", output) \
                else "unclear"
        code, output = run(["attn-run", object, *self.keep(text, options)])
        if code == 1:
            return "mismatch"
        return "crash of the run" if code not in (0, 2) else None

    def keep(self, text, options):
        """The options, without arguments that the cascade lost."""
        result = []
        options = options or self.options
        names = set(re.findall(r"%(\w+): ", text))
        ranks = set(re.findall(r"\w+", re.search(r"ranks\(([^{]*)\)\s*{",
                                                 text).group(1)))
        i = 0
        while i < len(options):
            option, _, value = options[i].partition("=")
            if option in ("--fill", "--scalar", "--slice", "--size"):
                if not value:
                    i += 1
                    value = options[i]
                known = ranks if option == "--size" else names
                parts = [p for p in value.split(",")
                         if re.match(r"\w+", p).group() in known]
                if parts:
                    result += [option, ",".join(parts)]
            elif option != "--cascade":
                result.append(options[i])
            i += 1
        return result

    def reduce(self, text, kind):
        changed = True
        while changed:
            changed = False
            for candidate in candidates(text):
                if len(candidate) < len(text) and \
                        self.failure(candidate) == kind:
                    text, changed = candidate, True
                    break
        return text


def tidy(text):
    """Drops arguments that nothing reads, and ranks that nothing has."""
    head, body = text.split("{\n", 1)
    arguments = re.findall(r"%(\w+): (!attn\.tensor<\[[^>]*>|\w+)", head)
    used = [(n, t) for n, t in arguments if re.search(rf"%{n}\b", body)]
    rest = head[head.index("->"):]
    name = re.match(r"attn\.cascade @\w+", head).group()
    free = re.findall(r"\w+", re.sub(r"\w+ = [^,)]*", "", re.search(
        r"ranks\((.*)\)", rest).group(1)))
    has = " ".join(t for _, t in used)
    kept = list(used)
    for argument in arguments:
        missing = [r for r in free if not re.search(rf"\b{r}\b", has)
                   and re.search(rf"\b{r}\b", body)]
        if argument not in used and any(re.search(rf"\b{r}\b", argument[1])
                                        for r in missing):
            kept.append(argument)
            has += argument[1]
    list_ = ", ".join(f"%{n}: {t}" for n, t in kept)
    return f"{name}({list_})\n    {rest}{{\n{body}"


def candidates(text):
    """Smaller cascades, the boldest cuts first."""
    for candidate in cuts(text):
        try:
            yield tidy(candidate)
        except (AttributeError, ValueError):
            pass
        yield candidate


def cuts(text):
    yield text
    results = re.search(r"-> \((.*)\)\n", text)
    outputs = re.search(r"attn\.yield ([^\n]*)\n}", text)
    types = re.findall(r"!attn\.tensor<\[[^>]*>", results.group(1)) if \
        results else []
    names = outputs.group(1).split(", ")
    if len(names) > 1:
        for i in range(len(names)):
            yield text.replace(results.group(1), ", ".join(
                types[:i] + types[i + 1:])).replace(
                    f"attn.yield {outputs.group(1)}\n}}", "attn.yield " +
                    ", ".join(names[:i] + names[i + 1:]) + "\n}")
    lines = text.split("\n")
    for i, line in enumerate(lines):
        if " = attn.einsum" in line:
            yield "\n".join(lines[:i] + lines[i + 1:])
    for i, line in enumerate(lines):
        if " = attn.einsum" not in line:
            continue
        for shorter in shorten(line):
            yield "\n".join(lines[:i] + [shorter] + lines[i + 1:])
    # A rank less of a tensor, everywhere.
    for new in ("f32",):
        for old in ("bf16", "f16", "f64"):
            yield text.replace(f", {old}>", f", {new}>")


def groups(line):
    """The places of balanced parentheses."""
    stack = []
    for i, c in enumerate(line):
        if c == "(":
            stack.append(i)
        elif c == ")" and stack:
            yield stack.pop(), i


def shorten(line):
    yield re.sub(r" where \(.*\)(?= reduce| :|$)", "", line)
    yield re.sub(r" : \w+$", "", line)
    yield re.sub(r", \w+ \w+\)", ")", line)
    for begin, end in groups(line):
        inside = line[begin + 1:end]
        name = re.search(r"-?\w*$", line[:begin]).group()
        if name in ("reduce", "where", "extent"):
            continue
        first = begin - len(name)
        for part in [inside] + re.split(r", | [-+*/<>=]+ | and | or ", inside):
            if part.count("(") == part.count(")"):
                yield line[:first] + part + line[end + 1:]
                yield line[:first] + f"({part})" + line[end + 1:]
        yield line[:first] + "1.0" + line[end + 1:]
    for operator in (" + ", " - ", " * ", " / ", " and ", " or "):
        at = line.find(operator, line.find("] = "))
        while at >= 0:
            after = re.match(r"[\w.%]+(\[[^\]]*\])?", line[at + len(operator):])
            if after:
                yield line[:at] + line[at + len(operator) + after.end():]
            before = re.search(r"[\w.%]+(\[[^\]]*\])?$", line[:at])
            if before:
                yield line[:before.start()] + line[at + len(operator):]
            at = line.find(operator, at + 1)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec")
    parser.add_argument("--attnc", action="append", default=[],
                        metavar="FLAGS", help="options of attnc")
    parser.add_argument("options", nargs="*", help="options of attn-run")
    args = parser.parse_args()
    flags = [flag for some in args.attnc for flag in shlex.split(some)]
    reducer = Reducer(flags, args.options)
    with open(args.spec) as file:
        text = file.read()
    kind = reducer.failure(text)
    if not kind:
        print("it does not fail")
        return 1
    text = reducer.reduce(text, kind)
    # Smaller extents.
    options = list(reducer.options)
    for i, option in enumerate(options):
        if not re.match(r"(\w+=\d+,?)+$", option):
            continue
        for rank, extent in re.findall(r"(\w+)=(\d+)", option):
            for smaller in sorted({0, 1, 2, int(extent) // 2,
                                   max(int(extent) - 1, 0)}):
                if smaller >= int(extent):
                    break
                trial = list(options)
                trial[i] = re.sub(rf"\b{rank}=\d+", f"{rank}={smaller}",
                                  options[i])
                if reducer.failure(text, trial) == kind:
                    options = trial
                    break
    print(text)
    print(f"// {kind}; attnc {shlex.join(flags)}")
    print(f"// attn-run {shlex.join(reducer.keep(text, options))}")
    print(f"// {reducer.tries} tries")


if __name__ == "__main__":
    sys.exit(main())
