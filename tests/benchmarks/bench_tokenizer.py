#!/usr/bin/env python3
"""Encoding beside the reference library (PyPI tokenizers) on the same text, with the same vocabulary; the ids must be equal.

    cmake --build --preset release --target bench_tokenizer
    VENV/bin/python tests/benchmarks/bench_tokenizer.py TEXT [TEXT ...] [--megabytes 8] [--vocab 16000] [--families gpt2,llama3,...]

Trains a vocabulary on the text under each family's pre-processing (tests/reference/tokenizer_golden.py has them), then encodes the text in one call.
Prints MB/s of both by CPU seconds, one thread each, and the size of the text in tokens. The reference library also keeps offsets of every token.
"""
import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "reference"))
import tokenizer_golden  # noqa: E402


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("texts", nargs="+")
    parser.add_argument("--megabytes", type=float, default=8)
    parser.add_argument("--vocab", type=int, default=16000)
    parser.add_argument("--families", default="gpt2,llama3,qwen2,smollm2,llama2,mistral")
    parser.add_argument("--program", default=".build/release/bin/bench_tokenizer")
    options = parser.parse_args()
    from tokenizers import Tokenizer

    limit = int(options.megabytes * 1e6)
    text = "".join(Path(path).read_text(encoding="utf-8", errors="replace") for path in options.texts)[:limit]
    tokenizer_golden.TEXT = text[: limit // 4]
    tokenizer_golden.SIZE = options.vocab
    size = len(text.encode())
    print("| family | MB | tokens | ours, MB/s | reference, MB/s | ratio | ids |\n|---|---|---|---|---|---|---|")
    for family, make in tokenizer_golden.FAMILIES.items():
        if family not in options.families.split(","):
            continue
        with tempfile.TemporaryDirectory() as folder:
            file, corpus = Path(folder, "tokenizer.json"), Path(folder, "text")
            file.write_text(json.dumps(make()), encoding="utf-8")
            corpus.write_text(text, encoding="utf-8")
            ours = subprocess.run([options.program, file, corpus], check=True, capture_output=True, text=True).stdout.split()
            tokenizer = Tokenizer.from_file(str(file))
        tokenizer.encode_special_tokens = True
        start = time.process_time()
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        theirs = time.process_time() - start
        same = hashlib.sha256("".join(f"{token}\n" for token in ids).encode()).hexdigest() == ours[3]
        pace, their_pace = size / 1e6 / float(ours[1]), size / 1e6 / theirs
        print(f"| {family} | {size / 1e6:.1f} | {len(ids)} | {pace:.1f} | {their_pace:.2f} | {pace / their_pace:.1f} | {'equal' if same else 'DIFFERENT'} |", flush=True)


if __name__ == "__main__":
    main()
