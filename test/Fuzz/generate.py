"""Random well-formed cascades, on inputs where a comparison means something.

Every value carries an interval of what it may be, so that no expression leaves
the range of f32 and functions stay where they are defined; a tensor that may
hold -inf goes only where the language gives that a meaning. What was used is
counted in Cascade.features.
"""
import math
import random
from collections import Counter
from dataclasses import dataclass, field

INF = float("inf")
# Free ranks: their largest extent, and extents that tiles of 8 to 32 divide,
# miss by one, or do not divide at all.
LARGEST = dict(b=3, k=3, g=3, p=41, m=47, n=19)
EXTENTS = dict(b=[1, 2, 3], k=[1, 2, 3], g=[1, 2, 3],
               p=[0, 1, 2, 7, 8, 15, 16, 17, 31, 33, 37, 41],
               m=[0, 1, 2, 7, 8, 9, 16, 17, 23, 31, 32, 33, 47],
               n=[0, 1, 2, 5, 8, 13, 17, 19])
POINTS = 300_000  # of an Einsum at most
# Reducers that a cascade defines.
USER = dict(
    either="attn.reducer @{name}(%a, %b: f32) identity(0) = "
           "%a + %b - %a * %b",
    logadd="attn.reducer @{name}(%a, %b: f32) identity(-inf) = "
           "max(%a, %b) + log(1.0 + exp(-abs(%a - %b)))")


@dataclass
class Tensor:
    name: str
    ranks: tuple
    type: str
    lo: float
    hi: float
    infinite: bool = False  # may hold infinities
    uses: int = 0
    hidden: bool = False  # from later Einsums


@dataclass
class Ex:
    """A scalar expression: kind is f (float), i (integer) or c (condition)."""
    text: str
    kind: str = "f"
    lo: float = -INF
    hi: float = INF
    infinite: bool = False
    compound: bool = True

    def __str__(self):
        return f"({self.text})" if self.compound else self.text


@dataclass
class Cascade:
    name: str
    text: str
    fills: dict
    slices: list
    scalars: dict
    sizes: list
    features: Counter


def atom(text, kind, lo, hi, infinite=False):
    return Ex(text, kind, lo, hi, infinite, compound=False)


def hull(*values):
    return min(values), max(values)


def times(a, b):
    return hull(a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi)


class Generator:
    """Makes one cascade."""

    def __init__(self, seed, name):
        self.rng = random.Random(seed)
        self.name = name
        self.features = Counter()
        self.inputs, self.made, self.lines = [], [], []
        self.fills, self.slices, self.scalars = {}, [], {}
        self.reducers = {}  # their definitions, by name
        self.outputs = []
        self.chooseRanks()

    #===------------------------------------------------------------------===#
    # Choices
    #===------------------------------------------------------------------===#

    def chance(self, share):
        return self.rng.random() < share

    def pick(self, *options):
        return self.rng.choice(options)

    def saw(self, *features):
        self.features.update(features)

    #===------------------------------------------------------------------===#
    # Ranks
    #===------------------------------------------------------------------===#

    def chooseRanks(self):
        self.fixed = dict(e=self.pick(1, 2, 3, 4, 8, 16),
                          f=self.pick(1, 2, 3, 5, 8))
        self.block = self.pick(4, 8)
        self.batch = ("b",) if self.chance(0.4) else ()
        self.heads = self.pick("", "", "k", "kg", "kg")
        self.usedRanks = set()

    def headVars(self):
        return tuple(self.heads)

    def declaration(self):
        """The ranks that are used, each after those it is made of."""
        used = set(self.usedRanks)
        if "h" in used:
            used |= {"k", "g"}
        if "m1" in used:
            used.add("m")
        parts = [name for name in ("b", "k", "g", "p", "m", "n")
                 if name in used]
        if "h" in used:
            parts.insert(parts.index("g") + 1, "h = k * g")
            self.saw("rank product")
        if "m1" in used:
            parts.append(f"m1 = ceildiv(m, {self.block})")
            self.saw("rank ceildiv")
        if "m0" in used:
            parts.append(f"m0 = {self.block}")
        for name, extent in self.fixed.items():
            if name in used:
                parts.append(f"{name} = {extent}")
                self.saw("rank fixed")
        free = [name for name in parts if "=" not in name]
        self.saw(*["rank free"] * len(free))
        return parts, free

    def largest(self, var):
        if var in self.fixed:
            return self.fixed[var]
        if var == "m0":
            return self.block
        if var == "m1":
            return -(-LARGEST["m"] // self.block)
        if var == "h":
            return LARGEST["k"] * LARGEST["g"]
        return LARGEST[var]

    def points(self, variables):
        total = 1
        for var in variables:
            total *= self.largest(var)
        return total

    #===------------------------------------------------------------------===#
    # Inputs
    #===------------------------------------------------------------------===#

    def newName(self, prefix):
        count = sum(1 for t in self.inputs + self.made
                    if t.name.startswith(prefix))
        return f"{prefix}{count}"

    def addInput(self, ranks, type=None, bounds=None, prefix="X"):
        """A tensor of uniformly distributed elements."""
        type = type or self.pick("f32", "f32", "f32", "f32", "bf16", "f16",
                                 "f64" if self.chance(0.3) else "f32")
        lo, hi = bounds or self.pick((-2, 2), (-1, 1), (0, 1), (0.5, 1.5))
        name = self.newName(prefix)
        tensor = Tensor(name, tuple(ranks), type, lo, hi)
        if type == "i1":
            self.fills[name] = "bool:0.6"
        elif type.startswith(("i", "ui")):
            self.fills[name] = f"int:{lo}:{hi}"
        else:
            self.fills[name] = f"uniform:{lo}:{hi}"
        self.inputs.append(tensor)
        self.saw(f"type {type}")
        return tensor

    def scalar(self, kind):
        """A scalar argument; each is there once."""
        name, value = (("a", 0.75) if kind == "f32" else ("w", 5))
        self.scalars[name] = (kind, value)
        self.saw(f"scalar {kind}")
        return atom(f"%{name}", kind[0], value, value)

    #===------------------------------------------------------------------===#
    # Accesses
    #===------------------------------------------------------------------===#

    def index(self, rank, scope, plain):
        """An index into `rank`, and the variables that it has."""
        if rank == "h":
            if scope == "h":
                return "h", ["h"]
            return "(k,g)", ["k", "g"]
        if plain or self.chance(0.85):
            return rank, [rank]
        kind = self.rng.randrange(6)
        if kind == 0:
            self.saw("access shifted")
            return f"{rank} {self.pick('-', '+')} {self.pick(1, 2)}", [rank]
        if kind == 1:
            self.saw("access reversed")
            return f"extent({rank}) - 1 - {rank}", [rank]
        if kind == 2 and rank in ("p", "m"):
            self.saw("access constant")
            return "0", []
        if kind == 3 and rank == "m":
            self.saw("access partition")
            return f"m1 * {self.block} + m0", ["m1", "m0"]
        if kind == 4 and rank == "m1":
            self.saw("access floordiv")
            return f"m floordiv {self.block}", ["m"]
        if kind == 5 and rank in ("m", "n", "p"):
            self.saw("access gather")
            source = self.pick(*[r for r in ("m", "n", "p")])
            table = self.addInput((source,), "i32",
                                  (-1, LARGEST[rank] // 2), "I")
            self.usedRanks.add(source)
            return f"%{table.name}[{source}]", [source]
        return rank, [rank]

    def access(self, tensor, scope, plain=False):
        """An access to `tensor`, and its variables. `scope` is how heads are
        written in this Einsum: `h` or `kg`."""
        texts, variables = [], []
        for rank in tensor.ranks:
            text, used = self.index(rank, scope, plain)
            texts.append(text)
            variables += [var for var in used if var not in variables]
        tensor.uses += 1
        self.usedRanks.update(tensor.ranks)
        self.usedRanks.update(variables)
        kind = "c" if tensor.type == "i1" else (
            "i" if tensor.type[0] in "iu" else "f")
        return atom(f"%{tensor.name}[{','.join(texts)}]", kind, tensor.lo,
                    tensor.hi, tensor.infinite), variables

    #===------------------------------------------------------------------===#
    # Expressions
    #===------------------------------------------------------------------===#

    def literal(self):
        value = self.pick(0.25, 0.5, 1.5, 2.0, 3.0)
        return atom(str(value), "f", value, value)

    def coordinate(self, variables):
        """A float made of rank variables."""
        var = self.pick(*variables)
        self.saw("op coordinate")
        other = self.pick(*variables)
        span = self.largest(var)
        if other != var and self.chance(0.5):
            return Ex(f"0.125 * ({var} - {other})", "f",
                      -0.125 * self.largest(other), 0.125 * span)
        if self.chance(0.3):
            return Ex(f"{var} / (extent({var}) + 1)", "f", 0, 1)
        return Ex(f"0.0625 * {var}", "f", 0, 0.0625 * span)

    def unary(self, x):
        """A function of `x`, or `x` where none of the drawn ones fits."""
        choices = {
            "exp": lambda: x.hi <= 6 and Ex(f"exp({x.text})", "f", 0, 404),
            "exp2": lambda: x.hi <= 9 and Ex(f"exp2({x.text})", "f", 0, 512),
            "tanh": lambda: Ex(f"tanh({x.text})", "f", -1, 1),
            "sigmoid": lambda: Ex(f"sigmoid({x.text})", "f", 0, 1),
            "erf": lambda: Ex(f"erf({x.text})", "f", -1, 1),
            "sin": lambda: abs(x.lo) + abs(x.hi) < 50
            and Ex(f"sin({x.text})", "f", -1, 1),
            "cos": lambda: abs(x.lo) + abs(x.hi) < 50
            and Ex(f"cos({x.text})", "f", -1, 1),
            "abs": lambda: Ex(f"abs({x.text})", "f", 0,
                              max(abs(x.lo), abs(x.hi))),
            "neg": lambda: Ex(f"-{x}", "f", -x.hi, -x.lo),
            "sqrt": lambda: Ex(f"sqrt(abs({x.text}) + 0.25)", "f", 0.5,
                               max(abs(x.lo), abs(x.hi)) ** 0.5 + 0.5),
            "rsqrt": lambda: Ex(f"rsqrt(abs({x.text}) + 0.25)", "f", 0, 2),
            "log": lambda: Ex(f"log(abs({x.text}) + 0.5)", "f", -0.7,
                              0.7 + abs(x.lo) + abs(x.hi)),
            "log2": lambda: x.lo >= 0.4 and Ex(f"log2({x.text})", "f", -1.4,
                                               x.hi),
            "round": lambda: Ex(f"{self.pick('round', 'floor', 'ceil')}"
                                f"(4.0 * {x}) / 4.0", "f", x.lo - 1, x.hi + 1),
            "pow": lambda: abs(x.lo) + abs(x.hi) < 30
            and Ex(f"pow(abs({x.text}) + 0.5, {self.pick('2.0', '0.5')})", "f",
                   0, (max(abs(x.lo), abs(x.hi)) + 0.5) ** 2 + 1),
            "cast": lambda: Ex(f"cast({x.text}, {self.pick('bf16', 'f16')})",
                               "f", x.lo - 1, x.hi + 1),
            "square": lambda: Ex(f"{x} * {x}", "f", 0,
                                 max(x.lo ** 2, x.hi ** 2)),
            "scale": lambda: Ex(f"{x} * 0.5", "f", 0.5 * x.lo, 0.5 * x.hi),
        }
        name = self.pick(*choices)
        if x.infinite:
            return x
        result = choices[name]()
        if not result or max(abs(result.lo), abs(result.hi)) > 5e4:
            return x
        self.saw(f"op {name}")
        result.compound = "(" not in result.text[:8] or name in (
            "round", "square", "scale", "neg")
        return result

    def binary(self, a, b, condition):
        if a.infinite or b.infinite:
            self.saw("op max")
            return Ex(f"max({a.text}, {b.text})", "f", max(a.lo, b.lo),
                      max(a.hi, b.hi), True)
        kind = self.pick("add", "sub", "mul", "mul", "mul", "div", "max", "min",
                         "select")
        if kind == "mul" and max(map(abs, times(a, b))) > 2e4:
            kind = "max"
        self.saw(f"op {kind}")
        if kind == "add":
            return Ex(f"{a} + {b}", "f", a.lo + b.lo, a.hi + b.hi)
        if kind == "sub":
            return Ex(f"{a} - {b}", "f", a.lo - b.hi, a.hi - b.lo)
        if kind == "mul":
            return Ex(f"{a} * {b}", "f", *times(a, b))
        if kind == "div":
            top = 2 * max(abs(a.lo), abs(a.hi))
            return Ex(f"{a} / (abs({b.text}) + 0.5)", "f", -top, top)
        if kind == "select":
            return Ex(f"select({condition.text}, {a.text}, {b.text})", "f",
                      min(a.lo, b.lo), max(a.hi, b.hi))
        lo, hi = (max(a.lo, b.lo), max(a.hi, b.hi)) if kind == "max" else (
            min(a.lo, b.lo), min(a.hi, b.hi))
        return Ex(f"{kind}({a.text}, {b.text})", "f", lo, hi)

    #===------------------------------------------------------------------===#
    # Conditions
    #===------------------------------------------------------------------===#

    def comparison(self, variables):
        """A condition on variables of the Einsum, nothing else."""
        var = self.pick(*variables)
        others = [v for v in variables if v != var]
        bound = self.largest(var)
        kind = self.rng.randrange(9)
        if kind <= 2 and others:
            other = self.pick(*others)
            operator = self.pick("<", "<=", ">", ">=")
            self.saw("filter diagonal")
            shift = self.pick("", f" + {self.rng.randrange(6)}",
                              f" - {self.rng.randrange(6)}",
                              f" + extent({var}) - extent({other})")
            return f"{var} {operator} {other}{shift}"
        if kind == 3 and others:
            self.saw("filter band")
            return f"{var} - {self.pick(*others)} < {self.rng.randrange(9)}"
        if kind == 4:
            self.saw("filter mod")
            return f"{var} mod {self.pick(2, 3)} {self.pick('==', 'ne')} 1"
        if kind == 5:
            self.saw("filter scalar")
            return f"{var} {self.pick('<', '>=')} {self.scalar('i32').text}"
        if kind == 6:
            self.saw("filter extent")
            return f"{var} + {self.rng.randrange(4)} < extent({var})"
        if kind == 7 and others:
            self.saw("filter multiple")
            return f"2 * {var} <= {self.pick(*others)} + {bound // 2}"
        self.saw("filter constant")
        return (f"{var} {self.pick('<', '<=', '>', '==', 'ne')} "
                f"{self.rng.randrange(bound + 1)}")

    def condition(self, variables, scope="kg"):
        """A comparison, or a condition on an input."""
        kind = self.rng.randrange(10)
        inputs = [t for t in self.inputs
                  if t.ranks and len(t.ranks) <= 2 and "h" not in t.ranks
                  and set(t.ranks) <= set(variables)]
        if kind == 0 and variables:
            self.saw("filter tensor length")
            var, by = self.pick(*variables), self.pick(*variables)
            if by in ("m0", "m1"):
                by = var
            length = self.addInput((by,), "i32", (0, self.largest(var)), "len")
            self.usedRanks.add(by)
            return f"{var} < %{length.name}[{by}]"
        floats = [t for t in inputs if t.type[0] in "fb" and not t.infinite]
        if kind == 1 and floats:
            self.saw("filter tensor float")
            text, _ = self.access(self.pick(*floats), scope, plain=True)
            return f"{text.text} > {self.pick('0.25', '0.6')}"
        if kind == 2 and len(variables) > 1 and not {"m0", "m1"} & set(
                variables):
            self.saw("filter tensor flag")
            ranks = self.rng.sample(list(variables), 2)
            mask = self.addInput(ranks, "i1", (0, 1), "mask")
            self.usedRanks.update(ranks)
            return f"%{mask.name}[{','.join(ranks)}]"
        return self.comparison(variables)

    def filter(self, variables, scope):
        """Conditions joined by and, or, not."""
        text = self.condition(variables, scope)
        for _ in range(self.pick(0, 0, 0, 1, 1, 2)):
            join = self.pick("and", "and", "or")
            other = self.condition(variables, scope)
            if self.chance(0.2):
                other = f"not ({other})"
                self.saw("filter not")
            self.saw(f"filter {join}")
            text = f"({text} {join} {other})"
        return text

    #===------------------------------------------------------------------===#
    # Einsums
    #===------------------------------------------------------------------===#

    def emit(self, left, value, reducers=(), filter="", type="", scope="kg",
             bounds=None, infinite=None, prefix="T"):
        """Adds an Einsum; groups k and g on the left at random."""
        left = list(left)
        names, ranks = [], []
        grouped = scope == "kg" and {"k", "g"} <= set(left) and self.chance(0.6)
        for var in left:
            if grouped and var == "g":
                continue
            if grouped and var == "k":
                names.append("(k,g)")
                ranks.append("h")
                self.saw("access group")
            else:
                names.append(var)
                ranks.append(var)
        self.usedRanks.update(left, ranks)
        named = [f"{self.getReducer(op)} {var}" for op, var in reducers
                 if op != "add" or self.chance(0.3)]
        text = f"attn.einsum [{','.join(names)}] = {value.text}"
        if filter:
            text += f" where ({filter})"
        if named:
            text += f" reduce({', '.join(named)})"
        if type:
            text += f" : {type}"
            self.saw(f"einsum type {type}")
        for op, _ in reducers:
            self.saw(f"reduce {op}")
        kinds = {"f": "f32", "i": "i32", "c": "i1"}
        lo, hi = bounds or (value.lo, value.hi)
        tensor = Tensor(self.newName(prefix), tuple(ranks),
                        kinds[value.kind], lo, hi,
                        value.infinite if infinite is None else infinite)
        self.lines.append(f"%{tensor.name} = {text}")
        self.made.append(tensor)
        self.saw("statement einsum")
        return tensor

    def pool(self, scope=None, finite=True):
        """Tensors to read: mostly what was made last."""
        floats = [t for t in self.inputs + self.made
                  if t.type[0] in "fb" and not t.hidden
                  and (not finite or not t.infinite)]
        return floats

    def draw(self, finite=True):
        floats = self.pool(finite=finite)
        recent = [t for t in self.made[-3:] if t in floats]
        if recent and self.chance(0.6):
            return self.pick(*recent)
        if floats and self.chance(0.7):
            return self.pick(*floats)
        return self.addInput(self.someRanks())

    def someRanks(self):
        ranks = []
        if self.batch and self.chance(0.5):
            ranks.append("b")
        if self.heads and self.chance(0.6):
            ranks.append(self.pick("k", "h") if self.heads == "kg" else "k")
        ranks += self.rng.sample(["p", "m", "e", "f"], self.pick(1, 2, 2))
        if self.chance(0.1):
            ranks.append("n")
        return ranks

    def getReducer(self, op):
        """How an Einsum calls the reducer; a user's is defined on first use."""
        if op not in USER:
            return op
        name = f"{self.name}_{op}"
        self.reducers[name] = USER[op].format(name=name)
        return f"@{name}"

    def reduceBounds(self, op, value, variables):
        """The interval of a reduction, or None where it may grow too large."""
        count = self.points(variables)
        if op == "add":
            lo, hi = min(0, count * value.lo), max(0, count * value.hi)
            return (lo, hi) if max(-lo, hi) < 2e5 else None
        if op in ("max", "min"):
            return value.lo, value.hi
        if op == "mul":
            powers = count * math.log(max(value.hi, 1)), \
                count * math.log(min(max(value.lo, 0.5), 1))
            if value.lo < 0.5 or powers[0] > 14 or powers[1] < -14:
                return None
            return value.lo ** count, value.hi ** count
        if op == "either":
            return (0, 1) if 0 <= value.lo and value.hi <= 1 else None
        if op == "logadd":
            grows = math.log(max(count, 1))
            return value.lo, value.hi + grows
        return 0, 1

    def step(self):
        """One random Einsum: map, filter, reduce."""
        scope = self.pick("h", "kg", "kg") if self.heads == "kg" else "kg"
        operands, variables = [], []
        for _ in range(self.pick(1, 2, 2, 3)):
            access, used = self.access(self.draw(finite=self.chance(0.8)),
                                       scope)
            merged = variables + [v for v in used if v not in variables]
            if "h" in merged and {"k", "g"} & set(merged):
                continue
            if self.points(merged) > POINTS:
                continue
            operands.append(access)
            variables = merged
        if not operands:
            return
        if not variables:
            variables = ["p"]
            operands.append(self.access(self.addInput(("p",)), scope, True)[0])
        if self.chance(0.15):
            operands.append(self.coordinate(variables))
        if self.chance(0.1):
            operands.append(self.scalar("f32"))
        value = operands[0]
        for operand in operands[1:]:
            if self.chance(0.3):
                operand = self.unary(operand)
            value = self.binary(value, operand,
                                Ex(self.comparison(variables), "c"))
        for _ in range(self.pick(0, 1, 1, 2)):
            value = self.unary(value)
        reduced = [v for v in variables if self.chance(
            0.7 if v in ("m", "n", "e") else 0.2)]
        # A loop inside a loop for each one more.
        free = [v for v in reduced if v in LARGEST or v in ("m1", "h")]
        if len(free) > 1 and self.chance(0.5):
            reduced = [v for v in reduced if v not in free[1:]]
        ops = ["add", "add", "add", "add", "max", "max", "min", "mul"]
        if value.infinite:
            ops = ["max", "min"]
        op = self.pick(*ops)
        # Not drawn with the others: the cascades of a seed would be others.
        own = random.Random(value.text)
        if reduced and not value.infinite and own.random() < 0.15:
            op = own.choice(list(USER))
            value = (Ex(f"cast(sigmoid({value.text}), f32)", "f", 0, 1)
                     if op == "either" else
                     Ex(f"cast({value.text}, f32)", "f", value.lo, value.hi))
        bounds = self.reduceBounds(op, value, reduced)
        if not bounds:
            value = Ex(f"0.25 * tanh({value.text}) + 1.0", "f", 0.75, 1.25)
            op = self.pick("mul", "add")
            bounds = self.reduceBounds(op, value, reduced)
            op = op if bounds else "add"
            bounds = bounds or self.reduceBounds(op, value, reduced)
            if not bounds:
                return
        self.finish(variables, reduced, op, value, bounds, scope)

    def finish(self, variables, reduced, op, value, bounds, scope):
        reducers = [(op, v) for v in reduced]
        # Sums go without saying, or first: then they are innermost.
        if op in ("max", "min") and len(reduced) > 1 and not value.infinite \
                and self.chance(0.3):
            inner = reduced[-1]
            sums = self.reduceBounds("add", value, [inner])
            if sums:
                bounds = sums
                reducers = [(op, v) for v in reduced[:-1]] + [("add", inner)]
                self.saw("reduce two ways")
        left = [v for v in variables if v not in reduced]
        if self.chance(0.3):
            self.rng.shuffle(left)
        filter = self.filter(variables, scope) if self.chance(0.45) else ""
        type = self.pick("f16", "bf16") if self.chance(0.06) and max(
            map(abs, bounds)) < 1e3 else ""
        infinite = value.infinite or (
            bool(reduced) and op in ("max", "min", "logadd"))
        self.emit(left, value, reducers, filter, type, scope, bounds, infinite)

    #===------------------------------------------------------------------===#
    # What attention is made of, in disguises
    #===------------------------------------------------------------------===#

    def softmax(self):
        """Weights over m, with what is summed under them."""
        outer = self.batch + self.headVars() + ("p",)
        key = tuple(v for v in self.batch + self.headVars() if v != "g")
        wide = self.pick(1, 1, 4, 20)
        type = self.pick("f32", "f32", "bf16", "f16")
        Q = self.addInput(self.batch + (("h",) if self.heads == "kg" else
                                        self.headVars()) + ("p", "e"), type,
                          (-wide, wide), "Q")
        K = self.addInput(key + ("m", "e"), type, (-2, 2), "K")
        q, _ = self.access(Q, "kg", plain=True)
        k, _ = self.access(K, "kg", plain=True)
        size = self.fixed["e"] * wide * 2
        score = Ex(f"{q} * {k}", "f", -size, size)
        if self.chance(0.4):
            score = Ex(f"{q} * {k} * {self.pick('0.5', 'rsqrt(extent(e))')}",
                       "f", -size, size)
        variables = outer + ("m",)
        filter = self.filter(variables, "kg") if self.chance(0.6) else ""
        S = self.emit(variables, score, [("add", "e")], filter,
                      bounds=(-size, size), prefix="S")
        if self.chance(0.3):
            S = self.bias(S, variables)
        s, _ = self.access(S, "kg", plain=True)
        stable = size > 20 or S.infinite or self.chance(0.8)
        W, D = self.weights(S, s, variables, outer, stable)
        self.saw("softmax")
        w, d = (self.access(t, "kg", plain=True)[0] for t in (W, D))
        for _ in range(self.pick(1, 1, 2)):
            V = self.addInput(key + ("m", "f"), type, (-2, 2), "V")
            v, _ = self.access(V, "kg", plain=True)
            form = self.rng.randrange(4)
            if form == 0:
                N = self.emit(outer + ("f",), Ex(f"{w} * {v}", "f", -2, 2),
                              [("add", "m")], bounds=(-100, 100))
                n, _ = self.access(N, "kg", plain=True)
                self.output(self.emit(outer + ("f",), Ex(f"{n} / {d}"),
                                      bounds=(-2, 2)))
                continue
            share = f"{w} / {d}"
            if not filter and not S.infinite:  # 0 * (1 / 0) is no 0 / 0
                share = self.pick(share, f"{w} * (1.0 / {d})",
                                  f"1.0 / {d} * {w}")
            if form == 1:
                self.output(self.emit(
                    outer + ("f",), Ex(f"{share} * {v}"), [("add", "m")],
                    bounds=(-2, 2)))
                continue
            A = self.emit(variables, Ex(share), bounds=(0, 1))
            a, _ = self.access(A, "kg", plain=True)
            product = f"{a} * {v}" if form == 2 else f"{v} * {a}"
            self.output(self.emit(outer + ("f",), Ex(product), [("add", "m")],
                                  bounds=(-2, 2)))
        if self.chance(0.3):
            self.saw("softmax moments")
            m = self.emit(outer, Ex(f"{w} * {w}", "f", 0, 50), [("add", "m")],
                          bounds=(0, 3000))
            self.output(m)

    def bias(self, S, variables):
        """A bias, some of which is -inf, or a cap."""
        s, _ = self.access(S, "kg", plain=True)
        if self.chance(0.4):
            self.saw("softmax cap")
            return self.emit(variables, Ex(f"8.0 * tanh({s} / 8.0)"),
                             bounds=(-8, 8), prefix="S")
        B = self.addInput(("p", "m"), "f32", (-1, 1), "B")
        infinite = self.chance(0.6)
        if infinite:
            self.saw("softmax bias -inf")
            B.infinite = True
            self.slices.append(f"{B.name}:m:0=-inf")
            self.slices.append(f"{B.name}:p:0=-inf")
        b, _ = self.access(B, "kg", plain=True)
        return self.emit(variables, Ex(f"{s} + {b}"),
                         bounds=(S.lo - 1, S.hi + 1), infinite=infinite,
                         prefix="S")

    def weights(self, S, s, variables, outer, stable):
        """exp of the scores, relative to their maximum or not, and its sum."""
        if not stable:
            self.saw("softmax unstabilised")
            W = self.emit(variables, Ex(f"exp({s})"), bounds=(0, 2e9))
        else:
            negated = self.chance(0.15)
            if negated:
                self.saw("softmax negated maximum")
                G = self.emit(outer, Ex(f"-{s}", "f", -S.hi, -S.lo),
                              [("min", "m")], infinite=True, prefix="G")
            else:
                G = self.emit(outer, Ex(s.text, "f", S.lo, S.hi),
                              [("max", "m")], infinite=True, prefix="G")
            if self.chance(0.2):
                self.output(G)
            g, _ = self.access(G, "kg", plain=True)
            difference = f"{s} + {g}" if negated else f"{s} - {g}"
            if self.chance(0.25) and not negated:
                self.saw("softmax exp2")
                value = f"exp2(({difference}) * 1.4426950408889634)"
                if S.infinite:
                    value = f"exp2({difference})"
            else:
                value = f"exp({difference})"
            if negated and S.infinite:  # no difference of S6
                value = f"exp({s} - (-{g}))"
            if self.chance(0.15):
                self.saw("softmax factor")
                factor = self.addInput(("m",), "f32", (0.5, 1.5))
                value += f" * {self.access(factor, 'kg', True)[0]}"
            W = self.emit(variables, Ex(value), bounds=(0, 1.5), prefix="W")
        w, _ = self.access(W, "kg", plain=True)
        D = self.emit(outer, Ex(w.text, "f", 0, 1), [("add", "m")],
                      bounds=(0, 100), prefix="D")
        if stable and self.chance(0.3):
            self.saw("softmax logsumexp")
            d, _ = self.access(D, "kg", plain=True)
            g, _ = self.access(G, "kg", plain=True)
            sign = "-" if negated else "+"
            text = f"log({d}) {sign} {g}" if not negated else f"log({d}) - {g}"
            self.output(self.emit(outer, Ex(text), infinite=True,
                                  bounds=(-100, 100)))
        return W, D

    def moments(self):
        """A mean and a variance: two traversals as written."""
        self.saw("moments")
        X = self.addInput(self.batch + ("p", "m"), "f32", (-2, 2))
        outer = self.batch + ("p",)
        x, _ = self.access(X, "kg", plain=True)
        filter = self.filter(outer + ("m",), "kg") if self.chance(0.3) else ""
        mean = self.emit(outer, Ex(f"{x} / extent(m)", "f", -2, 2),
                         [("add", "m")], filter)
        mu, _ = self.access(mean, "kg", plain=True)
        power = self.pick(f"({x} - {mu}) * ({x} - {mu})", f"abs({x} - {mu})",
                          f"max({x} - {mu}, 0.0)")
        self.output(self.emit(outer, Ex(power, "f", 0, 16), [("add", "m")],
                              filter, bounds=(0, 800)))

    def recurrence(self):
        """State carried along p."""
        self.saw("statement iterate")
        X = self.addInput(("p", "e"), "f32", (-1, 1))
        S0 = self.addInput(("e",), "f32", (-1, 1))
        self.usedRanks.update("pe")
        last, all = self.newName("L"), self.newName("C")
        body = self.pick(f"0.5 * %s[e] + %{X.name}[p,e]",
                         f"max(%s[e] - 0.25, %{X.name}[p,e])",
                         f"tanh(%s[e]) * %{X.name}[p,e] + 0.5")
        self.lines.append(
            f"%{last}, %{all} = attn.iterate p init(%s = %{S0.name}) "
            "-> (!attn.tensor<[e], f32>, !attn.tensor<[p, e], f32>) {\n"
            f"    %{last}n = attn.einsum [e] = {body}\n"
            f"    attn.yield %{last}n, %{last}n\n  }}")
        for name, ranks in [(last, ("e",)), (all, ("p", "e"))]:
            tensor = Tensor(name, ranks, "f32", -4, 4)
            self.made.append(tensor)
            self.output(tensor)

    def integers(self):
        """Sums and extremes of integers, and conditions."""
        kind = self.pick("i32", "i32", "i8", "ui8", "i1")
        outer = self.pick(("p",), ("p", "m"), ())
        if kind == "i1":
            X = self.addInput(("p", "m"), "f32", (0, 1))
            x, _ = self.access(X, "kg", plain=True)
            op = self.pick("and", "or")
            reduced = [v for v in ("p", "m") if v not in outer]
            self.output(self.emit(outer, Ex(f"{x} < 0.9", "c", 0, 1),
                                  [(op, v) for v in reduced]))
            return
        X = self.addInput(("p", "m"), kind, (0 if kind == "ui8" else -9, 9))
        x, _ = self.access(X, "kg", plain=True)
        text = self.pick(x.text, f"{x} * 3 + 1", f"{x} floordiv 2",
                         f"{x} mod 4", f"abs({x})", f"max({x}, m)",
                         f"cast({x}, i8) + p")
        reduced = [v for v in ("p", "m") if v not in outer]
        op = self.pick("add", "max", "min")
        filter = self.filter(("p", "m"), "kg") if self.chance(0.5) else ""
        self.output(self.emit(outer, Ex(text, "i", -1e5, 1e5),
                              [(op, v) for v in reduced], filter))

    def choose(self):
        """The best coordinates of what is read as it is: ties are ties."""
        kind = self.pick("f32", "f32", "bf16", "i32")
        X = self.addInput(("p", "m"), kind, (-2, 2))
        source = X
        if self.chance(0.7):
            x, _ = self.access(X, "kg", plain=True)
            source = self.emit(("p", "m"), x, filter=self.filter(
                ("p", "m"), "kg") if self.chance(0.8) else "")
        self.usedRanks.update(("p", "m"))
        source.uses += 1
        if self.chance(0.4):
            self.saw("reduce argmax")
            best = Tensor(self.newName("J"), ("p",), "i32", -1, 50)
            self.lines.append(f"%{best.name} = attn.einsum [p] = "
                              f"%{source.name}[p,m] reduce(argmax m)")
            self.made.append(best)
            self.output(best)
            return
        self.saw("statement topk")
        self.usedRanks.add("e")
        W = Tensor(self.newName("L"), ("p", "e"), source.type, -2, 2)
        self.made.append(W)
        J = Tensor(self.newName("J"), ("p", "e"), "i32", 0, 50)
        self.made.append(J)
        self.lines.append(f"%{W.name}, %{J.name} = attn.topk m to e of "
                          f"%{source.name}")
        self.output(W)
        if self.chance(0.5):
            self.output(J)
        if self.chance(0.5):
            V = self.addInput(("m", "f"), "f32", (-2, 2), "V")
            self.usedRanks.update(("m", "f"))
            self.saw("access gather")
            V.uses += 1
            J.uses += 1
            value = Ex(f"%{V.name}[%{J.name}[p,e],f]", "f", -2, 2)
            self.output(self.emit(("p", "e", "f"), value) if self.chance(0.5)
                        else self.emit(("p", "f"), value, [("add", "e")],
                                       bounds=(-32, 32)))
        # What is absent by a list is refused in other nests: little of that.
        for tensor in self.outputs[-3:] + [W]:
            tensor.hidden = self.chance(0.8)

    #===------------------------------------------------------------------===#
    # The cascade
    #===------------------------------------------------------------------===#

    def output(self, tensor):
        tensor.uses += 1
        if tensor not in self.outputs:
            self.outputs.append(tensor)

    def outputType(self, tensor):
        if tensor.type == "f32" and not tensor.infinite and self.chance(0.15) \
                and max(abs(tensor.lo), abs(tensor.hi)) < 1e4:
            return self.pick("bf16", "f16")
        return tensor.type

    def make(self):
        recipes = [(self.softmax, 0.4), (self.moments, 0.1),
                   (self.recurrence, 0.03), (self.integers, 0.06),
                   (self.choose, 0.07)]
        for recipe, share in recipes:
            if self.chance(share):
                recipe()
        steps = self.pick(0, 1, 2) if self.made else self.pick(2, 3, 4, 5)
        for _ in range(steps):
            self.step()
        while not self.made:
            self.step()
        # What nothing reads is an output, or dead now and then.
        for tensor in self.made:
            if not tensor.uses and self.chance(0.85) or self.chance(0.1):
                self.output(tensor)
        if not self.outputs:
            self.output(self.made[-1])
        if any(t not in self.outputs and not t.uses for t in self.made):
            self.saw("dead einsum")
        self.saw(f"outputs {min(len(self.outputs), 4)}")
        return self.print()

    def print(self):
        parts, free = self.declaration()
        arguments = [f"%{t.name}: !attn.tensor<[{', '.join(t.ranks)}], "
                     f"{t.type}>" for t in self.inputs]
        arguments += [f"%{name}: {kind}"
                      for name, (kind, _) in self.scalars.items()]
        # Every free rank follows from an argument (cascade_c3).
        bound = {rank for t in self.inputs for rank in t.ranks}
        missing = [r for r in free if r not in bound]
        if missing:
            bind = Tensor("bind", tuple(missing), "f32", 0, 1)
            arguments.append(f"%bind: !attn.tensor<[{', '.join(missing)}], "
                             "f32>")
            self.fills["bind"] = "const:1"
            self.inputs.append(bind)
        results = [f"!attn.tensor<[{', '.join(t.ranks)}], "
                   f"{self.outputType(t)}>" for t in self.outputs]
        lines = "\n".join(f"  {line}" for line in self.lines)
        text = "".join(f"{line}\n" for line in self.reducers.values())
        text += (f"attn.cascade @{self.name}({', '.join(arguments)})\n"
                f"    -> ({', '.join(results)})\n"
                f"    ranks({', '.join(parts)}) {{\n{lines}\n"
                f"  attn.yield {', '.join('%' + t.name for t in self.outputs)}"
                "\n}\n")
        sizes = [{rank: self.rng.choice(EXTENTS[rank]) for rank in free}
                 for _ in range(3)]
        return Cascade(self.name, text, self.fills, self.slices,
                       {name: value for name, (_, value)
                        in self.scalars.items()}, sizes, self.features)


def generate(seed, name):
    return Generator(seed, name).make()
