"""Compares the reference with NumPy.

Every variant is imported into the reference model and evaluated on small random
arrays; here the same attention is computed again from its definition in the
paper, in float64, without the language's rules. So neither the parser, nor the
importer, nor the reference is its own witness.

  oracle.py ROOT [PASS.. [-- OPTION..]]

With passes, the reference evaluates the cascades that the passes make, which
must mean the same; options go to attn-evaluate.
"""
import os
import re
import subprocess
import sys
import tempfile

import numpy as np

inf = np.inf


class Spec:
    """A spec with other fixed extents, evaluated by the reference."""

    def __init__(self, text, **extents):
        for rank, extent in extents.items():
            text, count = re.subn(rf"\b{rank} = \d+", f"{rank} = {extent}",
                                  text)
            assert count == 1, rank
        printed = subprocess.run(
            ["attn-opt", *PASSES, "--attn-print-reference", "-o", os.devnull],
            input=text, text=True, check=True, capture_output=True).stdout
        self.model = printed

    def __call__(self, *options, **arguments):
        """Returns the outputs by name."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.json")
            with open(path, "w") as model:
                model.write(self.model)
            command = ["attn-evaluate", path, folder, *OPTIONS, *options]
            for name, value in arguments.items():
                if np.ndim(value) or isinstance(value, np.ndarray):
                    file = os.path.join(folder, f"{name}.in.npy")
                    np.save(file, value)
                    command.append(f"{name}={file}")
                else:
                    command.append(f"{name}={value}")
            subprocess.run(command, check=True)
            return {name[:-4]: np.load(os.path.join(folder, name))
                    for name in os.listdir(folder)
                    if name.endswith(".npy") and not name.endswith(".in.npy")}


def variant(name, **extents):
    with open(os.path.join(VARIANTS, f"{name}.mlir")) as source:
        return Spec(source.read(), **extents)


#===----------------------------------------------------------------------===#
# Attention by definition
#===----------------------------------------------------------------------===#

def softmax(scores, mask):
    """The weights of each row; a row without a finite score has none."""
    scores = np.where(mask, scores, -inf)
    weights = np.zeros_like(scores)
    for row in np.ndindex(scores.shape[:-1]):
        top = scores[row].max(initial=-inf)
        if top > -inf:
            exps = np.exp(scores[row] - top)
            weights[row] = exps / exps.sum()
    return weights


def repeat_heads(x, groups):
    """Query head h = k * g + g' uses key head k."""
    return np.repeat(x, groups, axis=1)


def scores_of(Q, K):
    return np.einsum("bhpe,bhme->bhpm", Q, K) / np.sqrt(Q.shape[-1])


def attend(Q, K, V, mask=True, change=lambda scores: scores):
    groups = Q.shape[1] // K.shape[1]
    K, V = repeat_heads(K, groups), repeat_heads(V, groups)
    weights = softmax(change(scores_of(Q, K)), mask)
    return np.einsum("bhpm,bhmf->bhpf", weights, V)


def positions(P, M):
    """Of queries and keys, where the last query sits at the last key."""
    return np.arange(P)[:, None] + M - P, np.arange(M)[None, :]


def causal(P, M):
    p, m = positions(P, M)
    return m <= p


#===----------------------------------------------------------------------===#
# Cases
#===----------------------------------------------------------------------===#

rng = np.random.default_rng(20240501)


def normal(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def qkv(b=2, h=4, k=4, p=5, m=7, e=8, f=6):
    return normal(b, h, p, e), normal(b, k, m, e), normal(b, k, m, f)


def softmax_naive():
    Q, K, V = qkv()
    yield variant("softmax_naive", e=8, f=6)(Q=Q, K=K, V=V)["AV"], attend(
        Q, K, V)


def large_scores():
    """Without the maximum these would overflow in any type."""
    Q, K, V = qkv()
    Q = Q * np.float32(3e3)
    yield variant("softmax_naive", e=8, f=6)(Q=Q, K=K, V=V)["AV"], attend(
        np.float64(Q), K, V)


def causal_variants():
    spec = variant("causal", e=8, f=6)
    for p, m in [(7, 7), (1, 7), (3, 8), (7, 4)]:  # the last has empty rows
        Q, K, V = qkv(p=p, m=m)
        yield spec(Q=Q, K=K, V=V)["AV"], attend(Q, K, V, causal(p, m))


def causal_gqa():
    Q, K, V = qkv(h=6, k=2)
    yield variant("causal_gqa", e=8, f=6)(Q=Q, K=K, V=V)["AV"], attend(
        Q, K, V, causal(5, 7))


def to_bf16(x):
    """Drops the low bits: exact in bf16; and the bits that NumPy can save."""
    bits = x.view(np.uint32) & 0xffff0000
    return bits.view(np.float32), (bits >> 16).astype(np.uint16)


def multi_query():
    arrays = qkv(k=1)
    (Q, q), (K, k), (V, v) = [to_bf16(x) for x in arrays]
    yield variant("multi_query", e=8, f=6)(Q=q, K=k[:, 0], V=v[:, 0])[
        "AV"], attend(Q, K, V, causal(5, 7))


def alibi():
    Q, K, V = qkv(h=4, k=2)
    slope = np.float32([0.5, 0.25, 0.125, 0.0625])
    p, m = positions(5, 7)
    expected = attend(Q, K, V, causal(5, 7),
                      lambda s: s - slope[:, None, None] * (p - m))
    yield variant("alibi", e=8, f=6)(Q=Q, K=K, V=V, slope=slope)["AV"], expected


def softcap():
    Q, K, V = qkv(h=4, k=2)
    Q *= 40
    expected = attend(Q, K, V, causal(5, 7), lambda s: 50 * np.tanh(s / 50))
    yield variant("softcap", e=8, f=6)(Q=Q, K=K, V=V)["AV"], expected


def sliding_window_sinks():
    Q, K, V = qkv(h=4, k=2, p=9, m=11)
    p, m = positions(9, 11)
    spec = variant("sliding_window_sinks", e=8, f=6)
    for window, sinks in [(3, 2), (1, 0), (0, 1), (100, 0)]:
        mask = ((p - m < window) | (m < sinks)) & (m <= p)
        yield spec(Q=Q, K=K, V=V, window=window, sinks=sinks)["AV"], attend(
            Q, K, V, mask)


def prefix():
    Q, K, V = qkv()
    p, m = positions(5, 7)
    length = np.int32([0, 4])
    mask = (m <= p) | (m < length[:, None, None, None])
    yield variant("prefix", e=8, f=6)(Q=Q, K=K, V=V, prefix=length)[
        "AV"], attend(Q, K, V, mask)


def documents():
    Q, K, V = qkv(p=9, m=11)
    p, m = positions(9, 11)
    start = np.int32([[0, 0, 3, 3, 3, 3, 8, 8, 11], np.arange(9) - 2])
    mask = (m >= start[:, None, :, None]) & (m <= p)
    yield variant("documents", e=8, f=6)(Q=Q, K=K, V=V, start=start)[
        "AV"], attend(Q, K, V, mask)


def relative_bias():
    Q, K, V = qkv()
    p, m = np.arange(5)[:, None], np.arange(7)
    for distances in (11, 8):
        bias = normal(4, distances)
        all_bias = np.pad(bias, ((0, 0), (0, 11 - distances)))
        yield variant("relative_bias", e=8, f=6)(Q=Q, K=K, V=V, bias=bias)[
            "AV"], attend(Q, K, V, m - p + 4 < distances,
                          lambda s: s + all_bias[:, m - p + 4])


def sigmoid():
    Q, K, V = qkv()
    A = 1 / (1 + np.exp(np.log(7) - scores_of(Q, K)))
    yield variant("sigmoid", e=8, f=6)(Q=Q, K=K, V=V)[
        "AV"], np.einsum("bhpm,bhmf->bhpf", A, V)


def cross_attention():
    Q, K, V = [x.astype(np.float16) for x in qkv(p=3, m=10, e=8, f=12)]
    yield variant("cross_attention", e=8, f=12)(Q=Q, K=K, V=V)["AV"], attend(
        *[np.float64(x) for x in (Q, K, V)])


def additive_bias():
    Q, K, V = qkv()
    bias = normal(4, 5, 7)
    bias[:, :, 2] = -inf
    bias[1, 3] = -inf  # a query of one head that sees nothing
    yield variant("additive_bias", e=8, f=6)(Q=Q, K=K, V=V, bias=bias)[
        "AV"], attend(Q, K, V, change=lambda s: s + bias)


def key_padding():
    Q, K, V = qkv(b=3)
    length = np.int32([7, 0, 4])
    mask = np.arange(7) < length[:, None, None, None]
    result = variant("key_padding", e=8, f=6)(Q=Q, K=K, V=V, len=length)["AV"]
    yield result, attend(Q, K, V, mask)
    yield result[1], 0


def logsumexp():
    Q, K, V = qkv()
    result = variant("logsumexp", e=8, f=6)(Q=Q, K=K, V=V)
    yield result["AV"], attend(Q, K, V)
    yield result["LSE"], np.log(np.exp(scores_of(Q, K)).sum(-1))


def paged_keys():
    """Sequences of 40, 16 and 1 keys in shuffled pages of 16."""
    b, k, e, f = 3, 2, 8, 6
    length = np.int32([40, 16, 1])
    pages = rng.permutation(9).astype(np.int32)
    table = pages.reshape(3, 3)
    table[1, 1:] = -1  # no page; never read
    K, V = normal(9, 16, k, e), normal(9, 16, k, f)
    Q = normal(b, 4, 1, e)
    result = variant("paged_keys", e=e, f=f)(Q=Q, K=K, V=V, table=table,
                                             len=length)["AV"]
    for i in range(b):
        m = np.arange(length[i])
        page = table[i, m // 16]
        keys, values = K[page, m % 16], V[page, m % 16]  # [m, k, e]
        yield result[i:i + 1], attend(Q[i:i + 1],
                                      keys.transpose(1, 0, 2)[None],
                                      values.transpose(1, 0, 2)[None])


def retention():
    """In the paper's parallel form, with what the first state adds."""
    b, h, t, e, f = 2, 3, 6, 4, 5
    Q, K, V = normal(b, h, t, e), normal(b, h, t, e), normal(b, h, t, f)
    gamma, S0 = np.float32([0.9, 0.5, 1]), normal(b, h, e, f)
    n, m = np.arange(t)[:, None], np.arange(t)[None, :]
    g = np.float64(gamma)[:, None, None]
    D = np.where(n >= m, g ** np.maximum(n - m, 0), 0)
    O = np.einsum("bhnm,bhmf->bhnf",
                  np.einsum("bhne,bhme->bhnm", Q, K) * D, V)
    O += g ** (n + 1) * np.einsum("bhne,bhef->bhnf", Q, S0)
    S = g[..., 0, 0][None, :, None, None] ** t * S0 + np.einsum(
        "bhme,bhmf->bhef", g[None] ** (t - 1 - m.T) * K, V)
    result = variant("retention", e=e, f=f)(Q=Q, K=K, V=V, gamma=gamma, S0=S0)
    yield result["O"], O
    yield result["S"], S


def recurrences():
    """Step by step, as the papers' equations have it, a state at a time."""
    b, h, t, e, f = 2, 2, 9, 4, 5
    Q, K, V = normal(b, h, t, e), normal(b, h, t, e), normal(b, h, t, f)
    G, A = normal(b, h, t, e), rng.uniform(0, 1, (b, h, t, e)).astype("f")
    kappa, S0 = normal(b, h, t, e), normal(b, h, e, f)
    beta = rng.uniform(0, 1, (b, h, t)).astype("f")
    g = rng.uniform(-1, 0, (b, h, t)).astype("f")
    T0 = S0.transpose(0, 1, 3, 2).copy()
    sigmoid = lambda x: 1 / (1 + np.exp(-np.float64(x)))
    unit = lambda x: x / np.sqrt(
        (np.float64(x) ** 2).sum(-1, keepdims=True) + 1e-6)
    phi = lambda x: np.where(x > 0, x + 1, np.exp(np.float64(x)))
    eye = np.eye(e)
    column, row = np.s_[..., :, None], np.s_[..., None, :]

    def run(transition, key, query, state):
        """S = A S + k v^T, o = S^T q, for states [key, value]."""
        O = np.zeros((b, h, t, f))
        for i in range(t):
            k = key[:, :, i]
            state = transition(i) @ state + k[column] * V[:, :, i][row]
            O[:, :, i] = np.einsum("bhe,bhef->bhf", query[:, :, i], state)
        return O, state

    PK, PQ = phi(K), phi(Q)
    O, _ = run(lambda i: eye, PK, PQ, np.zeros((b, h, e, f)))
    Z = np.einsum("bhte,bhte->bht", PQ, np.cumsum(PK, axis=2))
    sizes = dict(e=e, f=f)
    result = variant("linear_attention", **sizes)(Q=Q, K=K, V=V)
    yield result["O"], O / Z[..., None]

    gate = sigmoid(G) ** (1 / 16)
    O, S = run(lambda i: gate[:, :, i][column] * eye, K, Q, S0)
    result = variant("gated_linear_attention", **sizes)(Q=Q, K=K, V=V, G=G,
                                                        S0=S0)
    yield result["O"], O
    yield result["S"], S

    KN, B = unit(K), beta[..., None]
    rule = lambda i: eye - B[:, :, i][column] * KN[:, :, i][column] * \
        KN[:, :, i][row]
    O, S = run(rule, B * KN, Q, S0)
    result = variant("delta_net", **sizes)(Q=Q, K=K, V=V, beta=beta, S0=S0)
    yield result["O"], O
    yield result["S"], S

    decay = np.exp(np.float64(g))[..., None, None]
    O, S = run(lambda i: decay[:, :, i] * rule(i), B * KN, Q, S0)
    result = variant("gated_delta_net", **sizes)(Q=Q, K=K, V=V, beta=beta, g=g,
                                                 S0=S0)
    yield result["O"], O
    yield result["S"], S

    KH, D = unit(kappa), np.exp(-np.exp(-0.5) * sigmoid(G))
    O, S = run(lambda i: D[:, :, i][column] * eye -
               (A * KH)[:, :, i][column] * KH[:, :, i][row], K, Q, S0)
    result = variant("rwkv7", **sizes)(R=Q, K=K, V=V, kappa=kappa, a=A, w=G,
                                       S0=T0)
    yield result["O"], O
    yield result["S"], S.transpose(0, 1, 3, 2)


def int8_block_scales():
    Q, _, _ = qkv(h=4, k=2, p=3, m=150)
    K, V = [rng.integers(-128, 128, (2, 2, 150, d)).astype(np.int8)
            for d in (8, 6)]
    Kscale, Vscale = [rng.uniform(0.005, 0.02, (2, 2, 3)).astype(np.float32)
                      for _ in range(2)]
    K8, V8 = [x * np.repeat(np.float64(scale), 64, axis=2)[:, :, :150, None]
              for x, scale in ((K, Kscale), (V, Vscale))]
    yield variant("int8_block_scales", e=8, f=6)(
        Q=Q, K=K, V=V, Kscale=Kscale, Vscale=Vscale)["AV"], attend(
            Q, K8, V8, causal(3, 150))


def int8_scores():
    Q = rng.integers(-128, 128, (2, 4, 3, 8)).astype(np.int8)
    K = rng.integers(-128, 128, (2, 2, 150, 8)).astype(np.int8)
    V, v = to_bf16(normal(2, 2, 150, 6))
    Qscale, Kscale = [rng.uniform(0.005, 0.02, (2, h, blocks)).astype(
        np.float32) for h, blocks in ((4, 1), (2, 3))]
    q = Q * np.float64(Qscale)[..., None]
    k = K * np.repeat(np.float64(Kscale), 64, axis=2)[:, :, :150, None]
    yield variant("int8_scores", e=8, f=6)(
        Q=Q, K=K, V=v, Qscale=Qscale, Kscale=Kscale)["AV"], attend(
            q, k, V, causal(3, 150))


def softmax_backward():
    """Against central differences of the forward pass."""
    shape = dict(b=1, h=2, k=2, p=3, m=4, e=5, f=6)
    Q, K, V = [np.float64(x) for x in qkv(**shape)]
    dAV = np.float64(normal(1, 2, 3, 6))
    scores = scores_of(Q, K)
    given = dict(Q=Q, K=K, V=V, dAV=dAV, AV=attend(Q, K, V),
                 LSE=np.log(np.exp(scores).sum(-1)))
    spec = variant("softmax_backward", e=5, f=6)
    spec.model = spec.model.replace('"type":"f32"', '"type":"f64"')
    result = spec(**given)

    def gradient(x):
        grad, step = np.zeros_like(x), 1e-5
        for i in np.ndindex(x.shape):
            old, losses = x[i], []
            for x[i] in (old + step, old - step):
                losses.append((attend(Q, K, V) * dAV).sum())
            x[i] = old
            grad[i] = (losses[0] - losses[1]) / (2 * step)
        return grad

    for name, x in [("dQ", Q), ("dK", K), ("dV", V)]:
        yield result[name], gradient(x), 1e-8


def minilm():
    """PyTorch's results on a model's data (test/Data/README.md)."""
    def load(name):
        return np.load(os.path.join(DATA, "minilm", f"{name}.npy"))

    # Two heads are enough here.
    Q, K, V = [load(name)[:, :2] for name in "QKV"]
    for name, output in [("softmax_naive", "AV_full"), ("causal", "AV_causal")]:
        yield variant(name, e=32, f=32)(Q=Q, K=K, V=V)[
            "AV"], load(output)[:, :2], 1e-6
    Q, K, V = [load(f"padded_{name}")[:, :2] for name in "QKV"]
    yield variant("key_padding", e=32, f=32)(
        Q=Q, K=K, V=V, len=load("padded_lengths"))[
            "AV"], load("padded_AV")[:, :2], 1e-6
    Q, K, V, dAV = [load(f"grad_{name}") for name in ("Q", "K", "V", "dAV")]
    forward = variant("logsumexp", e=32, f=32)(Q=Q, K=K, V=V)
    result = variant("softmax_backward", e=32, f=32)(
        Q=Q, K=K, V=V, dAV=dAV, AV=np.float32(forward["AV"]),
        LSE=np.float32(forward["LSE"]))
    for name in ("dQ", "dK", "dV"):
        yield result[name], load(f"grad_{name}"), 1e-5


def streams():
    """The one-pass form in docs/spec.md, in chunks, in order and as a tree."""
    with open(os.path.join(ROOT, "docs", "spec.md")) as source:
        text = re.search(r"attn\.cascade @one_pass.*?\n}", source.read(),
                         re.DOTALL).group()
    spec = Spec(text)
    scores, V = 100 * normal(4, 9), normal(9, 3)
    scores[1] = -inf
    scores[2, :5] = -inf
    expected = softmax(scores, True) @ V
    for options in [(), ("--chunk=1",), ("--chunk=4",), ("--chunk=2", "--tree")]:
        yield spec(*options, QK=scores, V=V)["AV"], expected


def top_keys():
    text = """
      attn.cascade @top(%X: !attn.tensor<[b, m, e], f32>)
          -> (!attn.tensor<[b, s, e], f32>, !attn.tensor<[b, s, e], i32>)
          ranks(b, m, e, s = 3) {
        %W, %I = attn.topk m to s of %X
        attn.yield %W, %I
      }"""
    X = normal(2, 6, 4)
    X[0, 1] = X[0, 4]  # ties go to the smaller coordinate
    result = Spec(text)(X=X)
    order = np.argsort(-X, axis=1, kind="stable")[:, :3]
    yield result["I"], order
    yield result["W"], np.take_along_axis(X, order, axis=1)


def top_payload():
    text = """
      attn.cascade @top(%X: !attn.tensor<[b, m, e], f32>,
                        %Y: !attn.tensor<[b, m, e], f32>)
          -> (!attn.tensor<[b, s, e], f32>, !attn.tensor<[b, s, e], i32>)
          ranks(b, m, e, s = 3) {
        %W, %I, %P = attn.topk m to s of %X with %Y
        attn.yield %P, %I
      }"""
    X, Y = normal(2, 6, 4), normal(2, 6, 4)
    result = Spec(text)(X=X, Y=Y)
    order = np.argsort(-X, axis=1, kind="stable")[:, :3]
    yield result["I"], order
    yield result["P"], np.take_along_axis(Y, order, axis=1)


def best_key():
    text = """
      attn.cascade @best(%X: !attn.tensor<[b, m, e], f32>)
          -> (!attn.tensor<[b, e], i32>, !attn.tensor<[e], i32>)
          ranks(b, m, e) {
        %B = attn.einsum [b, e] = %X[b, m, e] reduce(argmax m)
        %N = attn.einsum [e] = %X[0, m, e] where (m < 0) reduce(argmax m)
        attn.yield %B, %N
      }"""
    X = normal(2, 6, 4)
    X[0, 1] = X[0, 4] = 10
    result = Spec(text)(X=X)
    yield result["B"], X.argmax(axis=1)
    yield result["N"], -1
    # The maximum is NaN, which no coordinate has.
    X[1, 3, 2] = np.nan
    yield Spec(text)(X=X)["B"], np.where(np.isnan(X).any(axis=1), -1,
                                         X.argmax(axis=1))


def log_sums():
    text = """
      attn.cascade @lse(%X: !attn.tensor<[p, m, e], f64>, %n: i32)
          -> (!attn.tensor<[p], f64>, !attn.tensor<[e], f64>,
              !attn.tensor<[p, m], f64>)
          ranks(p, m, e) {
        %L = attn.einsum [p] = %X[p, m, e] where (m < %n) reduce(lse m, lse e)
        %S = attn.einsum [e] = %X[p, m, e] reduce(lse p, add m)
        %P = attn.einsum [p, m] = exp(%X[p, m, 0] - %L[p])
        attn.yield %L, %S, %P
      }"""
    spec = Spec(text)
    X = 300 * rng.standard_normal((4, 5, 3))
    X[1] = -np.inf
    X[2, 1:4] = -np.inf

    def lse(x, axis):
        return np.logaddexp.reduce(x, axis=axis)

    for n in (5, 3, 0):
        result = spec(X=X, n=n)
        L = lse(X[:, :n].reshape(4, -1), 1)
        yield result["L"], L
        yield result["S"], lse(X.sum(axis=1), 0)
        P = np.where(np.isneginf(X[:, :, 0]) & np.isneginf(L)[:, None], -np.inf,
                     X[:, :, 0] - np.where(np.isneginf(L), 0, L)[:, None]
                     + np.where(np.isneginf(L), np.inf, 0)[:, None])
        yield result["P"], np.exp(P)


def expressions():
    """Operators whose definition a reader could doubt."""
    text = """
      attn.cascade @ops(%i: !attn.tensor<[m], i32>, %j: !attn.tensor<[m], i32>,
                        %x: !attn.tensor<[m], f32>)
          -> (!attn.tensor<[m], i32>, !attn.tensor<[m], i32>,
              !attn.tensor<[m], i32>, !attn.tensor<[m], f32>,
              !attn.tensor<[m], f32>, !attn.tensor<[m], i32>,
              !attn.tensor<[m], f32>, !attn.tensor<[m], f32>)
          ranks(m) {
        %fd = attn.einsum [m] = %i[m] floordiv %j[m]
        %cd = attn.einsum [m] = %i[m] ceildiv %j[m]
        %md = attn.einsum [m] = %i[m] mod %j[m]
        %dv = attn.einsum [m] = %i[m] / %j[m]
        %rd = attn.einsum [m] = round(%x[m] / 2)
        %ct = attn.einsum [m] = cast(%x[m] / 2, i8)
        %pr = attn.einsum [m] = select(%x[m] < 0 and not m == 1, -%x[m], pow(2, m))
        %sh = attn.einsum [m] = %x[m] - %x[m - 1]
        attn.yield %fd, %cd, %md, %dv, %rd, %ct, %pr, %sh
      }"""
    i = np.int32([7, -7, 7, -7, 0, 6])
    j = np.int32([2, 2, -2, -2, 3, 3])
    x = np.float32([5, -5, 3, -1000, 1000, -7])
    result = Spec(text)(i=i, j=j, x=x)
    yield result["fd"], i // j
    yield result["cd"], -(-i // j)
    yield result["md"], i % j
    yield result["dv"], i / j
    yield result["rd"], np.round(x / 2)
    yield result["ct"], np.clip(np.trunc(x / 2), -128, 127)
    m = np.arange(6)
    yield result["pr"], np.where((x < 0) & (m != 1), -x, 2.0 ** m)
    yield result["sh"], np.where(m == 0, 0, x - np.roll(x, 1))


def filtered_contraction():
    """A filter without the reduced variable takes the coordinate out (S4)."""
    text = """
      attn.cascade @filtered(%X: !attn.tensor<[p, m], f32>)
          -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>,
              !attn.tensor<[], f32>, !attn.tensor<[], f32>)
          ranks(p, m) {
        %S = attn.einsum [p] = %X[p, m] where (p < 2 and m < p)
        %M = attn.einsum [p] = %X[p, m] where (m < p) reduce(max m)
        %least = attn.einsum [] = %S[p] reduce(mul p)
        %both = attn.einsum [] = %X[p, m] where (p < 2) reduce(max p)
        attn.yield %S, %M, %least, %both
      }"""
    X = -1 - np.abs(normal(4, 3))
    result = Spec(text)(X=X)
    sums = np.array([X[p, :p].sum() for p in range(2)])
    yield result["S"], np.concatenate([sums, [0, 0]])
    yield result["M"], [-inf, *[X[p, :p].max() for p in range(1, 4)]]
    yield result["least"], sums.prod()
    yield result["both"], X[:2].sum(axis=1).max()


def nested_reducers():
    """The maximum of sums: the filter decides which sums there are (S4)."""
    text = """
      attn.cascade @nested(%X: !attn.tensor<[q, p, m], f32>)
          -> !attn.tensor<[q], f32> ranks(q, p, m) {
        %Y = attn.einsum [q] = %X[q, p, m] where (q < 2 and p ne 1) reduce(max p)
        attn.yield %Y
      }"""
    X = normal(3, 4, 5)
    result = Spec(text)(X=X)
    sums = X[:, [0, 2, 3]].sum(axis=2).max(axis=1)
    yield result["Y"], [*sums[:2], -inf]


def agrees(actual, expected, tolerance):
    expected = np.broadcast_to(np.float64(expected), actual.shape)
    with np.errstate(invalid="ignore"):
        close = np.abs(actual - expected) <= tolerance * (1 + np.abs(expected))
    return bool(np.all(close | (actual == expected)))


CASES = [softmax_naive, large_scores, causal_variants, causal_gqa, multi_query,
         alibi, softcap, sliding_window_sinks, sigmoid, cross_attention,
         additive_bias, key_padding, prefix, documents, relative_bias,
         logsumexp, paged_keys, retention,
         recurrences, int8_block_scales, int8_scores, softmax_backward,
         minilm, streams,
         top_keys, top_payload, best_key, log_sums, expressions,
         filtered_contraction, nested_reducers]


def main():
    failed = []
    for case in CASES:
        for number, (actual, expected, *tolerance) in enumerate(case()):
            # The reference is float64 too; what is left is order of sums, and
            # the rounding of literals and small integers to f32.
            if not agrees(actual, expected, tolerance[0] if tolerance else 1e-6):
                failed.append(f"{case.__name__} {number}")
                print(f"{failed[-1]}: got\n{actual}\nexpected\n{expected}")
    print(f"{len(CASES)} cases, {len(failed)} disagree {failed}")
    return bool(failed)


if __name__ == "__main__":
    ROOT, *PASSES = sys.argv[1:]
    OPTIONS = []
    if "--" in PASSES:
        end = PASSES.index("--")
        PASSES, OPTIONS = PASSES[:end], PASSES[end + 1:]
    VARIANTS = os.path.join(ROOT, "test", "Variants")
    DATA = os.path.join(ROOT, "test", "Data")
    sys.exit(main())
