"""Compares compiled variants with NumPy and with PyTorch's committed results.

The same attention is computed from its definition in the paper, in float64,
without the language's rules, so that the reference is not the only witness.
Outputs start as NaN; tensors are views with strides of many kinds.
"""
import os
import sys

import numpy as np

import compiled

sys.path.insert(0, os.path.join(os.path.dirname(compiled.VARIANTS), "Attn"))
from oracle import attend, causal, positions, repeat_heads, scores_of  # noqa

inf = np.inf
rng = np.random.default_rng(20240607)


def normal(*shape, scale=1):
    return (scale * rng.standard_normal(shape)).astype(np.float32)


def qkv(b=2, h=6, k=6, p=70, m=133, e=64, f=64, scale=1):
    return (normal(b, h, p, e, scale=scale), normal(b, k, m, e, scale=scale),
            normal(b, k, m, f))


def heads_inside(x):
    """The same values, the heads between the tokens."""
    return np.ascontiguousarray(x.swapaxes(1, 2)).swapaxes(1, 2)


class Case:
    """One variant, called with each instruction set."""

    def __init__(self, name, *flags):
        self.kernel = compiled.load(name, *flags)
        self.worst = 0
        self.calls = 0

    def __call__(self, outputs, **arguments):
        """Yields the outputs of a call for each instruction set."""
        for isa in self.kernel.isas:
            results = {name: compiled.poisoned(*shape) if isinstance(
                shape[0], tuple) else compiled.poisoned(shape)
                for name, shape in outputs.items()}
            self.kernel(isa, **arguments, **results)
            self.calls += 1
            yield results

    def compare(self, actual, expected, magnitude):
        """`magnitude`: what f32 rounding errors are relative to; some dozen of
        them may add up."""
        bound = 2e-6 * magnitude + 1e-30
        self.worst = max(self.worst, compiled.worst(actual, expected, bound))


def attention(case, expected, Q, K, V, scores=1, **others):
    shape = (*Q.shape[:-1], V.shape[-1])
    for results in case({"AV": shape}, Q=Q, K=K, V=V, **others):
        case.compare(results["AV"], expected,
                     (1 + scores) * abs(np.float64(V)).max(initial=0))


#===----------------------------------------------------------------------===#
# Cases
#===----------------------------------------------------------------------===#

def softmax_naive():
    case = Case("softmax_naive")
    for p, m in [(1, 1), (70, 133), (129, 64), (3, 0), (2, 5000)]:
        Q, K, V = qkv(h=2, k=2, p=p, m=m)
        attention(case, attend(Q, K, V), Q, heads_inside(K), V)
    Q, K, V = qkv(scale=12.25)  # scores of deviation 150
    attention(case, attend(Q, K, V), heads_inside(Q), K, heads_inside(V), 600)
    Q, K, V = qkv(p=40, m=50)
    reversed_ = K[:, :, ::-1], V[:, :, ::-1]  # negative strides
    attention(case, attend(Q, *reversed_), Q, *reversed_)
    one = np.broadcast_to(K[:1, :1], K.shape), np.broadcast_to(V[:1], V.shape)
    attention(case, attend(Q, *one), Q, *one)  # strides of 0
    wide = normal(2, 6, 40, 200)[..., 3:131:2]  # every other element
    attention(case, attend(wide, K, V), wide, K, V)
    return case


def causal_gqa():
    case = Case("causal_gqa")
    for h, k, p, m in [(6, 2, 70, 70), (4, 4, 1, 300), (6, 1, 33, 100),
                       (4, 2, 100, 33), (2, 1, 3, 9000)]:
        Q, K, V = qkv(1, h, k, p, m, 128, 128)
        attention(case, attend(Q, K, V, causal(p, m)), heads_inside(Q),
                  heads_inside(K), V)
    return case


def multi_query():
    case = Case("multi_query")
    Q, K, V = [compiled.to_bf16(x) for x in qkv(2, 3, 1, 40, 57, 128, 128)]
    q, k, v = [compiled.from_bf16(x) for x in (Q, K, V)]
    expected = attend(q, k, v, causal(40, 57))
    # Weights may be rounded before they multiply (S10), and the result is.
    rounded = attend(q, k, abs(v), causal(40, 57)) + abs(expected)
    for results in case({"AV": (Q.shape, np.uint16)}, Q=Q, K=K[:, 0],
                        V=V[:, 0]):
        case.compare(compiled.from_bf16(results["AV"]), expected,
                     2 ** -8 / 2e-6 * rounded)
    return case


def cross_attention():
    case = Case("cross_attention")
    Q, K, V = [x.astype(np.float16) for x in qkv(p=9, m=130, f=128)]
    expected = attend(*[np.float64(x) for x in (Q, K, V)])
    shape = (*Q.shape[:-1], 128)
    for results in case({"AV": (shape, np.float16)}, Q=Q, K=K, V=V):
        case.compare(results["AV"], expected,
                     2 ** -11 / 2e-6 * (0.2 + abs(expected)))
    return case


def alibi():
    case = Case("alibi")
    Q, K, V = qkv(h=4, k=2, p=50, m=61)
    slope = np.float32([0.5, 0.25, 0.125, 0.0625])
    p, m = positions(50, 61)
    expected = attend(Q, K, V, causal(50, 61),
                      lambda s: s - slope[:, None, None] * (p - m))
    attention(case, expected, Q, K, V, 30, slope=slope)
    return case


def softcap():
    case = Case("softcap")
    Q, K, V = qkv(h=4, k=2, p=50, m=61, e=128, f=128, scale=5)
    expected = attend(Q, K, V, causal(50, 61), lambda s: 50 * np.tanh(s / 50))
    attention(case, expected, Q, K, V, 50)
    return case


def sliding_window_sinks():
    case = Case("sliding_window_sinks")
    for p, m in [(100, 300), (300, 300), (40, 30)]:
        Q, K, V = qkv(1, h=4, k=2, p=p, m=m)
        query, key = positions(p, m)
        for window, sinks in [(3, 2), (129, 0), (0, 1), (64, 16), (0, 0)]:
            mask = ((query - key < window) | (key < sinks)) & (key <= query)
            attention(case, attend(Q, K, V, mask), Q, K, V, window=window,
                      sinks=sinks)
    return case


def sigmoid():
    case = Case("sigmoid")
    Q, K, V = qkv(p=50, m=150)
    A = 1 / (1 + np.exp(np.log(150) - scores_of(Q, K)))
    attention(case, np.einsum("bhpm,bhmf->bhpf", A, V), Q, K, V, 10)
    return case


def additive_bias():
    case = Case("additive_bias")
    Q, K, V = qkv(h=3, k=3, p=50, m=150)
    bias = normal(3, 50, 150)
    bias[:, :, 20:60] = -inf
    bias[1, 30] = -inf  # a query of one head that sees nothing
    expected = attend(Q, K, V, change=lambda s: s + bias)
    assert not expected[:, 1, 30].any()
    attention(case, expected, Q, K, V, bias=bias)
    return case


def key_padding():
    case = Case("key_padding")
    Q, K, V = qkv(b=4, h=2, k=2, p=33, m=200)
    length = np.int32([200, 0, 129, 1])
    mask = np.arange(200) < length[:, None, None, None]
    attention(case, attend(Q, K, V, mask), Q, K, V, len=length)
    return case


def prefix():
    case = Case("prefix")
    for p, m in [(70, 70), (33, 200), (50, 40)]:
        Q, K, V = qkv(b=4, h=2, k=2, p=p, m=m)
        length = np.int32([0, 1, 40, 500])
        query, key = positions(p, m)
        mask = (key <= query) | (key < length[:, None, None, None])
        attention(case, attend(Q, K, V, mask), Q, K, V, prefix=length)
    return case


def documents():
    """Documents of 1, 40 and 79 tokens, then all keys and no key."""
    case = Case("documents")
    for p, m in [(120, 120), (33, 120)]:
        Q, K, V = qkv(b=3, h=2, k=2, p=p, m=m)
        begins = np.repeat([0, 1, 41], [1, 40, 79])[m - p:]
        start = np.int32([begins, np.zeros(p), np.full(p, m)])
        query, key = positions(p, m)
        mask = (key >= start[:, None, :, None]) & (key <= query)
        attention(case, attend(Q, K, V, mask), Q, K, V, start=start)
    return case


def relative_bias():
    case = Case("relative_bias")
    Q, K, V = qkv(h=3, k=3, p=50, m=150)
    query, key = np.arange(50)[:, None], np.arange(150)
    bias = normal(3, 199)
    expected = attend(Q, K, V, change=lambda s: s + bias[:, key - query + 49])
    attention(case, expected, Q, K, V, bias=bias)
    # A table of fewer distances: the others are not attended to.
    mask = key - query + 49 < 120
    near = np.pad(bias[:, :120], ((0, 0), (0, 79)))
    expected = attend(Q, K, V, mask,
                      lambda s: s + near[:, key - query + 49])
    attention(case, expected, Q, K, V, bias=np.ascontiguousarray(bias[:, :120]))
    return case


def logsumexp():
    case = Case("logsumexp")
    Q, K, V = qkv()
    LSE = np.log(np.exp(scores_of(Q, K)).sum(-1))
    for results in case({"AV": Q.shape, "LSE": LSE.shape}, Q=Q, K=K, V=V):
        case.compare(results["AV"], attend(Q, K, V), 2 * abs(V).max())
        case.compare(results["LSE"], LSE, 10)
    for results in case({"LSE": LSE.shape}, Q=Q, K=K, V=V):  # AV not wanted
        case.compare(results["LSE"], LSE, 10)
    return case


def paged_keys():
    """Sequences of 40, 16 and 1 keys in shuffled pages of 16."""
    case = Case("paged_keys")
    length = np.int32([40, 16, 1])
    table = rng.permutation(9).astype(np.int32).reshape(3, 3)
    table[1, 1:] = -1  # no page
    K, V = normal(9, 16, 2, 64), normal(9, 16, 2, 64)
    Q = normal(3, 4, 1, 64)
    expected = []
    for i in range(3):
        m = np.arange(length[i])
        page = table[i, m // 16]
        keys, values = K[page, m % 16], V[page, m % 16]  # [m, k, e]
        expected.append(attend(Q[i:i + 1], keys.transpose(1, 0, 2)[None],
                               values.transpose(1, 0, 2)[None]))
    attention(case, np.concatenate(expected), Q, K, V, table=table, len=length)
    return case


def retention():
    """In the paper's parallel form; and in two calls, which is a loop over
    tokens when the calls are short."""
    case = Case("retention")
    b, h, t, e, f = 2, 3, 50, 64, 64
    Q, K, V = normal(b, h, t, e), normal(b, h, t, e), normal(b, h, t, f)
    gamma, S0 = np.float32([0.9, 0.5, 1]), normal(b, h, e, f)
    n, m = np.arange(t)[:, None], np.arange(t)[None, :]
    g = np.float64(gamma)[:, None, None]
    D = np.where(n >= m, g ** np.maximum(n - m, 0), 0)
    O = np.einsum("bhnm,bhmf->bhnf", np.einsum("bhne,bhme->bhnm", Q, K) * D, V)
    O += g ** (n + 1) * np.einsum("bhne,bhef->bhnf", Q, S0)
    S = g[..., 0, 0][None, :, None, None] ** t * S0 + np.einsum(
        "bhme,bhmf->bhef", g[None] ** (t - 1 - m.T) * K, V)
    shapes = {"O": V.shape, "S": S0.shape}
    for results in case(shapes, Q=Q, K=K, V=V, gamma=gamma, S0=S0):
        case.compare(results["O"], O, 1000)
        case.compare(results["S"], S, 30)
    for isa in case.kernel.isas:
        state, parts = S0, []
        for first, last in [(0, 1), (1, 31), (31, 31), (31, 50)]:
            tokens = np.s_[:, :, first:last]
            out, after = compiled.poisoned(V[tokens].shape), compiled.poisoned(
                S0.shape)
            case.kernel(isa, Q=Q[tokens], K=K[tokens], V=V[tokens],
                        gamma=gamma, S0=state, O=out, S=after)
            state, parts = after, parts + [out]
        case.compare(np.concatenate(parts, axis=2), O, 1000)
        case.compare(state, S, 30)
    return case


def int8_block_scales():
    case = Case("int8_block_scales")
    Q, _, _ = qkv(h=4, k=2, p=30, m=150)
    K, V = rng.integers(-128, 128, (2, 2, 2, 150, 64)).astype(np.int8)
    Kscale, Vscale = rng.uniform(0.005, 0.02, (2, 2, 2, 3)).astype(np.float32)
    K8, V8 = [x * np.repeat(np.float64(scale), 64, axis=2)[:, :, :150, None]
              for x, scale in ((K, Kscale), (V, Vscale))]
    expected = attend(Q, K8, V8, causal(30, 150))
    for results in case({"AV": Q.shape}, Q=Q, K=K, V=V, Kscale=Kscale,
                        Vscale=Vscale):
        case.compare(results["AV"], expected, 5 * abs(V8).max())
    return case


def int8_scores():
    case = Case("int8_scores")
    for p, m in [(30, 150), (257, 129), (1, 300)]:
        Q = rng.integers(-128, 128, (2, 4, p, 128)).astype(np.int8)
        K = rng.integers(-128, 128, (2, 2, m, 128)).astype(np.int8)
        V = compiled.to_bf16(normal(2, 2, m, 128))
        Qscale = normal(2, 4, -(-p // 128), scale=0.01)
        Kscale = normal(2, 2, -(-m // 64), scale=0.01)
        q = Q * np.repeat(np.float64(Qscale), 128, axis=2)[:, :, :p, None]
        k = K * np.repeat(np.float64(Kscale), 64, axis=2)[:, :, :m, None]
        v = compiled.from_bf16(V)
        expected = attend(q, k, v, causal(p, m))
        # Weights may be rounded before they multiply (S10), and the result is.
        rounded = attend(q, k, abs(v), causal(p, m)) + abs(expected)
        for results in case({"AV": (Q.shape, np.uint16)}, Q=Q, K=K, V=V,
                            Qscale=Qscale, Kscale=Kscale):
            case.compare(compiled.from_bf16(results["AV"]), expected,
                         2 ** -8 / 2e-6 * rounded)
    return case


def gradients(Q, K, V, dAV):
    """The textbook formulas, and what the kernel wants besides."""
    scores = scores_of(Q, K)
    A = np.exp(scores - scores.max(-1, keepdims=True))
    total = A.sum(-1)
    LSE = np.log(total) + scores.max(-1)
    A /= total[..., None]
    AV = np.einsum("bhpm,bhmf->bhpf", A, V)
    dA = np.einsum("bhpf,bhmf->bhpm", dAV, V)
    dS = A * (dA - (dA * A).sum(-1, keepdims=True)) / np.sqrt(Q.shape[-1])
    return dict(AV=np.float32(AV), LSE=np.float32(LSE)), dict(
        dQ=np.einsum("bhpm,bhme->bhpe", dS, K),
        dK=np.einsum("bhpm,bhpe->bhme", dS, Q),
        dV=np.einsum("bhpm,bhpf->bhmf", A, dAV))


def softmax_backward():
    case = Case("softmax_backward")
    for p, m in [(37, 70), (130, 129), (1, 20)]:
        Q, K, V = [np.float64(x) for x in qkv(1, 2, 2, p, m)]
        dAV = np.float64(normal(1, 2, p, 64))
        given, expected = gradients(Q, K, V, dAV)
        arrays = {name: np.float32(x) for name, x in
                  dict(Q=Q, K=K, V=V, dAV=dAV, **given).items()}
        for results in case({n: x.shape for n, x in expected.items()},
                            **arrays):
            for name in expected:
                case.compare(results[name], expected[name],
                             4 * (1 + abs(expected[name]).max()))
    return case


def minilm():
    """PyTorch's results on a model's data (test/Data/README.md)."""
    def load(name):
        return np.load(os.path.join(compiled.DATA, f"{name}.npy"))

    size = "--set=e=32", "--set=f=32"
    Q, K, V = [load(name) for name in "QKV"]
    cases = []
    for name, output in [("softmax_naive", "AV_full"), ("causal", "AV_causal")]:
        cases.append(Case(name, *size))
        attention(cases[-1], load(output), Q, K, V, 2)
    Q, K, V = [load(f"padded_{name}") for name in "QKV"]
    cases.append(Case("key_padding", *size))
    attention(cases[-1], load("padded_AV"), Q, K, V, 2,
              len=load("padded_lengths"))
    Q, K, V, dAV = [load(f"grad_{name}") for name in ("Q", "K", "V", "dAV")]
    forward = Case("logsumexp", *size)
    backward = Case("softmax_backward", *size)
    cases += [forward, backward]
    for given in forward({"AV": Q.shape, "LSE": Q.shape[:-1]}, Q=Q, K=K, V=V):
        names = "dQ", "dK", "dV"
        for results in backward(dict.fromkeys(names, Q.shape), Q=Q, K=K, V=V,
                                dAV=dAV, **given):
            for name in names:
                expected = load(f"grad_{name}")
                backward.compare(results[name], expected,
                                 4 * (1 + abs(expected).max()))
    for case in cases[1:]:
        cases[0].calls += case.calls
        cases[0].worst = max(cases[0].worst, case.worst)
    return cases[0]


CASES = [softmax_naive, causal_gqa, multi_query, cross_attention, alibi,
         softcap, sliding_window_sinks, sigmoid, additive_bias, key_padding,
         prefix, documents, relative_bias,
         logsumexp, paged_keys, retention, int8_block_scales, int8_scores,
         softmax_backward, minilm]


def main():
    failed = []
    for run in CASES:
        case = run()
        print(f"{run.__name__:20} {case.calls:3} calls, largest error "
              f"{case.worst:.2g} of the bound")
        if not case.worst <= 1:
            failed.append(run.__name__)
    print(f"{len(CASES)} cases, {len(failed)} disagree {failed}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
