"""Checks that README.md is true.

    readme.py ROOT BUILD WORK

Its cascade and its program are those of the repository, its message is what
attnc says, and its commands run, in the folder WORK, which looks like a clone.
"""
import os
import re
import shutil
import subprocess
import sys

# Their commands run; those of the quick start are what runs this test.
SECTIONS = ["From C", "From Python", "Tools"]


def read(*path):
    with open(os.path.join(*path)) as file:
        return file.read()


def get_blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def expect_same(what, actual, expected):
    if actual != expected:
        sys.exit(f"README.md: {what} is\n{actual}\nbut should be\n{expected}")


def make_clone(root, build, work):
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    for name in ["examples", "runtime", "test", "third_party"]:
        os.symlink(os.path.join(root, name), os.path.join(work, name))
    os.symlink(build, os.path.join(work, "build"))
    shutil.copy(os.path.join(root, "test/Examples/Inputs/mad.mlir"), work)


def main():
    root, build, work = map(os.path.abspath, sys.argv[1:])
    readme = read(root, "README.md")

    program, = get_blocks(readme, "c")
    expect_same("the program", program, read(root, "examples/demo/main.c"))
    cascade, = get_blocks(readme, "mlir")
    spec = read(root, "test/Variants/causal_gqa.mlir")
    expect_same("the cascade", cascade, re.sub(r"^//.*\n", "", spec, flags=re.M))

    make_clone(root, build, work)
    message, report = get_blocks(readme, "text")
    said = subprocess.run(["build/bin/attnc", "mad.mlir", "--emit=nests"],
                          cwd=work, capture_output=True, text=True).stderr
    expect_same("the message", " ".join(message.split()),
                said.splitlines()[0])

    # What it leaves out is `..` there.
    command, *parts = re.split(r"^\.\.\n", report, flags=re.M)
    said = subprocess.run(["sh", "-ec", command.removeprefix("$ ")], cwd=work,
                          capture_output=True, text=True, check=True).stdout
    for part in parts:
        if part not in said:
            sys.exit(f"README.md: the report does not have\n{part}\nbut\n{said}")

    for section in SECTIONS:
        text = readme.split(f"\n## {section}\n")[1].split("\n## ")[0]
        for commands in get_blocks(text, "sh"):
            # The Python on the PATH may lack NumPy.
            commands = commands.replace("python3 ", sys.executable + " ")
            print(commands, flush=True)
            subprocess.run(["sh", "-exc", commands], cwd=work, check=True)


if __name__ == "__main__":
    main()
