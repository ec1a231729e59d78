"""Softmax attention, written in seeded random ways that leave its value alone.

  disguises.py [--count=200] [--seed=1] [--print]

All of them go through attn-opt in one module. Each must become one stream whose
first state is a maximum and whose sums are corrected by exponentials of it; and
must give the naive value, in any order of the keys.
"""
import argparse
import random
import re

import numpy as np

import cascades

LOG2E = ["1.4426950408889634", "(1.0 / log(2.0))"]
LN2 = ["0.6931471805599453", "log(2.0)"]


class Disguise:
    """One cascade as text, and the extents and arguments to call it with."""

    def __init__(self, name, seed):
        self.name = name
        self.random = random.Random(seed)
        self.lines, self.inputs, self.yields = [], [], []
        self.arguments = {}
        self.heads = self.choose([(), ("b", "h"), ("b", "h"), ("b", "k", "g")])
        names = self.choose([("p", "m", "e", "f"), ("i", "j", "d", "v"),
                             ("query", "key", "dim", "width"),
                             ("m", "p", "f", "e")])
        self.p, self.m, self.e, self.f = names
        self.extents = {"b": 2, "h": 3, "k": 2, "g": 2, "heads": 4, self.p: 4, self.m: 7,
                        self.e: 4, self.f: 3}
        self.float = self.choose(["f32", "f32", "f64"])
        self.row = [*self.heads, self.p]
        self.keys = [head for head in self.heads if head != "g"]
        self.build()

    def choose(self, options):
        return self.random.choice(options)

    def flip(self):
        return self.random.random() < 0.5

    def times(self, *factors):
        """A product, in any order."""
        factors = list(factors)
        self.random.shuffle(factors)
        return " * ".join(factors)

    def plus(self, a, b):
        return f"{a} + {b}" if self.flip() else f"{b} + {a}"

    #===------------------------------------------------------------------===#
    # Text
    #===------------------------------------------------------------------===#

    def input(self, name, ranks, scale=1):
        """Declares a tensor of random numbers and returns its access."""
        declared = ", ".join(ranks).replace("k, g", "heads")
        access = ", ".join(ranks).replace("k, g", "(k, g)")
        shape = [self.extents[rank] for rank in declared.split(", ")]
        self.inputs.append(f"%{name}: !attn.tensor<[{declared}], {self.float}>")
        kind = {"f32": np.float32, "f64": np.float64}[self.float]
        values = scale * self.numbers.standard_normal(shape)
        self.arguments[name] = values.astype(kind)
        return f"%{name}[{access}]"

    def scalar(self, name, value, kind):
        self.inputs.append(f"%{name}: {kind}")
        self.arguments[name] = value
        return f"%{name}"

    def einsum(self, name, ranks, value, where="", reduce=""):
        """Adds a line and returns its access."""
        ranks = ", ".join(ranks)
        where = f" where ({where})" if where else ""
        reduce = f" reduce({reduce} {self.m})" if reduce else ""
        self.lines.append(f"%{name} = attn.einsum [{ranks}] = {value}{where}"
                          f"{reduce}")
        return f"%{name}[{ranks}]"

    def text(self):
        ranks = [*self.heads, self.p, self.m]
        if "g" in self.heads:
            ranks.append("heads = k * g")
        ranks += [f"{rank} = {self.extents[rank]}" for rank in (self.e, self.f)]
        types = ", ".join(f"!attn.tensor<[{', '.join(ranks)}], {self.float}>"
                          for _, ranks in self.yields)
        body = "\n  ".join(self.lines)
        names = ", ".join(f"%{name}" for name, _ in self.yields)
        return (f"attn.cascade @{self.name}({', '.join(self.inputs)}) -> "
                f"({types})\n    ranks({', '.join(ranks)}) {{\n  {body}\n"
                f"  attn.yield {names}\n}}\n")

    #===------------------------------------------------------------------===#
    # Attention
    #===------------------------------------------------------------------===#

    def build(self):
        self.numbers = np.random.default_rng(self.random.randrange(1 << 32))
        score = self.score()
        maximum = self.maximum(score)
        weight = self.exponential(score, maximum)
        if self.flip():
            weight = self.einsum("W", [*self.row, self.m], weight)
        if self.flip():
            key = self.input("w", [*self.keys, self.m])
            key = f"exp({key})" if self.flip() else f"abs({key})"
            weight = self.times(f"({weight})", key)
            if self.flip():
                weight = self.einsum("WW", [*self.row, self.m], weight)
        total = self.einsum("D", self.row, weight, reduce="add")
        if self.flip():
            self.einsum("unused", self.row, f"({weight}) * ({weight})",
                        reduce="max")
        for i in range(self.choose([1, 1, 2])):
            value = self.input(f"V{i}", [*self.keys, self.m, self.f])
            self.output(f"AV{i}", score, maximum, weight, total, value)
        if self.flip():
            self.einsum("LSE", self.row, self.plus(f"({maximum})",
                                                   f"log({total})"))
            self.yields.append(("LSE", self.row))

    def score(self):
        row, column = [*self.row, self.e], [*self.keys, self.m, self.e]
        q = self.input("Q", row, scale=6)
        k = self.input("K", column)
        where = self.filter()
        late = self.flip()
        kind = self.random.randrange(6)
        if kind == 1:
            q = self.einsum("QS", row, self.times(q, f"rsqrt({4})"))
        elif kind == 2:
            k = self.einsum("KS", column, f"{k} / 2.0")
        product = self.times(q, k)
        if kind == 3:
            product = self.times(product, self.scalar("scale", 0.375,
                                                      self.float))
        points = [*self.row, self.m]
        score = self.einsum("QK", points, product, "" if late else where)
        if kind == 4:
            bias = self.input("bias", [self.p, self.m])
            score = self.einsum("B", points, self.plus(score, bias))
        elif kind == 5:
            slope = self.input("slope", self.heads) if self.heads else "0.25"
            score = self.einsum(
                "B", points, f"{score} - {slope} * ({self.p} - {self.m})")
        if late and where:
            score = self.einsum("F", points, score, where)
        return score

    def filter(self):
        p, m = self.p, self.m
        kind = self.random.randrange(5)
        if kind == 0:
            return f"{m} <= {p} + extent({m}) - extent({p})"
        if kind == 1:
            return f"{m} <= {p} and {p} - {m} < 3"
        if kind == 2 and self.heads:
            self.inputs.append("%len: !attn.tensor<[b], i32>")
            self.arguments["len"] = np.array([0, 5], np.int32)
            return f"{m} < %len[b]"
        return ""

    def maximum(self, score):
        kind = self.random.randrange(7)
        maximum = lambda name, body: self.einsum(name, self.row, body,
                                                 reduce="max")
        minimum = lambda name, body: self.einsum(name, self.row, body,
                                                 reduce="min")
        if kind == 0:
            return maximum("G", score)
        if kind == 1:
            return f"-{minimum('N', f'-{score}')}"
        if kind == 2:
            return f"0.5 * {maximum('G', f'2.0 * {score}')}"
        if kind == 3:
            return f"({maximum('G', f'{score} + 5.0')} - 5.0)"
        if kind == 4:
            return (maximum("G", f"{score} * {LOG2E[1]}") + " * " + LN2[1])
        if kind == 5:
            a = maximum("GA", f"select({self.m} < 3, {score}, -inf)")
            b = maximum("GB", f"select({self.m} < 3, -inf, {score})")
            return f"max({a}, {b})"
        return f"min({maximum('G', score)}, -{minimum('N', f'-{score}')})"

    def exponential(self, score, maximum):
        kind = self.random.randrange(11)
        log2e = self.choose(LOG2E)
        if kind == 0:
            return f"exp({score} - {maximum})"
        if kind == 1:
            return f"exp2(({score} - {maximum}) * {log2e})"
        if kind == 2:
            return f"exp({score}) / exp({maximum})"
        if kind == 3:
            return f"1.0 / exp({maximum} - {score})"
        if kind == 4:
            return f"exp(-({maximum})) * exp({score})"
        if kind == 5:
            half = self.einsum("half", [*self.row, self.m],
                               f"exp(({score} - {maximum}) / 2.0)")
            return f"{half} * {half}"
        if kind == 6:
            return f"sqrt(exp(2.0 * ({score} - {maximum})))"
        if kind == 7:
            return f"exp2({score} * {log2e} - {maximum} * {log2e})"
        if kind == 8:
            return f"exp(-({maximum} - {score}))"
        if kind == 9:
            difference = self.einsum("X", [*self.row, self.m],
                                     f"{score} - {maximum}")
            return f"exp({difference})"
        return f"exp2({score} / {LN2[1]}) / exp({maximum})"

    def output(self, name, score, maximum, weight, total, value):
        out = [*self.row, self.f]
        kind = self.random.randrange(6)
        points = [*self.row, self.m]
        if kind == 0:
            a = self.einsum(f"{name}_A", points, f"({weight}) / {total}")
            self.einsum(name, out, self.times(a, value))
        elif kind == 1:
            a = self.einsum(f"{name}_A", points, f"(1.0 / {total}) * "
                            f"({weight})")
            self.einsum(name, out, self.times(a, value))
        elif kind == 2:
            self.einsum(name, out, f"({weight}) / {total} * {value}")
        elif kind == 3:
            sums = self.einsum(f"{name}_N", out,
                               self.times(f"({weight})", value))
            self.einsum(name, out, f"{sums} / {total}")
        elif kind == 4:
            a = self.einsum(f"{name}_A", points,
                            f"exp(log({weight}) - log({total}))")
            self.einsum(name, out, self.times(a, value))
        else:
            scaled = self.einsum(f"{name}_V", [*self.keys, self.m, self.f],
                                 f"{value} * 3.0")
            self.einsum(name, out, f"{scaled} * ({weight}) / (3.0 * {total})")
        self.yields.append((name, out))


def check_structure(text, name, remarks):
    """One stream in one nest: a maximum, and sums that it corrects."""
    assert text.count("attn.nest") == 1, f"{name}: not one nest\n{text}"
    assert text.count("attn.stream") == 1, \
        f"{name}: not one stream\n{text}\n{remarks}"
    states = re.search(r"init\((.*?)\) ->", text).group(1).split(", ")
    kinds = [state.split()[0] for state in states]
    step, merge = re.search(r" step \{(.*?)\n *\} merge\(.*?\{(.*?)\n *\}\n",
                            text, re.DOTALL).groups()
    assert kinds[0] == "max" and "add" in kinds, f"{name}: {states}\n{text}"
    sums = [state.split()[1] for state in states if state.startswith("add")]
    maxima = [state.split()[1] for state in states if state.startswith("max")]
    # What corrects: exponentials of an old maximum less a new one.
    factors = set()
    for line in step.splitlines():
        if " = attn.einsum" in line and "exp" in line and \
                any(old + "[" in line for old in maxima):
            factors.add(line.split(" = ")[0].strip())
    for old in sums:
        update = [line for line in step.splitlines() if old + "[" in line]
        assert any(factor == line.split(" = ")[0].strip() or
                   factor + "[" in line for line in update
                   for factor in factors), f"{name}: {old}\n{text}"
    for old in sums:
        assert f"{old}_a[" in merge and f"{old}_b[" in merge, text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--print", action="store_true")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    disguises = [Disguise(f"disguise{i}", f"{options.seed}.{i}")
                 for i in range(options.count)]
    module = "".join(disguise.text() for disguise in disguises)
    if options.print:
        print(module)
    derived, remarks = cascades.attn_opt(module, cascades.DERIVED)
    naive_models = cascades.models(module)
    derived_models = cascades.models(module, cascades.DERIVED)
    texts = re.split(r"\n  (?=attn\.cascade)", derived)[1:]
    assert len(texts) == len(disguises)
    worst, failed = 0, []
    for disguise, text in zip(disguises, texts):
        try:
            check_structure(text, disguise.name, remarks)
            expected = cascades.evaluate(naive_models[disguise.name],
                                         disguise.arguments)
            gap = cascades.compare(expected, derived_models[disguise.name],
                                   disguise.arguments, disguise.name)
            worst = max(worst, gap)
        except AssertionError as error:
            failed.append(f"{error}\nof\n{disguise.text()}")
    print("\n".join(failed[:3]))
    print(f"{len(disguises) - len(failed)} of {len(disguises)} disguises are "
          f"one stream and equal the naive value, largest error {worst:.1e}")
    assert not failed


main()
