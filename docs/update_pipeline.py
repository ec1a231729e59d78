#!/usr/bin/env python3
"""Puts the compiler's own output into docs/pipeline.md.

There, a block of IR follows a comment that says what it shows:

    <!-- ir: STAGE [@SYMBOL] [OPTION]... -->

with the options from=REGEX to=REGEX, fold=REGEX, cut=N and renumber.

STAGE is a stage of attnc; of its IR, the operation SYMBOL alone; of that, the
lines from the first one that matches `from` to the next that matches `to` (or,
with to=+N, the N lines after it), a pair for each excerpt; without what is
indented below a line that matches `fold`; lines cut to N columns. What is left
out leaves `...`. With `renumber`, values are numbered as they appear, so that
what is left out does not show in their names.

    docs/update_pipeline.py            writes the blocks anew
    docs/update_pipeline.py --check    fails where they differ
"""
import argparse
import difflib
import os
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DOCUMENT = os.path.join(ROOT, "docs", "pipeline.md")
# The host must not count, so the target is named.
COMMAND = ["test/Variants/causal_gqa.mlir", "--target=x86-64-v4",
           "--stop-after=llvm", "-o", os.devnull]
BLOCK = re.compile(r"<!-- ir: (.*) -->\n```mlir\n(?:.*\n)*?```\n")


def dump_stages(attnc):
    """Returns the lines of the IR after each stage, by the stage's name."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([attnc] + COMMAND + [f"--dump-to={folder}"], check=True,
                       cwd=ROOT)
        stages = {}
        for name in os.listdir(folder):
            stage = re.fullmatch(r"\d+-(.*)\.mlir", name).group(1)
            with open(os.path.join(folder, name)) as file:
                stages[stage] = file.read().splitlines()
    return stages


def get_indent(line):
    return len(line) - len(line.lstrip())


def find(lines, begin, matches, what):
    for i in range(begin, len(lines)):
        if matches(lines[i]):
            return i
    sys.exit(f"update_pipeline: no line has {what}")


def pick_symbol(lines, symbol):
    begin = find(lines, 0, re.compile(rf"\S.*{symbol}\b").match, symbol)
    end = find(lines, begin, "}".__eq__, f"the end of {symbol}")
    return lines[begin:end + 1]


def pick_excerpts(lines, pairs):
    picked, end = [], 0
    for begin_regex, end_regex in pairs:
        begin = find(lines, end, re.compile(begin_regex).search, begin_regex)
        if begin != end:
            picked.append(" " * get_indent(lines[begin]) + "...")
        if end_regex.startswith("+"):
            end = begin + int(end_regex) + 1
        else:
            end = find(lines, begin, re.compile(end_regex).search,
                       end_regex) + 1
        picked += lines[begin:end]
    if end != len(lines):
        picked.append(" " * get_indent(lines[end]) + "...")
    return picked


def fold(lines, regex):
    folded, indent = [], None
    for line in lines:
        # A block's label stands at its operation's column.
        inside = indent is not None and (get_indent(line) > indent or
                                         line.lstrip().startswith("^"))
        if inside:
            continue
        folded.append(line)
        indent = None
        if re.search(regex, line):
            indent = get_indent(line)
            folded.append(" " * (indent + 2) + "...")
    return folded


def renumber(lines):
    names = {}
    return [re.sub(r"%\d+\b", lambda match: names.setdefault(
        match.group(), f"%{len(names)}"), line) for line in lines]


def show(stages, request):
    stage, *options = shlex.split(request)
    lines, cut = stages[stage], None
    values = {"from": [], "to": [], "fold": []}
    for option in options:
        key, _, value = option.partition("=")
        if key.startswith("@"):
            lines = pick_symbol(lines, key)
        elif key == "cut":
            cut = int(value)
        elif key != "renumber":
            values[key].append(value)
    for regex in values["fold"]:
        lines = fold(lines, regex)
    if values["from"]:
        lines = pick_excerpts(lines, list(zip(values["from"], values["to"])))
    if "renumber" in options:
        lines = renumber(lines)
    if cut:
        lines = [line if len(line) <= cut else line[:cut - 3].rstrip() + "..."
                 for line in lines]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--attnc",
                        default=os.path.join(ROOT, "build", "bin", "attnc"))
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    stages = dump_stages(args.attnc)

    def renew(match):
        return (f"<!-- ir: {match.group(1)} -->\n```mlir\n"
                f"{show(stages, match.group(1))}\n```\n")

    with open(DOCUMENT) as file:
        committed = file.read()
    current = BLOCK.sub(renew, committed)
    shown = {shlex.split(match.group(1))[0]
             for match in BLOCK.finditer(committed)}
    if shown != set(stages):
        sys.exit("update_pipeline: docs/pipeline.md shows the stages "
                 f"{sorted(shown)}; attnc has {sorted(stages)}")
    if not args.check:
        with open(DOCUMENT, "w") as file:
            file.write(current)
        return
    difference = list(difflib.unified_diff(
        committed.splitlines(), current.splitlines(), "docs/pipeline.md",
        "what attnc prints now", lineterm=""))
    if difference:
        print("\n".join(difference[:200]))
        sys.exit("update_pipeline: docs/pipeline.md is out of date; "
                 "docs/update_pipeline.py mends it")


if __name__ == "__main__":
    main()
