"""What the GPU benchmark runs at a point: attnc and its peers, on the same
tensors. A peer that can't do a point raises, and the point says why."""
import os

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, flex_attention, sdpa_kernel

from attnc_torch import Kernel
from points import DOCUMENT, PREFIX, SINKS, WINDOW
from read_memory import read_memory

SDPA = {"cuDNN": SDPBackend.CUDNN_ATTENTION,
        "FlashAttention": SDPBackend.FLASH_ATTENTION}
DEVICE = "cuda:0"
CAP = 50.0  # as in softcap.mlir


def normal(*shape):
    return torch.randn(*shape, device=DEVICE, dtype=torch.bfloat16)


class Inputs:
    """The tensors of a point. Keys and values lie side by side, so that one
    kernel can read them all."""

    def __init__(self, point):
        self.point = point
        batch, heads, d, n = (point[k] for k in ("batch", "heads", "d", "n"))
        key_heads = point.get("key_heads", heads)
        queries = 1 if point["kind"] == "decode" else n
        self.Q = normal(batch, heads, queries, d)
        self.KV = normal(2, batch, key_heads, n, d)
        self.K, self.V = self.KV
        self.AV = torch.full_like(self.Q, float("nan"))
        self.extra = self.make_extra()

    def make_extra(self):
        """The arguments of the spec between V and AV."""
        spec, n = self.point["spec"], self.point["n"]
        heads, batch = self.point["heads"], self.point["batch"]
        positions = torch.arange(n, device=DEVICE, dtype=torch.int32)
        if spec == "alibi":
            slopes = [2 ** (-8 * (i + 1) / heads) for i in range(heads)]
            return [torch.tensor(slopes, device=DEVICE, dtype=torch.bfloat16)]
        if spec == "sliding_window_sinks":
            sinks = self.point["variant"].startswith("4 sinks")
            return [WINDOW, SINKS if sinks else 0]
        if spec == "documents":
            return [(positions // DOCUMENT * DOCUMENT).repeat(batch, 1)]
        if spec == "prefix":
            return [torch.full((batch,), PREFIX, device=DEVICE,
                               dtype=torch.int32)]
        return [normal(heads, 2 * n - 1)] if spec == "relative_bias" else []

    def is_causal(self):
        # One query at the end sees all keys.
        return self.point["spec"] == "causal"


def make_attnc(inputs, runtime, folder, kernels):
    spec, d = inputs.point["spec"], inputs.point["d"]
    if (spec, d) not in kernels:
        kernels[spec, d] = Kernel(
            runtime, os.path.join(folder, "bench", f"{spec}.{d}.so"), spec)
    return kernels[spec, d].prepare(inputs.Q, inputs.K, inputs.V,
                                    *inputs.extra, inputs.AV)


def make_sdpa(inputs, name):
    gqa = inputs.Q.shape[1] != inputs.K.shape[1]

    def run():
        with sdpa_kernel(SDPA[name]):
            return F.scaled_dot_product_attention(
                inputs.Q, inputs.K, inputs.V, is_causal=inputs.is_causal(),
                **({"enable_gqa": True} if gqa else {}))
    return run


def make_rules(inputs):
    """FlexAttention's score_mod and mask_mod; None for none."""
    spec, n, extra = inputs.point["spec"], inputs.point["n"], inputs.extra
    causal = lambda b, h, i, j: i >= j
    if spec == "alibi":
        return lambda s, b, h, i, j: s + extra[0][h] * (j - i), causal
    if spec == "softcap":
        return lambda s, b, h, i, j: CAP * torch.tanh(s / CAP), causal
    if spec == "relative_bias":
        return lambda s, b, h, i, j: s + extra[0][h, j - i + n - 1], None
    if spec == "documents":
        # By the document's number, as its users write it.
        number = (extra[0] // DOCUMENT)[0].contiguous()
        return None, lambda b, h, i, j: (i >= j) & (number[i] == number[j])
    if spec == "prefix":
        return None, lambda b, h, i, j: (i >= j) | (j < extra[0][b])
    if spec == "sliding_window_sinks" and extra[1]:
        return None, lambda b, h, i, j: (i >= j) & ((i - j < WINDOW) |
                                                    (j < SINKS))
    if spec == "sliding_window_sinks":
        return None, lambda b, h, i, j: (i >= j) & (i - j < WINDOW)
    return None, causal if inputs.is_causal() else None


def make_flex(inputs):
    n = inputs.point["n"]
    score, mask = make_rules(inputs)
    torch._dynamo.reset()
    blocks = flex_attention.create_block_mask(
        mask, inputs.Q.shape[0] if inputs.point["spec"] == "prefix" else None,
        None, n, n, device=DEVICE) if mask else None
    attend = torch.compile(flex_attention.flex_attention, dynamic=False)
    return lambda: attend(inputs.Q, inputs.K, inputs.V, score_mod=score,
                          block_mask=blocks)


def make_sides(inputs, runtime, folder, kernels):
    """Names, and what makes each side's call."""
    yield "attnc", lambda: make_attnc(inputs, runtime, folder, kernels)
    kind = inputs.point["kind"]
    if kind == "variant":
        yield "FlexAttention", lambda: make_flex(inputs)
        return
    for name in SDPA:
        yield name, lambda name=name: make_sdpa(inputs, name)
    if kind == "decode":
        yield "read", lambda: read_memory(inputs.KV)


def get_error(inputs):
    """The relative error of attnc's last 64 rows of the first batch and head;
    all that a mask leaves of their keys is in the reference."""
    rows = min(64, inputs.Q.shape[2])
    n, spec = inputs.point["n"], inputs.point["spec"]
    q = inputs.Q[0, 0, -rows:].double()
    k, v = inputs.K[0, 0].double(), inputs.V[0, 0].double()
    scores = q @ k.T / q.shape[-1] ** 0.5
    if inputs.point["kind"] != "decode":
        i = torch.arange(n - rows, n, device=DEVICE)[:, None]
        j = torch.arange(n, device=DEVICE)[None]
        score, mask = make_rules(inputs)
        zero = torch.zeros((), dtype=torch.int64, device=DEVICE)
        if score:
            scores = score(scores, zero, zero, i, j)
        if mask:
            scores = scores.masked_fill(~mask(zero, zero, i, j), -torch.inf)
    exact = scores.softmax(-1) @ v
    return ((inputs.AV[0, 0, -rows:].double() - exact).norm() /
            exact.norm()).item()
