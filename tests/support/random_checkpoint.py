#!/usr/bin/env python3
"""Writes a Hugging Face directory with random weights of a known model's shape, for tests and benchmarks of memory and time.

    random_checkpoint.py DIR [--shape qwen2.5-0.5b] [--layers N] [--seed S] [--dtype float32]
"""
import argparse
import json
import pathlib

import numpy

# hidden, layers, heads, KV heads, FFN, vocabulary, tied head
SHAPES = {
    "qwen2.5-0.5b": (896, 24, 14, 2, 4864, 151936, True),
    "qwen2.5-1.5b": (1536, 28, 12, 2, 8960, 151936, True),
    "mistral-7b": (4096, 32, 32, 8, 14336, 32000, False),
    "tiny": (32, 2, 4, 2, 48, 256, True),
    "wide-vocabulary": (256, 2, 4, 2, 512, 65536, True),  # nearly all of it is one tensor, whatever the depth
    "wide-ffn": (1024, 1, 8, 2, 8192, 32000, True),  # a similarity matrix of its units is twice the largest tensor
}


def tensor_shapes(hidden, layers, heads, kv_heads, ffn, vocab, tied):
    head = hidden // heads
    yield "model.embed_tokens.weight", (vocab, hidden)
    for layer in range(layers):
        prefix = f"model.layers.{layer}."
        yield prefix + "input_layernorm.weight", (hidden,)
        for name, width in [("q", heads * head), ("k", kv_heads * head), ("v", kv_heads * head)]:
            yield prefix + f"self_attn.{name}_proj.weight", (width, hidden)
            yield prefix + f"self_attn.{name}_proj.bias", (width,)
        yield prefix + "self_attn.o_proj.weight", (hidden, heads * head)
        yield prefix + "post_attention_layernorm.weight", (hidden,)
        for name in ["gate", "up"]:
            yield prefix + f"mlp.{name}_proj.weight", (ffn, hidden)
        yield prefix + "mlp.down_proj.weight", (hidden, ffn)
    yield "model.norm.weight", (hidden,)
    if not tied:
        yield "lm_head.weight", (vocab, hidden)


DTYPES = {"float32": ("F32", 4), "bfloat16": ("BF16", 2)}
DRAWN = 1 << 24  # numbers that are drawn for a tensor; a larger one repeats them


def write_tensors(path, shapes, seed, dtype="float32", deviation=0.02):
    """Little-endian; norms are 1, biases 0, the rest normal with the given standard deviation. bfloat16 is float32 without its last two bytes."""
    header, offset = {}, 0
    code, element = DTYPES[dtype]
    for name, shape in shapes:
        size = element * int(numpy.prod(shape))
        header[name] = {"dtype": code, "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    random = numpy.random.default_rng(seed)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in shapes:
            if name.endswith("norm.weight"):
                values = numpy.ones(shape, numpy.float32)
            elif name.endswith("bias"):
                values = numpy.zeros(shape, numpy.float32)
            else:
                values = numpy.resize(random.standard_normal(min(DRAWN, int(numpy.prod(shape))), numpy.float32) * numpy.float32(deviation), shape)
            if element == 2:
                values = numpy.ascontiguousarray(values.reshape(-1).view(numpy.uint16)[1::2])
            file.write(values.tobytes())


def write_checkpoint(directory, shape="qwen2.5-0.5b", layers=None, seed=0, dtype="float32"):
    hidden, default_layers, heads, kv_heads, ffn, vocab, tied = SHAPES[shape]
    layers = layers or default_layers
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    config = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads,
              "num_key_value_heads": kv_heads, "intermediate_size": ffn, "vocab_size": vocab, "tie_word_embeddings": tied, "rope_theta": 1000000.0,
              "rms_norm_eps": 1e-6, "max_position_embeddings": 32768, "hidden_act": "silu", "torch_dtype": dtype}
    (directory / "config.json").write_text(json.dumps(config, indent=2))
    write_tensors(directory / "model.safetensors", list(tensor_shapes(hidden, layers, heads, kv_heads, ffn, vocab, tied)), seed, dtype)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("directory")
    parser.add_argument("--shape", choices=sorted(SHAPES), default="qwen2.5-0.5b")
    parser.add_argument("--layers", type=int, help="instead of the model's own")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", choices=sorted(DTYPES), default="float32")
    given = parser.parse_args()
    write_checkpoint(given.directory, given.shape, given.layers, given.seed, given.dtype)
