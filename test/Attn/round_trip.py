"""Prints specs and reads them again: nothing may change.

For every file, as it is and after --cse --canonicalize, the printed form is
parsed and compared with the original in the generic form, which hides nothing;
printing it again must give the same text. With --as-written the printed form
must also be the source, apart from white space and comments.
"""
import hashlib
import re
import subprocess
import sys


def attn_opt(*args, text=None):
    return subprocess.run(["attn-opt", *args], input=text, text=True,
                          check=True, capture_output=True).stdout


# Inside an Einsum the order of operations means nothing: each becomes a name
# that says what it computes from what.
PURE = re.compile(r'\s*(%\w+) = ("(?:arith|math|attn)\.(?!einsum|topk|nest|'
                  r'iterate|stream)\w+"\(.*)')
DEFINITION = re.compile(r"^\s*(%\w+)(?::\d+)? = |(%\w+): ")


def canonical(generic):
    """The generic form with values numbered in order of definition."""
    names, lines, number = {}, [], 0

    def rename(text):
        return re.sub(r"%\w+", lambda m: names.get(m.group(), m.group()), text)

    for line in generic.splitlines():
        pure = PURE.match(line)
        if pure:
            text = rename(pure.group(2))
            digest = hashlib.sha1(text.encode()).hexdigest()[:8]
            names[pure.group(1)] = f"<{digest}>"
            lines.append(f"<{digest}> = {text}")
            continue
        for match in DEFINITION.finditer(line):
            names[match.group(1) or match.group(2)] = f"%{number}"
            number += 1
        lines.append(rename(line))
    return lines


def by_region(lines):
    """Sorts the named operations of each region."""
    result, named = [], []
    for line in lines:
        if line.startswith("<"):
            named.append(line)
        else:
            result += sorted(named) + [line]
            named = []
    return result


def squeeze(text):
    text = re.sub(r"//.*", "", text)
    return re.sub(r"\s+", "", text)


def check(path, flags, failures):
    generic = "--mlir-print-op-generic"
    printed = attn_opt(*flags, path)
    before = by_region(canonical(attn_opt(*flags, generic, path)))
    after = by_region(canonical(attn_opt(generic, text=printed)))
    label = " ".join([path, *flags])
    if before != after:
        for left, right in zip(before, after):
            if left != right:
                failures.append(f"{label}: was  {left.strip()}\n"
                                f"{label}: read {right.strip()}")
                break
        else:
            failures.append(f"{label}: {len(before)} lines, then {len(after)}")
    if attn_opt(text=printed) != printed:
        failures.append(f"{label}: the printed form prints differently")
    return printed


def main():
    as_written = "--as-written" in sys.argv
    failures = []
    paths = [arg for arg in sys.argv[1:] if not arg.startswith("--")]
    for path in paths:
        printed = check(path, [], failures)
        check(path, ["--cse", "--canonicalize"], failures)
        if as_written:
            with open(path) as source:
                written = squeeze(source.read())
            if squeeze(printed) != f"module{{{written}}}":
                failures.append(f"{path}: does not print as written:\n"
                                f"{printed}")
    print(f"{len(paths)} files, {len(failures)} failures")
    print("\n".join(failures))
    return bool(failures) or not paths


if __name__ == "__main__":
    sys.exit(main())
