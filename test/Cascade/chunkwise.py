"""Linear recurrences in chunks give what they give step by step.

  chunkwise.py [--count=150] [--seed=1] [--print] [--only=NUMBER]

Recurrences of every family, each written in a seeded random way that leaves its
value alone: factored or multiplied out, over one Einsum or several, decays as
exponentials, sigmoids or plain factors, computed in the body or before it, the
transition as a matrix or applied to the state, states transposed. Each must be
recognised as what it is, and give the same values in float64 at lengths of 0
and 1, primes, and one more and less than a chunk.
"""
import argparse
import random
import re

import numpy as np

import cascades

LENGTHS = [0, 1, 3, 4, 5, 7, 13]
CHUNKS = [1, 3, 4, 8]
FAMILIES = {
    "identity": "identity",
    "scalar": "scalar, ",
    "diagonal": "diagonal, ",
    "delta": "Householder-like (the delta rule)",
    "gated delta": "Householder-like times a scalar",
    "diagonal delta": "diagonal .* plus rank 1",
    "dplr": "diagonal .* plus rank 1",
    "two deltas": "the identity plus rank 2",
}


class Recurrence:
    def __init__(self, name, seed):
        self.name = name
        self.random = random.Random(seed)
        self.inputs, self.before, self.body = [], [], []
        self.arguments, self.names = {}, set()
        self.rng = np.random.default_rng(self.random.randrange(2 ** 32))
        self.family = self.choose(list(FAMILIES))
        self.batch = self.choose([(), ("h",), ("b", "h")])
        self.type = "f64"
        self.extents = dict(b=2, h=2, e=4, e2=4, f=3)
        self.transposed = self.flip()
        self.state = ([*self.batch, "f", "e"] if self.transposed
                      else [*self.batch, "e", "f"])
        self.yields = []
        self.build()

    def choose(self, options):
        return self.random.choice(options)

    def flip(self):
        return self.random.random() < 0.5

    # Inputs: name, ranks, how the values are drawn.
    def input(self, name, ranks, draw="normal"):
        self.inputs.append((name, ranks))
        self.arguments[name] = draw
        return f"%{name}[{','.join(ranks)}]"

    def einsum(self, name, ranks, value, where="", body=True):
        while name in self.names:
            name += "_"
        self.names.add(name)
        lines = self.body if body else self.before
        lines.append(f"%{name} = attn.einsum [{','.join(ranks)}] = {value}"
                     + (f" where ({where})" if where else ""))
        return f"%{name}[{','.join(ranks)}]"

    def times(self, *factors):
        factors = [f for f in factors if f]
        self.random.shuffle(factors)
        return " * ".join(f"({f})" if re.search(r" [-+] ", f) else f
                          for f in factors)

    def plus(self, *terms):
        terms = list(terms)
        self.random.shuffle(terms)
        return " + ".join(terms)

    def maybe_einsum(self, name, ranks, value):
        """`value`, or an Einsum of it: in the body or before the iteration."""
        kind = self.random.randrange(3)
        if kind == 0:
            return f"({value})"
        # What the body computes is not there before it.
        in_body = any(line.split(" ")[0] + "[" in value for line in self.body)
        if kind == 1 or in_body:
            return self.einsum(name, ranks, value)
        text = self.einsum(name, [*ranks, "t"], value, body=False)
        return text

    # Parts
    def vector(self, name, rank, scale="normal"):
        return self.input(name, [*self.batch, "t", rank], scale)

    def at(self, text, old, new):
        return re.sub(rf"\b{old}\b(?=[,\]])", new, text)

    def unit(self, name, rank="e"):
        """A vector of length one or less: products of such are stable."""
        return self.input(name, [*self.batch, "t", rank], "unit")

    def gate(self, diagonal):
        if not diagonal and self.random.randrange(5) == 0:
            self.fixed = True
            return self.input("gamma", list(self.batch), "decay")
        ranks = [*self.batch, "t"] + (["e"] if diagonal else [])
        out = [*self.batch] + (["e"] if diagonal else [])
        kind = self.random.randrange(5)
        if kind == 0:
            return self.maybe_einsum(
                "a", out, f"exp({self.input('g', ranks, 'log')})")
        if kind == 1:
            x = self.input("x", ranks)
            return self.maybe_einsum("a", out, f"sigmoid({x})")
        if kind == 2:
            x = self.input("x", ranks)
            return self.maybe_einsum("a", out, f"pow(sigmoid({x}), 0.0625)")
        if kind == 3:
            return self.input("a", ranks, "factor")
        x = self.input("x", ranks)
        g = self.maybe_einsum("g", out, f"-exp({x})")
        return self.maybe_einsum("a", out, f"exp2({g} * 0.5)")

    def apply(self, decay, low, old):
        """decay * S + sum of x (y^T S), in some way. `low` is a list of
        (scalar, x, y)."""
        rest = [r for r in self.state if r != "e"]
        if self.random.randrange(3) == 0:
            return self.apply_matrix(decay, low, old)
        terms = []
        if decay is None:
            terms.append(old)
        elif self.flip():
            terms.append(self.times(decay, old))
        else:
            terms.append(self.einsum("sd", self.state,
                                     self.times(decay, old)))
        for i, (scalar, x, y) in enumerate(low):
            if self.flip():
                z = self.einsum(f"z{i}", rest, self.times(y, old))
                terms.append(self.times(scalar, x, z))
            else:
                z = self.einsum(f"z{i}", rest, self.times(scalar, y, old))
                terms.append(self.times(x, z))
        return self.plus(*terms)

    def apply_matrix(self, decay, low, old):
        """The transition as a matrix over e and e2."""
        matrix = [*self.batch, "e", "e2"]
        diagonal = "1.0" if decay is None else decay
        if self.flip():
            diagonal = self.at(diagonal, "e", "e2")
        terms = [f"select({self.choose(['e == e2', 'e2 == e'])}, {diagonal}, "
                 "0.0)"]
        for scalar, x, y in low:
            terms.append(self.times(scalar, x, self.at(y, "e", "e2")))
        other = self.at(old, "e", "e2")
        if self.flip():
            a = self.einsum("A", matrix, self.plus(*terms))
            return self.einsum("As", self.state, self.times(a, other))
        return self.einsum("As", self.state,
                           self.times("(" + self.plus(*terms) + ")", other))

    def build(self):
        s = f"%s[{','.join(self.state)}]"
        rest = [r for r in self.state if r != "e"]
        q = self.vector("Q", "e")
        v = self.vector("V", "f")
        update = None
        family = self.family
        self.fixed = False
        if family in ("identity", "scalar", "diagonal"):
            k = self.vector("K", "e")
            decay = None
            if family != "identity":
                decay = self.gate(family == "diagonal")
            kind = self.random.randrange(5)
            if decay is not None and kind == 0:
                new = self.plus(f"{s} - (1.0 - {decay}) * {s}",
                                self.times(k, v))
            elif decay is not None and kind == 1:
                new = f"0.5 * (2.0 * {self.times(decay, s)} + " \
                      f"{self.times(k, v)} + {self.times(v, k)})"
            elif self.flip():
                update = self.einsum("kv", self.state, self.times(k, v))
                new = self.plus(self.apply(decay, [], s), update)
            else:
                new = self.plus(self.apply(decay, [], s), self.times(k, v))
        elif family in ("delta", "gated delta", "diagonal delta"):
            k = self.unit("K")
            beta = self.input("beta", [*self.batch, "t"], "beta")
            decay = None
            if family != "delta":
                decay = self.gate(family == "diagonal delta")
            new = self.delta(s, rest, k, v, beta, decay)
        elif family == "dplr":
            k = self.vector("K", "e")
            decay = self.gate(True)
            x, y = self.unit("X"), self.unit("Y")
            scalar = self.choose(["", "-1.0", "0.5"])
            new = self.plus(self.apply(decay, [(scalar, x, y)], s),
                            self.times(k, v))
        else:
            k = self.unit("K")
            k1 = self.unit("K1")
            v1 = self.vector("V1", "f")
            beta = self.input("beta", [*self.batch, "t"], "beta")
            first = self.einsum("s_", self.state,
                                self.delta(s, rest, k1, v1, "0.75", None))
            new = self.delta(first, rest, k, v, beta, None)
        s1 = self.einsum("s1", self.state, new)
        self.read(q, s, s1, v, rest)

    def delta(self, s, rest, k, v, beta, decay):
        kind = self.random.randrange(4)
        if kind == 0:  # the state decays first
            sd = s
            if decay is not None:
                sd = self.einsum("sd", self.state, self.times(decay, s))
            old = self.einsum("old", rest, self.times(k, sd))
            u = self.einsum("u", rest, f"{v} - {old}")
            return self.plus(sd, self.times(beta, k, u))
        if kind == 1:  # what is added, multiplied out
            sd = self.times(decay, s)
            old = self.einsum("old", rest, self.times(k, decay, s))
            return self.plus(sd, self.times(beta, k, v)) + " - " + \
                self.times(beta, k, old)
        y = self.times(k, decay)
        if kind == 2:
            return self.plus(
                self.apply(decay, [(f"-{beta}" if beta[0] == "%"
                                    else f"(-{beta})", k, y)], s),
                self.times(beta, k, v))
        scaled = self.einsum("bk", [*self.batch, "e"], self.times(beta, k)) \
            if not beta[0] == "%" else self.times(beta, k)
        return self.plus(self.apply(decay, [("-1.0", scaled, y)], s),
                         self.times(scaled, v))

    def read(self, q, s, s1, v, rest):
        out = rest
        kind = self.random.randrange(6)
        if kind == 0:
            o = self.einsum("o", out, self.times(q, s))
        elif kind == 1:
            o = self.einsum("qs", out, self.times(q, s1))
            o = self.einsum("o", out, f"{o} + 0.5 * {v}")
        elif kind == 2:  # not linear, but of a readout
            o = self.einsum("qs", out, self.times(q, s1))
            z = self.vector("Z", "f")
            o = self.einsum("o", out, f"{o} * sigmoid({z}) / (1.0 + {o} * {o})")
        elif kind == 3:
            a = self.einsum("qs", out, self.times(q, s1))
            b = self.einsum("qb", out, self.times(q, s))
            o = self.einsum("o", out, f"{a} + 2.0 * {b}")
        else:
            o = self.einsum("o", out, self.times(q, s1))
        self.out = out
        self.s1 = s1

    def text(self):
        out = list(self.out)
        position = len(self.batch)
        whole = out[:position] + ["t"] + out[position:]
        tensor = lambda ranks: f"!attn.tensor<[{', '.join(ranks)}], {self.type}>"
        inputs = [f"%{name}: {tensor(ranks)}" for name, ranks in self.inputs]
        inputs.append(f"%S0: {tensor(self.state)}")
        ranks = [*self.batch, "t", "e = 4", "e2 = 4", "f = 3"]
        lines = "\n".join("  " + line for line in self.before)
        body = "\n".join("    " + line for line in self.body)
        name = self.s1[1:self.s1.index("[")]
        return f"""attn.cascade @{self.name}({', '.join(inputs)})
    -> ({tensor(whole)}, {tensor(self.state)}) ranks({', '.join(ranks)}) {{
{lines}
  %S, %O = attn.iterate t init(%s = %S0) -> ({tensor(self.state)}, {tensor(whole)}) {{
{body}
    attn.yield %{name}, %o
  }}
  attn.yield %O, %S
}}
"""

    def make_arguments(self, length):
        extents = dict(self.extents, t=length)
        result = {}
        for name, ranks in [*self.inputs, ("S0", self.state)]:
            shape = [extents[rank] for rank in ranks]
            draw = self.arguments.get(name, "normal")
            value = self.rng.standard_normal(shape)
            if draw == "unit":
                value /= np.sqrt((value ** 2).sum(-1, keepdims=True))
            elif draw == "beta":
                value = self.rng.uniform(0, 1, shape)
            elif draw == "decay":
                value = self.rng.uniform(0.5, 1, shape)
            elif draw == "factor":  # 0 and negative ones, too
                value = self.rng.uniform(-0.5, 1, shape)
                value[self.rng.uniform(size=shape) < 0.1] = 0
            elif draw == "log":
                value = -np.abs(value) * self.choose([0.1, 1, 30])
            result[name] = np.asarray(value)
        return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    parser.add_argument("--print", action="store_true")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    numbers = range(options.count) if options.only is None else [options.only]
    recurrences = [Recurrence(f"recurrence{i}", f"{options.seed}.{i}")
                   for i in numbers]
    module = "".join(recurrence.text() for recurrence in recurrences)
    if options.print:
        print(module)
    worst, failed, count = 0, [], 0
    naive = cascades.models(module)
    derived, remarks = {}, {}
    for chunk in CHUNKS:
        passes = f"attn-chunkwise{{chunk={chunk}}}"
        text, remark = cascades.attn_opt(module, passes)
        again, _ = cascades.attn_opt(text)
        assert again == text, "a chunkwise form changes when it is read again"
        if options.print:
            print(text)
        derived[chunk] = cascades.models(module, passes)
        remarks[chunk] = [line for line in remark.splitlines()
                          if "remark: " in line]
    for i, recurrence in enumerate(recurrences):
        # A chunk each; with --only all.
        for chunk in CHUNKS if options.only is not None else [
                recurrence.choose(CHUNKS)]:
            remark = remarks[chunk][i]
            expected = f"`s`: {re.escape(FAMILIES[recurrence.family])}"
            expected = expected.replace(re.escape(".*"), ".*")
            if not re.search(expected, remark):
                failed.append(f"{recurrence.family}: {remark}\n"
                              + recurrence.text())
                break
            for length in LENGTHS:
                arguments = recurrence.make_arguments(length)
                value = cascades.evaluate(naive[recurrence.name], arguments)
                try:
                    worst = max(worst, cascades.compare(
                        value, derived[chunk][recurrence.name], arguments,
                        f"{recurrence.name} ({recurrence.family}), chunk "
                        f"{chunk}, length {length}", [("whole",)], 1e-10))
                    count += 1
                except AssertionError as error:
                    failed.append(f"{error}\n{recurrence.text()}")
                    break
    print("\n".join(failed[:3]))
    bad = len(failed)
    print(f"{len(recurrences)} recurrences, {count} evaluations, {bad} "
          f"failures, largest error {worst:.1e}")
    assert not failed


main()
