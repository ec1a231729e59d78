"""Fails if the passes that attnc runs are not the same for all specs given.

    passes.py ATTNC SPEC...

Prints their list. Passes that run on one kernel after the other count once.
"""
import os
import re
import subprocess
import sys


def collapse(names):
    """`names` without what repeats the one or the few names before it."""
    result = []
    for name in names:
        result.append(name)
        for width in range(1, 5):
            if result[-width:] == result[-2 * width:-width]:
                del result[-width:]
    return result


def list_passes(attnc, spec):
    process = subprocess.Popen(
        [attnc, spec, "--target=x86-64-v3", "--stop-after=llvm", "-o",
         os.devnull, "--mlir-print-ir-before-all"],
        stderr=subprocess.PIPE, text=True)
    # Line by line: the IR between is large. Progress may stand before it.
    names = []
    for line in process.stderr:
        match = re.search(r"// -----// IR Dump Before \w+ \(([\w-]+)\)", line)
        if match:
            names.append(match.group(1))
    if process.wait():
        sys.exit(f"{attnc} {spec} failed")
    return collapse(names)


def main():
    attnc, first, *others = sys.argv[1:]
    expected = list_passes(attnc, first)
    print("\n".join(expected))
    for spec in others:
        passes = list_passes(attnc, spec)
        if passes != expected:
            sys.exit(f"{spec} runs {passes}, but {first} runs {expected}")
        print(f"same for {os.path.basename(spec)}")


if __name__ == "__main__":
    main()
