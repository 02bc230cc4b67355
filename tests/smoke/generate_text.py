#!/usr/bin/env python3
"""Seeded text for the smoke experiments: a small language of its own for every domain name.

Words are drawn from a vocabulary whose letters and successions depend on the name, so that a model trained on one domain predicts it
better than the others. Only random.random() is used: its sequence is fixed by Python's documentation, other methods' are not.

    generate_text.py NAME BYTES [SEED]
"""
import random
import sys


def pick(rng, items):
    return items[int(rng.random() * len(items))]


def make_language(rng):
    consonants = [pick(rng, "bcdfghjklmnpqrstvwxz") for _ in range(8)]
    vowels = [pick(rng, "aeiouy") for _ in range(3)]
    words = ["".join(pick(rng, consonants) + pick(rng, vowels) for _ in range(1 + int(rng.random() * 3))) for _ in range(40)]
    successors = {word: [pick(rng, words) for _ in range(4)] for word in words}
    return words, successors


def generate(name, num_bytes, seed):
    rng = random.Random(f"{name} {seed}")
    words, successors = make_language(rng)
    parts, length, word = [], 0, words[0]
    while length < num_bytes:
        end = ".\n" if rng.random() < 0.1 else " "
        parts.append(word + end)
        length += len(word) + len(end)
        word = pick(rng, successors[word]) if rng.random() < 0.9 else pick(rng, words)
    return "".join(parts)[:num_bytes]


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    sys.stdout.write(generate(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) == 4 else 1))
