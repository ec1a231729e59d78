#!/usr/bin/env python3
"""Where attnc writes to: what stands there is replaced whole or left, unless it
is a pipe or a device.

    output.py SPEC FOLDER
"""
import os
import shutil
import stat
import subprocess
import sys

spec, folder = sys.argv[1:]
shutil.rmtree(folder, ignore_errors=True)
os.makedirs(folder)
os.chdir(folder)


def attnc(*options, **settings):
    return subprocess.run(["attnc", spec, *options], capture_output=True,
                          text=True, timeout=120, **settings)


def expect(what, condition, result=None):
    if not condition:
        sys.exit(f"{what}: {result}")


def read(path):
    with open(path) as file:
        return file.read()


header = attnc("--emit=header").stdout
expect("a header", "#include" in header)

# A pipe gets the contents and stays a pipe.
os.mkfifo("pipe")
reader = subprocess.Popen(["cat", "pipe"], stdout=subprocess.PIPE)
result = attnc("--target=x86-64-v3", "-o", "pipe")
expect("pipe", result.returncode == 0, result)
expect("pipe's contents", reader.communicate()[0].startswith(b"\x7fELF"))
expect("pipe is one", stat.S_ISFIFO(os.stat("pipe").st_mode))
expect("no header beside a pipe", not os.path.exists("pipe.h"))

# Of a link the file that it leads to is written.
with open("old.h", "w") as file:
    file.write("old")
for link, target in [("to-old.h", "old.h"), ("to-new.h", "new.h")]:
    os.symlink(target, link)
    attnc("--emit=header", "-o", link)
    expect(link, os.readlink(link) == target)
    expect(target, read(target).count("\n") == header.count("\n"))

# stdout by a name of its own: what it has keeps its place.
with open("all", "w") as file:
    file.write("before\n")
    file.flush()
    result = subprocess.run(["attnc", spec, "--emit=header", "-o",
                             "/proc/self/fd/1"], stdout=file)
    os.write(file.fileno(), b"after\n")
lines = read("all").splitlines()
expect("stdout", lines[0] == "before" and lines[-1] == "after", lines)
expect("stdout's header", len(lines) == header.count("\n") + 2, lines)

# A device stays one, with no header beside it. One of our own, for an attnc
# that replaces it.
for name, minor in [("null", 3), ("full", 7)]:
    try:
        os.mknod(name, stat.S_IFCHR | 0o666, os.makedev(1, minor))
        open(name, "w").close()
    except PermissionError:
        print(f"not root: no device `{name}`")
        continue
    result = attnc("--target=x86-64-v3", "-o", name)
    expect(name, result.returncode == (name == "full"), result)
    expect(f"{name} is a device", stat.S_ISCHR(os.stat(name).st_mode))
    expect("no header beside a device", not os.path.exists(name + ".h"))
    if name == "full":
        expect("message", "error: can't write 'full': No space left" in
               result.stderr, result)
with open("/dev/full", "w") as full:
    result = subprocess.run(["attnc", spec, "--emit=header"], stdout=full,
                            stderr=subprocess.PIPE, text=True)
expect("full stdout", result.returncode == 1 and
       "error: can't write to stdout: No space left" in result.stderr, result)

# On a full disk a file stays as it was, and nothing else is left.
os.mkdir("small")
script = """
mount -t tmpfs -o size=4k none small && cd small || exit 77
echo before > x.so
attnc "$1" --emit=so --target=x86-64-v3 -o x.so; echo "status $?"
ls; cat x.so
TMPDIR=$PWD attnc "$1" --emit=so --target=x86-64-v3 -o ../x.so; echo "status $?"
ls
"""
result = subprocess.run(["unshare", "-rm", "sh", "-c", script, "sh", spec],
                        capture_output=True, text=True)
if result.returncode in (1, 77) and "status" not in result.stdout:
    print("no full disk: unshare or mount is not allowed")
else:
    expect("full disk", result.stdout.split("\n") == [
        "status 1", "x.so", "before", "status 1", "x.so", ""], result)
    expect("full disk's message", "error: can't write 'x.so': No space left" in
           result.stderr, result)
    expect("full temporary folder", result.stderr.count("No space left") == 2,
           result)
    expect("nothing is left", not os.path.exists("x.so"))
print("ok")
