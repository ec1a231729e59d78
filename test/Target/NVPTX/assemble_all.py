"""Compiles specs of a folder for a GPU, and fails where attnc says anything: it
warns of spills and of what ptxas could not keep.

  assemble_all.py FOLDER TARGET [--OPTION...] [NAME...]
"""
import glob
import os
import subprocess
import sys
import tempfile


def main(folder, target, *names):
    failures = 0
    options = [name for name in names if name.startswith("--")]
    names = [name for name in names if name not in options]
    specs = [os.path.join(folder, name + ".mlir") for name in names] or \
        sorted(glob.glob(os.path.join(folder, "*.mlir")))
    for spec in specs:
        with tempfile.TemporaryDirectory() as out:
            done = subprocess.run(
                ["attnc", spec, "--target=" + target, *options, "-o",
                 os.path.join(out, "x.o")], capture_output=True, text=True)
        said = [line for line in done.stderr.splitlines()
                if any(word in line
                       for word in ["warning", "note", "remark", "error"])]
        if done.returncode or said:
            print(spec, done.returncode, *said, sep="\n")
            failures += 1
    print(f"{len(specs)} specs, {failures} with something to say")
    return bool(failures) or not specs


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
