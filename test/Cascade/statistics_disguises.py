"""Statistics of a row, written in seeded random ways that leave them alone.

  statistics_disguises.py [--count=40] [--seed=1] [--print]

Log-sum-exp, variance, covariance and entropy, `count` of each. As written they
need two or three traversals of the row; each must become one stream, and give
what NumPy has from the definition, in any order of the elements.
"""
import argparse
import random
import re

import numpy as np

import cascades

KINDS = ["logsumexp", "variance", "covariance", "entropy"]
P, M = 4, 9


class Disguise:
    """One cascade as text, the arguments to call it with, and its values."""

    def __init__(self, kind, number, seed):
        self.name = f"{kind}{number}"
        self.random = random.Random(f"{kind} {seed} {number}")
        self.numbers = np.random.default_rng(self.random.randrange(1 << 32))
        self.lines, self.inputs, self.arguments = [], [], {}
        self.present = np.ones((P, M), bool)
        self.where = self.filter()
        getattr(self, kind)()

    def choose(self, *options):
        return self.random.choice(options)

    def flip(self):
        return self.random.random() < 0.5

    def times(self, *factors):
        factors = list(factors)
        self.random.shuffle(factors)
        return " * ".join(factors)

    def plus(self, *terms):
        terms = list(terms)
        self.random.shuffle(terms)
        return " + ".join(terms)

    #===------------------------------------------------------------------===#
    # Text
    #===------------------------------------------------------------------===#

    def input(self, name, ranks, values):
        self.inputs.append(f"%{name}: !attn.tensor<[{ranks}], f64>")
        self.arguments[name] = values
        return f"%{name}[{ranks}]"

    def einsum(self, name, ranks, value, reduce=""):
        """Reductions are over what the filter leaves."""
        where = f" where ({self.where})" if reduce and self.where else ""
        reduce = f" reduce({reduce} m)" if reduce else ""
        self.lines.append(f"%{name} = attn.einsum [{ranks}] = {value}{where}"
                          f"{reduce}")
        return f"%{name}[{ranks}]"

    def sum(self, name, value):
        return self.einsum(name, "p", value, "add")

    def maybe(self, name, value):
        """An Einsum of its own, or not."""
        if self.flip():
            return self.einsum(name, "p, m", value)
        return f"({value})"

    def text(self):
        body = "\n  ".join(self.lines)
        return (f"attn.cascade @{self.name}({', '.join(self.inputs)}) -> "
                f"!attn.tensor<[p], f64>\n    ranks(p, m) {{\n  {body}\n"
                f"  attn.yield %R\n}}\n")

    def filter(self):
        kind = self.random.randrange(3)
        p, m = np.arange(P)[:, None], np.arange(M)[None, :]
        if kind == 0:
            self.present &= m <= p + 2
            return "m <= p + 2"
        if kind == 1:
            self.present &= m % 4 != 1
            return "m mod 4 ne 1"
        return ""

    def rows(self, *arrays):
        """The arrays at the points that the filter leaves, row by row."""
        arrays = [np.broadcast_to(array, (P, M)) for array in arrays]
        return [[array[row][self.present[row]] for array in arrays]
                for row in range(P)]

    #===------------------------------------------------------------------===#
    # What rows are made of
    #===------------------------------------------------------------------===#

    def element(self, name, scale):
        """An access and its values."""
        values = scale * self.numbers.standard_normal((P, M))
        read = self.input(name, "p, m", values)
        kind = self.random.randrange(4)
        if kind == 0:
            bias = scale * self.numbers.standard_normal(M)
            read = self.plus(read, self.input(f"{name}b", "m", bias))
            values = values + bias
        elif kind == 1:
            read, values = self.times(read, "0.5"), 0.5 * values
        elif kind == 2:
            read, values = f"{read} - 3.0", values - 3
        return self.maybe(f"{name}s", read), values

    def weight(self):
        """None, or what each point counts."""
        if self.flip():
            return "", np.ones((P, M))
        values = self.numbers.uniform(0.5, 2, M)
        return self.input("w", "m", values), np.broadcast_to(values, (P, M))

    def maximum(self, x):
        kind = self.random.randrange(5)
        if kind == 0:
            return "-" + self.einsum("N", "p", f"-{x}", "min")
        if kind == 1:
            return f"(0.5 * {self.einsum('G', 'p', f'2.0 * {x}', 'max')})"
        if kind == 2:
            return f"({self.einsum('G', 'p', f'{x} + 5.0', 'max')} - 5.0)"
        if kind == 3:
            a = self.einsum("GA", "p", f"select(m < 3, {x}, -inf)", "max")
            b = self.einsum("GB", "p", f"select(m < 3, -inf, {x})", "max")
            return f"max({a}, {b})"
        return self.einsum("G", "p", x, "max")

    def exponential(self, x, most):
        kind = self.random.randrange(5)
        if kind == 0:
            return self.maybe("E", f"exp2(({x} - {most}) * (1.0 / log(2.0)))")
        if kind == 1:
            return self.maybe("E", f"exp({x}) / exp({most})")
        if kind == 2:
            return self.maybe("E", f"1.0 / exp({most} - {x})")
        if kind == 3:
            half = self.maybe("H", f"exp(({x} - {most}) / 2.0)")
            return self.maybe("E", f"{half} * {half}")
        return self.maybe("E", f"exp({x} - {most})")

    #===------------------------------------------------------------------===#
    # Statistics
    #===------------------------------------------------------------------===#

    def logsumexp(self):
        x, X = self.element("X", 40)
        most = self.maximum(x)
        weight, W = self.weight()
        e = self.exponential(x, most)
        total = self.sum("D", self.times(e, weight) if weight else e)
        kind = self.random.randrange(3)
        result = self.plus(most, f"log({total})") if kind == 0 else \
            f"{most} - log(1.0 / {total})" if kind == 1 else \
            f"{most} + log2({total}) * log(2.0)"
        self.einsum("R", "p", result)
        self.expected = [np.logaddexp.reduce(x + np.log(w))
                         for x, w in self.rows(X, W)]

    def mean(self, name, x, weight, count):
        kind = self.random.randrange(3)
        terms = self.times(x, weight) if weight else x
        if kind == 0:
            return f"({self.sum(name, terms)} / {count})"
        if kind == 1:
            total = self.sum(f"{name}t", terms)
            return self.einsum(name, "p", f"{total} / {count}")
        total = self.sum(name, f"-({terms})")
        return f"(-{total} / {count})"

    def count(self, weight):
        if weight:
            return self.sum("C", f"{weight}")
        return "extent(m)" if not self.where and self.flip() else \
            self.sum("C", "1.0 + 0.0 * m")

    def variance(self):
        x, X = self.element("X", 3)
        weight, W = self.weight()
        count = self.count(weight)
        mean = self.mean("A", x, weight, count)
        kind = self.random.randrange(4)
        if kind == 0:
            terms = f"pow({x} - {mean}, 2.0)"
        elif kind == 1:
            terms = self.times(x, f"({x} - {mean})")
        elif kind == 2:
            terms = f"({x} * {x} - {mean} * {mean})"
        else:
            d = self.maybe("d", f"{x} - {mean}" if self.flip()
                           else f"{mean} - {x}")
            terms = self.times(d, d)
        total = self.sum("S", self.times(terms, weight) if weight else terms)
        squared = self.flip()
        self.einsum("R", "p", f"{total} / {count}" if squared
                    else f"sqrt({total} / {count})")
        self.expected = []
        for x, w in self.rows(X, W):
            variance = np.average((x - np.average(x, weights=w)) ** 2,
                                  weights=w)
            self.expected.append(variance if squared else np.sqrt(variance))

    def covariance(self):
        x, X = self.element("X", 3)
        y, Y = self.element("Y", 2)
        weight, W = self.weight()
        count = self.count(weight)
        a = self.mean("A", x, weight, count)
        b = self.mean("B", y, weight, count)
        kind = self.random.randrange(4)
        if kind == 0:
            terms = self.times(x, f"({y} - {b})")
        elif kind == 1:
            terms = self.times(f"({x} - {a})", y)
        elif kind == 2:
            terms = f"({x} * {y} - {a} * {b})"
        else:
            terms = self.times(self.maybe("dx", f"{x} - {a}"),
                               self.maybe("dy", f"{y} - {b}"))
        total = self.sum("S", self.times(terms, weight) if weight else terms)
        self.einsum("R", "p", f"{total} / {count}")
        self.expected = [
            np.average((x - np.average(x, weights=w)) *
                       (y - np.average(y, weights=w)), weights=w)
            for x, y, w in self.rows(X, Y, W)]

    def entropy(self):
        x, X = self.element("X", 2)
        most = self.maximum(x)
        e = self.exponential(x, most)
        total = self.sum("D", e)
        kind = self.random.randrange(4)
        if kind == 0:
            share = self.maybe("Q", f"{e} / {total}")
            result = "-" + self.sum("S", f"{share} * log({share})")
        elif kind == 1:
            share = self.maybe("Q", f"{e} / {total}")
            result = self.sum("S", f"{share} * (log({total}) + {most} - {x})")
        elif kind == 2:
            mean = self.sum("S", self.times(e, x))
            result = f"log({total}) + {most} - {mean} / {total}"
        else:
            mean = self.sum("S", self.times(e, f"({x} - {most})"))
            result = f"log({total}) - {mean} / {total}"
        self.einsum("R", "p", result)
        self.expected = []
        for x, in self.rows(X):
            share = np.exp(x - np.logaddexp.reduce(x))
            self.expected.append(-(share * np.log(share)).sum())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--print", action="store_true")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    failed = []
    for kind in KINDS:
        disguises = [Disguise(kind, i, options.seed)
                     for i in range(options.count)]
        module = "".join(disguise.text() for disguise in disguises)
        if options.print:
            print(module)
        derived, remarks = cascades.attn_opt(module, cascades.DERIVED)
        models = cascades.models(module, cascades.DERIVED)
        texts = re.split(r"\n  (?=attn\.cascade)", derived)[1:]
        assert len(texts) == len(disguises)
        worst, wrong = 0, 0
        for disguise, text in zip(disguises, texts):
            try:
                streams = text.count("attn.stream ")
                assert streams == 1, \
                    f"{disguise.name}: {streams} streams\n{text}"
                worst = max(worst, cascades.compare(
                    {"R": np.array(disguise.expected)}, models[disguise.name],
                    disguise.arguments, disguise.name, tolerance=1e-9))
            except AssertionError as error:
                failed.append(f"{error}\nof\n{disguise.text()}")
                wrong += 1
        print(f"{kind}: {len(disguises) - wrong} of {len(disguises)} are one "
              f"stream and have NumPy's value, largest error {worst:.1e}")
    print("\n".join(failed[:3]))
    assert not failed


main()
