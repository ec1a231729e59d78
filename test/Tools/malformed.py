#!/usr/bin/env python3
"""Gives a tool broken specs: cut off, changed, nested, huge, random. Each run
must end by itself with status 0 or 1, with an error when it is 1.

    malformed.py attnc SPEC
"""
import random
import subprocess
import sys

tool, path = sys.argv[1:]
spec = open(path, "rb").read()
number = random.Random(1)


def truncated():
    for length in range(0, len(spec), max(1, len(spec) // 40)):
        yield spec[:length]


def changed():
    for _ in range(60):
        text = bytearray(spec)
        for _ in range(number.randint(1, 4)):
            place = number.randrange(len(text))
            kind = number.randrange(3)
            if kind == 0:
                text[place] = number.randrange(256)
            elif kind == 1:
                del text[place:place + number.randint(1, 20)]
            else:
                other = number.randrange(len(spec))
                text[place:place] = spec[other:other + number.randint(1, 20)]
        yield bytes(text)


def cascade(value, ranks="b", of="b"):
    return (f"attn.cascade @f(%A: !attn.tensor<[{of}], f32>) -> "
            f"!attn.tensor<[b], f32> ranks({ranks}) {{\n"
            f"  %B = attn.einsum [b] = {value}\n  attn.yield %B\n}}\n").encode()


def nested():
    for depth in (100, 10_000, 1_000_000):
        yield cascade("(" * depth + "%A[b]" + ")" * depth)
        yield cascade("exp(" * depth + "%A[b]" + ")" * depth)
        yield cascade("-" * depth + "%A[b]")
        yield cascade("%A[" * depth + "b" + "]" * depth)
        yield b"module {" * depth + b"}" * depth
        yield b"#a = " + b"[" * depth + b"]" * depth
    yield cascade(" + ".join(["%A[b]"] * 100_000))


def huge():
    many = ", ".join(f"r{i}" for i in range(10_000))
    yield cascade("%A[b]", "b, " + many)
    for extent in (2**40, 2**63 - 1, 2**64, 10**400, 0, -1):
        yield cascade("%A[b, e]", f"b, e = {extent}", "b, e")
    product = ", ".join(f"e{i} = {2**39}" for i in range(8))
    factors = " * ".join(f"e{i}" for i in range(8))
    yield cascade("%A[b, e]", f"b, {product}, e = {factors}", "b, e")


def long_numbers():
    for digits in ("9" * 20, "9" * 64, "9" * 20_000, "0x" + "f" * 20_000,
                   "1." + "0" * 20_000):
        yield cascade(f"%A[b] * {digits}")
        yield cascade("%A[b]", f"b, e = {digits}")
        yield b"#a = " + digits.encode()


def junk():
    yield b""
    yield b"\0" * 1000
    yield b"\xff\xfe" + spec
    for length in (1, 100, 10_000):
        yield number.randbytes(length)


failures = runs = 0
for kind in (truncated, changed, nested, huge, long_numbers, junk):
    for text in kind():
        for emit in ("nests", "header"):
            runs += 1
            result = subprocess.run([tool, "-", f"--emit={emit}"], input=text,
                                    capture_output=True, timeout=10)
            if result.returncode == 1 and b"error" in result.stderr:
                break  # and so would the other
            if result.returncode != 0:
                failures += 1
                print(f"{kind.__name__}, --emit={emit}: status "
                      f"{result.returncode} for {text[:200]!r}... "
                      f"({len(text)} bytes)\n{result.stderr[-500:].decode()}")
                break
print(f"{runs} runs, {failures} failures")
sys.exit(failures != 0)
