#!/usr/bin/env python3
"""What PyTorch transformers makes of the windows that `runner --exp smollm2/check.yaml` scored, beside what the runner made of them.

    check.py MODEL RESULTS [--prompt TEXT]

MODEL is the directory that fetch.py wrote, RESULTS the runner's --results. Needs torch, transformers and h5py. For every domain: whether transformers'
tokenizer gives the runner's tokens for the whole held-out text, bits per byte by both, the largest difference of a window; then the greedy
continuation of the prompt. Ends with status 1 where tokens differ or bits per byte are more than 1e-4 apart.
"""
import argparse
import math
import pathlib
import sys

import h5py
import numpy
import torch
import transformers

LENGTH, TOLERANCE = 257, 1e-4  # of check.yaml; bits per byte


def held_out_tokens(results):
    """The held-out token streams of the results' cache by domain, as core/data/token_stream.cpp lays them out."""
    streams = {}
    for path in sorted(results.glob(".cache/text/*/held_out.tokens")):
        data = path.read_bytes()
        size = int.from_bytes(data[12:16], "little")
        vocab, count = (int.from_bytes(data[at:at + 8], "little") for at in (16, 24))
        name_bytes = int.from_bytes(data[36:40], "little")
        tokens = numpy.frombuffer(data, "<u2" if size == 2 else "<i4", count, 40 + name_bytes + 64).astype(numpy.int64)
        streams[vocab, data[40:40 + name_bytes].decode()] = tokens
    return streams


def window_starts(num_tokens, count):
    """Windows that overlap by one token, the last ending with the text; `count` of them, evenly spaced."""
    starts = [0]
    while starts[-1] + LENGTH < num_tokens:
        starts.append(min(starts[-1] + LENGTH - 1, num_tokens - LENGTH))
    return [starts[window * len(starts) // count] for window in range(count)] if len(starts) > count else starts


def bytes_of(tokenizer):
    """What each token stands for, from the byte alphabet that the vocabulary is spelled in."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = dict(zip(map(chr, visible), visible))
    letters |= {chr(256 + index): byte for index, byte in enumerate(byte for byte in range(256) if byte not in visible)}
    special = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
    return {index: b"" if index in special else bytes(letters[letter] for letter in token) for token, index in tokenizer.get_vocab().items()}


def window_bits(model, window):
    with torch.no_grad():
        logits = model(torch.tensor(window[None, :-1])).logits[0].double()
    return -logits.log_softmax(-1)[torch.arange(len(window) - 1), torch.tensor(window[1:])].sum().item() / math.log(2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("--prompt", default="The capital of France is")
    given = parser.parse_args()
    model = transformers.AutoModelForCausalLM.from_pretrained(given.model, dtype=torch.float32).eval()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(given.model / "tokenizer.json"))
    spelled = bytes_of(tokenizer)
    streams = held_out_tokens(given.results)
    wrong = False
    with h5py.File(next(given.results.glob("smollm2_check/*/run.h5"))) as run:
        scores = run["rivals/source_smollm2/bits_per_byte/window_bits_per_byte"]
        domains = scores.dims[0][0].asstr()[()]
        for domain, ours in zip(domains, scores[()]):
            tokens = streams[len(tokenizer), domain]
            text = b"".join(spelled[token] for token in tokens.tolist()).decode()
            tokenizer.backend_tokenizer.encode_special_tokens = True  # text is text
            same_tokens = tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids == tokens[1:].tolist()  # the first is BOS
            windows = [tokens[start:start + LENGTH] for start in window_starts(len(tokens), len(ours))]
            bits = numpy.array([window_bits(model, window) for window in windows])
            lengths = numpy.array([sum(len(spelled[token]) for token in window[1:].tolist()) for window in windows])
            mine, theirs = float((ours * lengths).sum() / lengths.sum()), float(bits.sum() / lengths.sum())
            print(f"{domain}: {len(tokens)} tokens {'equal' if same_tokens else 'DIFFER'}; bits per byte {mine:.6f} here, {theirs:.6f} by transformers "
                  f"{transformers.__version__}; largest difference of a window {numpy.abs(ours - bits / lengths).max():.1e}")
            wrong |= not same_tokens or abs(mine - theirs) > TOLERANCE
    ids = torch.tensor([tokenizer.backend_tokenizer.encode(given.prompt, add_special_tokens=False).ids])
    with torch.no_grad():
        continued = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=32, do_sample=False)
    print(f"{given.prompt!r} continues with {tokenizer.decode(continued[0, ids.shape[1]:], skip_special_tokens=True)!r}")
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
