"""The model at the end of a run as a Hugging Face directory."""
import json

from conftest import SOURCE


def test_a_run_writes_its_model_and_generate_continues_text_with_it(runner, tmp_path):
    experiment = tmp_path / "exported.yaml"
    experiment.write_text(f"include: [{SOURCE}/experiments/smoke/base.yaml]\nname: exported\nexport: {{ experts: packed, dtype: bfloat16 }}\n")
    runner("--exp", experiment, "--results", tmp_path / "results", "--jobs", 1)
    model, = (tmp_path / "results" / "exported").glob("*/model")
    config = json.loads((model / "config.json").read_text())
    assert (config["model_type"], config["torch_dtype"], config["num_local_experts"]) == ("mixtral", "bfloat16", 2)
    assert (model / "tokenizer.json").exists() and b"gate_up_proj" in (model / "model.safetensors").read_bytes()[:20000]
    words = ["generate", model, "--prompt", "In the beginning", "--max-tokens", 8, "--temperature", 0]
    text = runner(*words).stdout
    assert text.strip() and runner(*words).stdout == text
    again = runner("--exp", experiment, "--results", tmp_path / "results", "--jobs", 1)
    assert "0 stages executed" in again.stdout and model.exists()


def test_a_family_that_cannot_hold_the_model_is_refused_before_anything_runs(runner, tmp_path):
    experiment = tmp_path / "exported.yaml"
    experiment.write_text(f"include: [{SOURCE}/experiments/smoke/base.yaml]\nname: exported\nexport: {{ family: llama }}\n")
    done = runner("check", "--exp", experiment, check=False)
    assert done.returncode == 2 and "export" in done.stderr and "llama" in done.stderr
