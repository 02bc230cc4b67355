#!/usr/bin/env python3
"""Writes tests/reference/tokenizer_files/: tiny vocabularies under the exact pre-processing of public families, and what the reference library
(PyPI `tokenizers`) makes of hard strings with them.

<family>.json are tokenizer.json files as the library reads them; golden.json holds the strings (as hex of their bytes) and, by family, the ids with
special tokens read out of the text, the ids without (where they differ), the fifth string's framed by the template, and decoded text. Variants lay other
steps over a family's file.
The real vocabularies cannot be shipped; their steps can, and those are what differs between families.
    python3 tests/reference/tokenizer_golden.py            # with tokenizers 0.20 or later; test_tokenizer_golden.py compares
"""
import json
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "tokenizer_files"

TEXT = """It's the tale of a king; they'll say he'd been there, wouldn't they? I'M SURE WE'VE SEEN 1234567 of them in 2024, at 12:30.
def merge(left, right):\n    return [x for x in left if x in right]  # comment\n\n\tif (a == b) { call(a, b); }\r\n
The quick brown fox jumps over the lazy dog. Na\u00efve caf\u00e9 cr\u00e8me br\u00fbl\u00e9e, \u00fcber stra\u00dfe. \u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! \u4f60\u597d\uff0c\u4e16\u754c\u3002 \u3053\u3093\u306b\u3061\u306f \uc548\ub155
<html><body class="x">&amp; https://example.org/a/b?c=d&e=f</body></html>   and   then    some     blanks
the the the and and of of to to in in is is that that it it for for was was on on are are with with """ * 3

SIZE = 420  # tokens of a byte-level vocabulary

STRINGS = [
    "", " ", "  ", "a", "Hello world", " leading", "trailing ", "two  blanks   three    four", "\n", "\r\n", "a\r\nb\rc\n\nd\n \n  e", "\t\ttabs\t x\t",
    "It's they'll WE'VE I'm I'M he'd don't 'tis 's 'S '\u017f '\u017fa 'LL 'lL ''s", "1 12 123 1234 12345678 3.14159 1,000,000 \u0661\u0662\u0663\u0664 \u00bd\u00b2 \u2167 x1y22z333",
    "na\u00efve caf\u00e9 nai\u0308ve cafe\u0301 \u1e9b\u0323 \ufb01 \u212b \uac00 \u1100\u1161 e\u0301\u0323", "\u041f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440 \u4f60\u597d\u4e16\u754c \u3053\u3093\u306b\u3061\u306f \uc548\ub155 \u0634\u0643\u0631\u0627 \u05e9\u05dc\u05d5\u05dd \u0928\u092e\u0938\u094d\u0924\u0947 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    "\U0001f600 \U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \u2764\ufe0f \U0001f44d\U0001f3fd", "\U00010348 \U0001d4d0\U0001d7d8 \U00020000 \U000e0041 \U0010fffd \ufffd \ufeff",
    "def f(x):\n    return x**2  # y\n\n\nclass A:\n\tpass\n", "if (a==b){call(a,b);}//--->>>!!!???...", "#include <vector>\r\n\r\nint main() { return 0; }",
    "a\u00a0b\u2003c\u3000d\u2028e\u0085f\u200bg\u202f", "\u00a0\u00a0x \u3000\u3000y", "x\u0000y\u0001z\u007f\u0080", "https://example.org/a/b?c=d&e=f <html>&amp;</html>",
    "\u2581already \u2581\u2581here\u2581 a\u2581b", "<0x0A> <0xZZ> <unk> <0x41>", "<s>in</s> the <|endoftext|> text<|endoftext|> <|eot|>  x", "a <mask> b <mask>  c<mask>",
    "word words sword word. word's \u00e9word word", "  <tool>  </tool>\n <tool>x", "   \n   \n\n   x", " \t \n", "end of text   ", "!\n\n?\r\n", "\u0301combining at start", "A\u0300\u0301\u0302\u0303",
    "the quick brown fox jumps over the lazy dog " * 4, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    b"broken \xff\xfe bytes \xc3( \xe2\x82 cut \xf0\x9f\x98 \xed\xa0\x80 end\xc3", b"\x80\x80abc\xc0\xafdef\xf5\x80\x80\x80",
]

GPT2 = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
O200K = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def byte_level(use_regex, prefix=False):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": use_regex}


def split(regex, behavior="Isolated", invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: regex}, "behavior": behavior, "invert": invert}


def sequence(key, *steps):
    return {"type": "Sequence", key: list(steps)}


def metaspace(scheme, cut):
    return {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": cut}


def replace(pattern, content):
    return {"type": "Replace", "pattern": {"String": pattern}, "content": content}


def frame(token, token_id):
    special, a, b = {"SpecialToken": {"id": token, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}
    return {"type": "TemplateProcessing", "single": [special, a], "pair": [special, a, special | {"SpecialToken": {"id": token, "type_id": 1}}, b],
            "special_tokens": {token: {"id": token, "ids": [token_id], "tokens": [token]}}}


def added(content, token_id, **flags):
    return {"id": token_id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True} | flags


def added_after(vocab, tokens):
    """Added tokens with the ids that the vocabulary gives them, or those that follow it."""
    new = [content for content, _ in tokens if content not in vocab]
    return [added(content, vocab[content] if content in vocab else len(vocab) + new.index(content), **flags) for content, flags in tokens]


SENTENCE_DECODER = sequence("decoders", replace("\u2581", " "), {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0})


def tokenizer_file(model, normalizer=None, pre_tokenizer=None, post_processor=None, decoder=None, added_tokens=()):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": list(added_tokens), "normalizer": normalizer,
            "pre_tokenizer": pre_tokenizer, "post_processor": post_processor, "decoder": decoder,
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False,
                      "byte_fallback": False, "ignore_merges": False} | model}


def train(pre_tokenizer, size, alphabet, specials=()):
    """Vocabulary and merges of a byte-pair model under the given pre-tokenizer."""
    from tokenizers import Tokenizer, models, trainers
    tokenizer = Tokenizer.from_str(json.dumps(tokenizer_file({"vocab": {}, "merges": []}, pre_tokenizer=pre_tokenizer, decoder=byte_level(True))))
    tokenizer.train_from_iterator([TEXT], trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, special_tokens=list(specials), show_progress=False))
    model = json.loads(tokenizer.to_str())["model"]
    return {"vocab": model["vocab"], "merges": model["merges"]}


def byte_family(pre_tokenizer, extra=None, first_added=(), **rest):
    from tokenizers import pre_tokenizers
    model = train(pre_tokenizer, SIZE, sorted(pre_tokenizers.ByteLevel.alphabet()))
    size = len(model["vocab"])
    tokens = added_after(model["vocab"], first_added)
    return tokenizer_file(model | (extra or {}), pre_tokenizer=pre_tokenizer, decoder=byte_level(True), added_tokens=tokens,
                          post_processor=rest.pop("template", lambda first: None)(size), **rest)


def without_bytes(file, missing):
    """The file without the tokens of some byte values and those merged from them, as if trained on text that has none, and with an unknown token. Ids close
    up."""
    merges = [pair for pair in file["model"]["merges"] if not any(letter in part for part in pair for letter in missing)]
    kept = [token for token, _ in sorted(file["model"]["vocab"].items(), key=lambda item: item[1]) if not any(letter in token for letter in missing)]
    vocab = {token: index for index, token in enumerate(kept + ["<unk>"])}
    tokens = added_after(vocab, [("<unk>", {})] + [(token["content"], {}) for token in file["added_tokens"]])
    return file | {"added_tokens": tokens, "model": file["model"] | {"vocab": vocab, "merges": merges, "unk_token": "<unk>"}}


def sentence_family(normalizer, pre_tokenizer, flags):
    """As converted from SentencePiece: byte tokens first, and every way to make a token of two others is a merge."""
    trained = train(metaspace("always", True), SIZE - 160, [])
    control = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    pieces = [piece for piece, _ in sorted(trained["vocab"].items(), key=lambda item: item[1])]
    letters = [piece for piece in pieces if len(piece) == 1]
    vocab = {piece: index for index, piece in enumerate(control + [piece for piece in pieces if len(piece) > 1] + ["\u2581\u2581", "\u2581\u2581\u2581\u2581"] + letters)}
    merges = []
    for piece in vocab:
        ways = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece)) if piece[:cut] in vocab and piece[cut:] in vocab and piece not in control]
        merges += [list(way) for way in sorted(ways, key=lambda way: (vocab[way[0]], vocab[way[1]]))]
    tokens = [added("<unk>", 0), added("<s>", 1), added("</s>", 2)] + added_after(vocab, flags)
    return tokenizer_file({"vocab": vocab, "merges": merges, "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}, normalizer, pre_tokenizer, frame("<s>", 1),
                          SENTENCE_DECODER, tokens)


LLAMA2 = sequence("normalizers", {"type": "Prepend", "prepend": "\u2581"}, replace(" ", "\u2581"))
END = ("<|endoftext|>", {})
MISSING = "q0\u0102\u00e2\u0141\u00a9\u00f1"  # as byte-level files spell q, 0 and the bytes 2, 0xe2, 0x9f, 0xa9, 0xf1, which lie within characters
FAMILIES = {  # name: what makes its tokenizer.json
    "gpt2": lambda: byte_family(byte_level(True), first_added=[END, ("<mask>", {"lstrip": True}), ("<tool>", {"rstrip": True, "special": False})], template=lambda first: byte_level(True)),
    "llama3": lambda: byte_family(sequence("pretokenizers", split(LLAMA3), byte_level(False)), {"ignore_merges": True}, [("<|begin_of_text|>", {}), END, ("<|eot|>", {})],
                                  template=lambda first: sequence("processors", byte_level(True), frame("<|begin_of_text|>", first))),
    "qwen2": lambda: byte_family(sequence("pretokenizers", split(QWEN2), byte_level(False)), None,
                                 [END, ("<tool>", {"special": False}), ("word", {"special": False, "single_word": True, "normalized": True})],
                                 normalizer={"type": "NFC"}, template=lambda first: byte_level(False)),
    "smollm2": lambda: byte_family(sequence("pretokenizers", {"type": "Digits", "individual_digits": True}, byte_level(True)), None, [END, ("<|eot|>", {})]),
    "gaps": lambda: without_bytes(FAMILIES["smollm2"](), MISSING),  # SmolLM2's steps; its vocabulary lacks other bytes
    "llama2": lambda: sentence_family(LLAMA2, None, [("<mask>", {"lstrip": True, "rstrip": True, "normalized": True}), ("word", {"single_word": True, "special": False})]),
    "mistral": lambda: sentence_family(None, metaspace("first", False), [("<tool>", {}), ("</tool>", {"special": False})]),
}


VARIANTS = {  # name: (family, keys of the file that are replaced; of its model, those of the model)
    "prefix_space": ("gpt2", {"pre_tokenizer": byte_level(True, prefix=True)}),
    "whole_text": ("gpt2", {"pre_tokenizer": byte_level(False)}),
    "o200k": ("gpt2", {"pre_tokenizer": sequence("pretokenizers", split(O200K, "Removed", True), byte_level(False))}),
    "contiguous_digits": ("smollm2", {"pre_tokenizer": sequence("pretokenizers", {"type": "Digits", "individual_digits": False}, byte_level(False))}),
    "merged_with_previous": ("gpt2", {"pre_tokenizer": sequence("pretokenizers", split(r"\s", "MergedWithPrevious"), byte_level(False))}),
    "merged_with_next": ("gpt2", {"pre_tokenizer": sequence("pretokenizers", split(" ", "MergedWithNext", kind="String"), byte_level(False))}),
    "contiguous": ("gpt2", {"pre_tokenizer": sequence("pretokenizers", split(r"\p{N}", "Contiguous"), split("e", "Removed", kind="String"), byte_level(False))}),
    "nfkc": ("qwen2", {"normalizer": {"type": "NFKC"}}),
    "nfd": ("qwen2", {"normalizer": {"type": "NFD"}}),
    "missing_dropped": ("gaps", {"model": {"unk_token": None}}),
    "missing_fused": ("gaps", {"model": {"fuse_unk": True}}),
    "nfkd": ("qwen2", {"normalizer": sequence("normalizers", {"type": "NFKD"}, replace("fi", "FI"))}),
    "metaspace_always": ("mistral", {"pre_tokenizer": metaspace("always", True), "decoder": sequence("decoders", {"type": "ByteFallback"}, metaspace("always", True))}),
    "metaspace_never": ("mistral", {"pre_tokenizer": metaspace("never", True), "decoder": sequence("decoders", {"type": "ByteFallback"}, metaspace("never", True))}),
}


def patched(file, patch):
    return file | patch | ({"model": file["model"] | patch["model"]} if "model" in patch else {})


def results(file):
    """Ids and texts by the reference library; bytes that are no UTF-8 reach it as U+FFFD."""
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_str(json.dumps(file))
    texts = [text.decode("utf-8", errors="replace") if isinstance(text, bytes) else text for text in STRINGS]
    read = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    framed = tokenizer.encode(STRINGS[4]).ids
    tokenizer.encode_special_tokens = True
    literal = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    return {"ids": read, "framed": framed, "literal": {str(index): ids for index, ids in enumerate(literal) if ids != read[index]},
            "text": [tokenizer.decode(ids) for ids in literal], "cut": [tokenizer.decode(ids[1:-1]) for ids in literal]}


def derive():
    """Every file of the folder, by name."""
    files = {name: make() for name, make in FAMILIES.items()}
    golden = {"strings": [(text if isinstance(text, bytes) else text.encode()).hex() for text in STRINGS], "families": {}, "variants": {}}
    for name, file in files.items():
        golden["families"][name] = results(file)
    for name, (family, patch) in VARIANTS.items():
        found = results(patched(files[family], patch))
        kept = ("ids", "framed", "text", "cut") if "decoder" in patch else ("ids", "text", "cut") if "model" in patch else ("ids",)
        golden["variants"][name] = {"family": family, "patch": patch} | {key: found[key] for key in kept}
    compact = {f"{name}.json": json.dumps(file, separators=(",", ":")) + "\n" for name, file in files.items()}
    return compact | {"golden.json": json.dumps(golden, separators=(",", ":")) + "\n"}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in derive().items():
        (FOLDER / name).write_text(text, encoding="ascii")
        print(f"{name}: {len(text)} bytes", file=sys.stderr)
