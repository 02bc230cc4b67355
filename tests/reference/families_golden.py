#!/usr/bin/env python3
"""What PyTorch transformers computes from tiny models of every family that core/model/families/ knows: configurations as transformers saves
them, names and shapes of the tensors, float32 logits of a prompt, and its greedy continuation.

    families_golden.py write FILE           writes the golden file: families_golden.json beside this one
    families_golden.py run DIR ...          loads each checkpoint and prints {DIR: {"logits": .., "greedy": ..}} of the prompt as JSON

The tensors themselves are not stored: entry i of the tensor `name` is

    offset + scale * ((mix(fnv1a(name) + 2654435761 i) >> 20) - 2048) / 2048        all integers modulo 2^32

with mix the finaliser of MurmurHash3, offset 1 and scale 1/4 for norm gains, otherwise offset 0 and scale 1/4 (1/2 for embeddings, heads and
gates of experts); every step is exact in float32. tests/core/model/test_families.cpp computes the same. Needs transformers 5 and torch; only
this script and the pytest that repeats it do.
"""
import json
import pathlib
import sys
import tempfile

import numpy

PROMPT = [3, 17, 0, 29, 11, 36, 5, 22]
GREEDY_TOKENS = 12
SMALL = {"vocab_size": 37, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
         "max_position_embeddings": 128}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 20}

# name: (class of transformers, its configuration)
MODELS = {
    "llama2": ("Llama", {"num_key_value_heads": 4, "head_dim": 6, "rms_norm_eps": 1e-5}),
    "llama3_scaled": ("Llama", {"head_dim": 16, "rope_parameters": {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
                                                                   "high_freq_factor": 4.0, "original_max_position_embeddings": 64}}),
    "llama_linear": ("Llama", {"head_dim": 6, "rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}}),
    "smollm2": ("Llama", {"num_attention_heads": 3, "num_key_value_heads": 1, "head_dim": 8, "tie_word_embeddings": True,
                          "rope_parameters": {"rope_type": "default", "rope_theta": 100000.0}}),
    "mistral": ("Mistral", {"head_dim": 8, "sliding_window": None, "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0}}),
    "qwen2": ("Qwen2", {"tie_word_embeddings": True, "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0}}),
    "qwen3": ("Qwen3", {"head_dim": 8, "tie_word_embeddings": True}),
    "mixtral": ("Mixtral", {"head_dim": 6, "num_local_experts": 4, "num_experts_per_tok": 2}),
    "qwen2_moe": ("Qwen2Moe", {**EXPERTS, "shared_expert_intermediate_size": 28}),
    "qwen2_moe_renormalised": ("Qwen2Moe", {**EXPERTS, "norm_topk_prob": True, "shared_expert_intermediate_size": 0, "qkv_bias": False}),
    "qwen3_moe": ("Qwen3Moe", {**EXPERTS, "head_dim": 8, "norm_topk_prob": True}),
}


def fnv1a(text):
    value = 2166136261
    for byte in text.encode():
        value = (value ^ byte) * 16777619 % 2**32
    return value


def values(name, shape):
    with numpy.errstate(over="ignore"):
        x = numpy.uint32(fnv1a(name)) + numpy.arange(numpy.prod(shape), dtype=numpy.uint32) * numpy.uint32(2654435761)
        x = (x ^ (x >> numpy.uint32(16))) * numpy.uint32(0x85EBCA6B)
        x = (x ^ (x >> numpy.uint32(13))) * numpy.uint32(0xC2B2AE35)
        x ^= x >> numpy.uint32(16)
    unit = ((x >> numpy.uint32(20)).astype(numpy.float32) - numpy.float32(2048)) / numpy.float32(2048)
    is_norm = name.endswith("norm.weight")
    is_wide = any(part in name for part in ("embed_tokens", "lm_head", "gate.weight"))
    return ((1 if is_norm else 0) + numpy.float32(0.5 if is_wide else 0.25) * unit).reshape(shape).astype(numpy.float32)


def run(model):
    """Logits of the prompt and its greedy continuation, computed without a cache; refuses near ties, which rounding would decide."""
    import torch

    with torch.no_grad():
        tokens = list(PROMPT)
        logits = None
        for _ in range(GREEDY_TOKENS):
            all_logits = model(torch.tensor([tokens]), use_cache=False).logits[0]
            logits = all_logits if logits is None else logits
            best = all_logits[-1].topk(2)
            assert best.values[0] - best.values[1] > 1e-4, "a near tie: change the prompt"
            tokens.append(int(best.indices[0]))
    return {"logits": [float(f"{x:.8g}") for x in logits.flatten().tolist()], "greedy": tokens[len(PROMPT):]}


def load(directory):
    """The model in `directory`, where every tensor must be found and none is left over."""
    import torch
    import transformers

    model, loading = transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, output_loading_info=True,
                                                                       attn_implementation="eager")
    assert not loading["missing_keys"] and not loading["unexpected_keys"] and not loading["mismatched_keys"], loading
    return model.eval()


def entry(class_name, settings):
    import transformers
    from safetensors.numpy import load_file, save_file

    config = getattr(transformers, class_name + "Config")(**{**SMALL, "bos_token_id": None, "eos_token_id": None, "pad_token_id": None, **settings})
    with tempfile.TemporaryDirectory() as folder:
        directory = pathlib.Path(folder)
        getattr(transformers, class_name + "ForCausalLM")(config).save_pretrained(directory)
        tensors = {name: values(name, tensor.shape) for name, tensor in load_file(directory / "model.safetensors").items()}
        save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
        saved = json.loads((directory / "config.json").read_text())
        saved.pop("transformers_version")
        return {"config": saved, "tensors": {name: list(tensor.shape) for name, tensor in sorted(tensors.items())}, **run(load(directory))}


def make():
    return {"prompt": PROMPT, "models": {name: entry(*model) for name, model in MODELS.items()}}


def write(path):
    lines = ["{", f'  "prompt": {json.dumps(PROMPT)},', '  "models": {']
    entries = make()["models"]
    for place, (name, model) in enumerate(entries.items()):
        body = ",\n".join(f"      {json.dumps(key)}: {json.dumps(value)}" for key, value in model.items())
        lines.append(f"    {json.dumps(name)}: {{\n{body}\n    }}{',' if place + 1 < len(entries) else ''}")
    pathlib.Path(path).write_text("\n".join(lines + ["  }", "}"]) + "\n")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "write":
        write(sys.argv[2])
    elif len(sys.argv) > 2 and sys.argv[1] == "run":
        print(json.dumps({directory: run(load(directory)) for directory in sys.argv[2:]}))
    else:
        sys.exit(__doc__)
