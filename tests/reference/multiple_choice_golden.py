#!/usr/bin/env python3
"""Writes tests/reference/multiple_choice/: a tiny random model, 20 questions, and what lm-evaluation-harness makes of them.

golden.json holds, for every task, the parameters under which eval.multiple_choice must find the same, the log-likelihood of every choice, and the
metrics with the harness's own standard errors. tests/plugins/eval/test_multiple_choice.cpp compares.
Needs PyPI's lm-eval[hf] 0.4.13 in an environment of their own:

    python3 -m venv V && V/bin/pip install "lm-eval[hf]==0.4.13"
    V/bin/python tests/reference/multiple_choice_golden.py
"""
import json
import pathlib
import random
import sys
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent / "multiple_choice"
sys.path.insert(0, str(FOLDER.parents[1] / "support"))

# hidden, layers, heads, KV heads, FFN, vocabulary, tied head
SHAPE = (16, 2, 2, 1, 32, 259, True)
PLAIN = {"prompt": "Question: {question}\nAnswer:", "metrics": ["acc", "acc_norm", "acc_bytes", "acc_mutual_info"]}
TASKS = {
    "zero_shot": PLAIN,
    "two_shots": {**PLAIN, "shots": 2, "order": "first", "description": "Answer these.\n\n"},
    "trailing_space": {**PLAIN, "prompt": "Q: {question}\nA: ", "delimiter": "", "metrics": ["acc", "acc_norm"]},
    "several_right": {"prompt": "Q: {question}\nA:", "choices": ["{mc2_targets.choices}"], "answer": "{mc2_targets.labels}", "metrics": ["mc2"]},
}


def byte_alphabet():
    """The letters that byte-level BPE writes for bytes, in the order of the bytes (Radford et al. 2019)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


def tokenizer_json():
    special = ["<|bos|>", "<|eos|>", "<|pad|>"]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    added = [{"id": 256 + at, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True} for at, text in enumerate(special)]
    vocabulary = {letter: byte for byte, letter in enumerate(byte_alphabet())} | {text: 256 + at for at, text in enumerate(special)}
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
             "vocab": vocabulary, "merges": []}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None, "pre_tokenizer": level, "post_processor": None,
            "decoder": level, "model": model}


def write_model(folder):
    from random_checkpoint import tensor_shapes, write_tensors

    folder.mkdir(parents=True, exist_ok=True)
    hidden, layers, heads, kv_heads, ffn, vocab, tied = SHAPE
    config = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads,
              "num_key_value_heads": kv_heads, "intermediate_size": ffn, "vocab_size": vocab, "tie_word_embeddings": tied, "rope_theta": 10000.0, "rms_norm_eps": 1e-6,
              "max_position_embeddings": 2048, "hidden_act": "silu", "torch_dtype": "float32", "bos_token_id": 256, "eos_token_id": 257, "pad_token_id": 258}
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    write_tensors(folder / "model.safetensors", list(tensor_shapes(*SHAPE)), seed=5, deviation=0.5)


def write_questions(path, count, seed):
    drawn = random.Random(seed)
    words = ["moon", "river", "of", "the", "caf\u00e9", "na\u00efve", "a", "stone", "Z\u00fcrich", "slowly", "is", "not", "\u03b1\u03b2\u03b3", "two"]

    def phrase(most):
        return " ".join(drawn.choice(words) for _ in range(drawn.randint(1, most)))

    with open(path, "w", encoding="utf-8") as file:
        for _ in range(count):
            choices = list(dict.fromkeys(phrase(5) for _ in range(12)))[: drawn.randint(3, 4)]
            true = drawn.randint(1, 2)
            row = {"question": phrase(8) + "?", "choices": choices, "answer": drawn.randrange(len(choices)),
                   "mc2_targets": {"choices": choices, "labels": [int(at < true) for at in range(len(choices))]}}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def harness_task(name, params):
    """The task as lm-evaluation-harness configures it, from our parameters."""
    config = {"task": name, "dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(FOLDER / "items.jsonl"), "dev": str(FOLDER / "examples.jsonl")}},
              "test_split": "test", "fewshot_split": "dev", "fewshot_config": {"sampler": "first_n"}, "num_fewshot": params.get("shots", 0), "output_type": "multiple_choice",
              "description": params.get("description", ""), "doc_to_text": params["prompt"].replace("{", "{{").replace("}", "}}"),
              "target_delimiter": params.get("delimiter", " "), "metric_list": [{"metric": metric} for metric in params["metrics"]]}
    if "mc2" in params["metrics"]:
        from lm_eval.tasks.truthfulqa.utils import process_results_mc2

        return {**config, "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}], "doc_to_choice": "{{mc2_targets.choices}}", "doc_to_target": 0,
                "process_results": process_results_mc2}
    return {**config, "doc_to_choice": "{{choices}}", "doc_to_target": "{{answer}}"}


def evaluate():
    """What golden.json holds, computed anew."""
    import lm_eval
    import transformers
    from lm_eval.models.huggingface import HFLM

    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "tokenizer.json").write_text(json.dumps(tokenizer_json()))
        tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=f"{folder}/tokenizer.json", bos_token="<|bos|>", eos_token="<|eos|>", pad_token="<|pad|>")
    model = transformers.AutoModelForCausalLM.from_pretrained(FOLDER / "model").eval()
    predictor = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=1, device="cpu")
    found = {}
    for name, params in TASKS.items():
        result = lm_eval.simple_evaluate(model=predictor, tasks=[harness_task(name, params)], bootstrap_iters=100, log_samples=True)
        samples = sorted(result["samples"][name], key=lambda sample: sample["doc_id"])
        metrics = {}
        for metric in params["metrics"]:
            theirs = "acc" if metric == "mc2" else metric
            metrics[metric] = {"value": result["results"][name][f"{theirs},none"], "stderr": result["results"][name][f"{theirs}_stderr,none"]}
        # The first requests are those after the prompt, one a choice; those after nothing, for mutual information, follow.
        scores = [[float(response[0][0]) for response in sample["resps"]][: len(sample["doc"]["choices"])] for sample in samples]
        found[name] = {"params": params, "metrics": metrics, "log_likelihood": scores}
    return {"lm_eval": lm_eval.__version__, "tasks": found}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    write_model(FOLDER / "model")
    write_questions(FOLDER / "items.jsonl", 20, seed=1)
    write_questions(FOLDER / "examples.jsonl", 4, seed=2)
    golden = evaluate()
    tasks = ",\n".join(f"{json.dumps(name)}: {json.dumps(task)}" for name, task in golden["tasks"].items())
    (FOLDER / "golden.json").write_text(f'{{"lm_eval": "{golden["lm_eval"]}", "tasks": {{\n{tasks}\n}}}}\n')
