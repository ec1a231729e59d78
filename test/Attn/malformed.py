"""Feeds attn-opt what no one should write: it may refuse, never crash or hang.

Truncated files, seeded random bytes, deep nesting, huge extents and values that
are used again and again. A run is bad when attn-opt dies of a signal, runs
longer than a few seconds, or prints more than the input deserves.
"""
import os
import random
import re
import subprocess
import sys
import tempfile
import time

SECONDS = 20  # of one run; they take milliseconds
BUDGET = 8  # seconds for random edits


class Checker:
    def __init__(self):
        self.runs = 0
        self.failures = []

    def run(self, name, text, *flags, accept=None, limit=None):
        """Runs attn-opt. `accept`: whether it must take the text; `limit`: how
        many bytes it may print."""
        if isinstance(text, str):
            text = text.encode()
        self.runs += 1
        try:
            result = subprocess.run(["attn-opt", *flags], input=text,
                                    capture_output=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            return self.fail(name, text, f"runs longer than {SECONDS} s")
        if result.returncode not in (0, 1):
            return self.fail(name, text, f"exits with {result.returncode}")
        if accept is not None and accept != (result.returncode == 0):
            return self.fail(name, text, "is refused" if accept else
                             "is accepted")
        if result.returncode == 1 and b"error:" not in result.stderr:
            return self.fail(name, text, "fails without an error")
        if limit is not None and len(result.stdout) > limit:
            return self.fail(name, text, f"prints {len(result.stdout)} bytes, "
                                         f"expected at most {limit}")
        return result

    def fail(self, name, text, what):
        file = tempfile.NamedTemporaryFile(prefix=f"{name}-", suffix=".mlir",
                                           delete=False)
        with file:
            file.write(text)
        self.failures.append(f"{name}: {what}: {file.name}")


def cascade(body, ranks="m, e = 8"):
    return f"""
      attn.cascade @c(%x: !attn.tensor<[m], f32>, %i: !attn.tensor<[m], i32>,
                      %T: !attn.tensor<[m, n], i32>)
          -> !attn.tensor<[m], f32> ranks(n, {ranks}) {{
        {body}
        attn.yield %Y
      }}"""


def einsum(expression):
    return cascade(f"%Y = attn.einsum [m] = {expression}")


def truncate(checker, path):
    """Every prefix at steps, in one file: --split-input-file reads them as
    files of their own."""
    with open(path, "rb") as source:
        text = source.read()
    text = re.sub(rb"//.*", b"", text)
    step = max(1, len(text) // 150)
    prefixes = [text[:i] for i in range(0, len(text), step)]
    name = f"truncated-{os.path.basename(path)}"
    checker.run(name, b"\n// -----\n".join(prefixes), "--split-input-file")
    for prefix in prefixes[::30]:
        checker.run(name, prefix)


def edit(checker, paths, seed):
    """Random edits: bytes, words and lines, until the time is up."""
    rng = random.Random(seed)
    sources = []
    for path in paths:
        with open(path, "rb") as source:
            sources.append(re.sub(rb"//.*", b"", source.read()))
    generic = [subprocess.run(["attn-opt", "--mlir-print-op-generic"],
                              input=text, capture_output=True).stdout
               for text in sources[:4]]
    sources += [text for text in generic if text]
    words = sorted({word for text in sources
                    for word in re.findall(rb"[%@!#]?[\w.]+|\S", text)})
    end = time.monotonic() + BUDGET
    while time.monotonic() < end:
        texts = []
        for _ in range(60):
            text = bytearray(rng.choice(sources))
            for _ in range(rng.choice([1, 1, 1, 2, 5])):
                at = rng.randrange(len(text) + 1)
                kind = rng.randrange(5)
                if kind == 0 and at < len(text):
                    text[at] ^= 1 << rng.randrange(8)
                elif kind == 1:
                    text[at:at] = rng.choice(words)
                elif kind == 2:
                    del text[at:at + rng.randrange(1, 30)]
                elif kind == 3:  # another word
                    spans = [m.span() for m in re.finditer(rb"\w+", text)]
                    begin, stop = rng.choice(spans)
                    text[begin:stop] = rng.choice(words)
                else:  # a piece again, somewhere else
                    begin = rng.randrange(len(text) + 1)
                    text[at:at] = text[begin:begin + rng.randrange(1, 80)]
            texts.append(bytes(text).replace(b"// -----", b""))
        flags = rng.choice([(), ("--cse", "--canonicalize"),
                            ("--mlir-print-op-generic",),
                            ("--attn-print-reference",)])
        # Many at once; each by itself where that dies.
        before = len(checker.failures)
        checker.run("edited", b"\n// -----\n".join(texts),
                    "--split-input-file", *flags)
        if len(checker.failures) > before:
            os.remove(checker.failures.pop().split(": ")[-1])
            for text in texts:
                checker.run("edited", text, *flags)


def nest_and_repeat(checker):
    deep = 10000
    for name, text in [
            ("parentheses", einsum("(" * deep + "%x[m]" + ")" * deep)),
            ("minus", einsum("- " * deep + "%x[m]")),
            ("not", einsum("%x[m] where (" + "not " * deep + "true)")),
            ("calls", einsum("exp(" * deep + "%x[m]" + ")" * deep)),
            ("accesses", einsum("%i[" * deep + "m" + "]" * deep)),
            ("lets", einsum("let a = " * deep + "1.0")),
            ("sum", einsum(" + ".join(f"{i}.5 * %x[m]" for i in range(deep)))),
            ("ands", einsum("%x[m] where (" + " and ".join(
                f"m ne {i}" for i in range(deep)) + ")")),
            ("types", "!attn.tensor<[" * deep),
            ("open parentheses", einsum("(" * deep)),
            ("iterations", cascade("".join(
                f"%s{i + 1} = attn.iterate m init(%a{i} = %x) -> "
                "!attn.tensor<[m], f32> {\n" for i in range(deep)))),
            ("nests", cascade("attn.nest parallel() -> () {\n" * deep))]:
        checker.run(name, text, accept=False)
    # As deep as is allowed.
    for name, text in [
            ("250 parentheses", einsum("(" * 250 + "%x[m]" + ")" * 250)),
            ("600 terms", einsum(" + ".join(f"{i}.5 * %x[m]"
                                             for i in range(600)))),
            ("1000 factors", einsum(" * ".join(["%x[m]"] * 1000))),
            ("250 calls", einsum("exp(" * 250 + "%x[m]" + ")" * 250))]:
        result = checker.run(name, text, accept=True)
        if result:
            checker.run(f"{name}, printed", result.stdout, "--cse",
                        "--canonicalize", accept=True)

    # A value times itself, 20 times over, is 2^20 factors written out.
    for name, first, step in [
            ("squares", "%x[m]", "{0} * {0}"),
            ("gathers", "%T[m, m]", "%T[{0}, {0}]"),
            ("coordinates", "m", "{0} + {0}"),
            ("conditions", "m < 3", "({0} or m < {1}) and {0}"),
            ("remainders", "m", "{0} mod ({0} + 1)")]:
        chain = [f"a0 = {first}"] + [
            f"a{i + 1} = " + step.format(f"a{i}", i) for i in range(20)]
        value = "select(a20, 1.0, 0.0)" if name == "conditions" else "a20"
        text = cascade(f"%Y = attn.einsum [m] = let {', '.join(chain)} in "
                       f"{value} + 0.0", "m, e = 8")
        for flags in [(), ("--cse", "--canonicalize")]:
            checker.run(name, text, *flags, accept=True, limit=10000)

    ranks = ", ".join(["r0 = 2", "s0 = 2"] + [
        f"{a}{i + 1} = r{i} * s{i}" for i in range(50) for a in "rs"])
    checker.run("doubling ranks", cascade("%Y = attn.einsum [m] = 1.0",
                                          f"m, {ranks}"), accept=False)
    checker.run("many ranks", cascade("%Y = attn.einsum [m] = 1.0", "m, " +
                ", ".join(f"r{i} = 1" for i in range(deep))), accept=False)
    for extent in ["1099511627776", "1099511627777", "-1", "0x7fffffffffffffff",
                   "9223372036854775808", "1" * 5000]:
        checker.run("extent", cascade("%Y = attn.einsum [m] = %x[m] * e",
                                      f"m, e = {extent}"),
                    accept=extent == "1099511627776")
    checker.run("many Einsums", cascade("\n".join(
        f"%a{i} = attn.einsum [m] = %x[m] + {i}.0" for i in range(deep)) +
        "\n%Y = attn.einsum [m] = %a0[m]"), accept=True)
    for text in [b"", b"\0", b"\xff\xfe", b"attn.cascade", b"attn.einsum",
                 b"%a = attn.stream", b"}" * deep, b"\x80" * deep]:
        checker.run("scraps", text)


def main():
    paths = sys.argv[1:]
    checker = Checker()
    for path in paths:
        truncate(checker, path)
    nest_and_repeat(checker)
    edit(checker, paths, seed=2)
    print(f"{checker.runs} runs, {len(checker.failures)} failures")
    print("\n".join(checker.failures[:20]))
    return bool(checker.failures)


if __name__ == "__main__":
    sys.exit(main())
