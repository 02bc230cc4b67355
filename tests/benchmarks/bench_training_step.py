"""Training speed of the tiny byte model beside the same step in eager PyTorch: same BLAS, one thread, same shapes, weights and batches.

    bench_training_step.py BINARY [--rounds N]

BINARY is the target bench_training_step (build plugin_router_top_k with it): it writes the initial weights and the batches to a file, and trains on that file. Both sides
start from those weights in every round; rounds alternate, because the machine's speed drifts, and medians of ratios are reported. The loss
curves must agree to 1e-4 over the 20 steps. The PyTorch step must not be a straw man: reference/prototype.md measured 0.085 to 0.1 s.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
import torch  # noqa: E402  (after the thread counts)
import torch.nn.functional as F  # noqa: E402

LAYERS, HEADS, HEAD_DIM, EPS, THETA = 3, 4, 24, 1e-6, 10000.0
PROTOTYPE_SECONDS = (0.085, 0.1)
LOSS_TOLERANCE = 1e-4


def read_safetensors(path):
    with open(path, "rb") as file:
        blob = bytearray(file.read())
    length = int.from_bytes(blob[:8], "little")
    header = json.loads(blob[8 : 8 + length])
    header.pop("__metadata__", None)
    dtypes = {"F32": torch.float32, "I64": torch.int64}
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        raw = torch.frombuffer(blob, dtype=torch.uint8, count=end - begin, offset=8 + length + begin)
        tensors[name] = raw.clone().view(dtypes[entry["dtype"]]).view(entry["shape"])
    return tensors


def rms_norm(x, gain):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPS) * gain


def rotate(x, cos, sin):
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-right, left), dim=-1) * sin


def forward(p, tokens, cos, sin, hidden):
    batch, length = tokens.shape
    x = F.embedding(tokens, p["model.embed_tokens.weight"])
    for layer in range(LAYERS):
        name = f"model.layers.{layer}."
        normed = rms_norm(x, p[name + "input_layernorm.weight"])
        q, k, v = (F.linear(normed, p[name + f"self_attn.{n}_proj.weight"]).view(batch, length, HEADS, HEAD_DIM).transpose(1, 2) for n in "qkv")
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        scores = torch.matmul(q, k.transpose(-1, -2)) * HEAD_DIM**-0.5
        attended = torch.matmul(torch.softmax(scores.masked_fill(hidden, float("-inf")), dim=-1), v)
        attended = attended.transpose(1, 2).reshape(batch, length, HEADS * HEAD_DIM)
        x = x + F.linear(attended, p[name + "self_attn.o_proj.weight"])
        normed = rms_norm(x, p[name + "post_attention_layernorm.weight"])
        gate, up = (F.linear(normed, p[name + f"mlp.{n}_proj.weight"]) for n in ("gate", "up"))
        x = x + F.linear(F.silu(gate) * up, p[name + "mlp.down_proj.weight"])
    return F.linear(rms_norm(x, p["model.norm.weight"]), p["lm_head.weight"])


def learning_rate(step, settings):
    warmup = round(settings["warmup"] * settings["steps"])
    if step < warmup:
        return settings["learning_rate"] * (step + 1) / warmup
    progress = (step - warmup) / (settings["steps"] - warmup)
    cosine = 0.5 * (1 + torch.cos(torch.tensor(torch.pi * progress, dtype=torch.float64)).item())
    return settings["learning_rate"] * (settings["final_fraction"] + (1 - settings["final_fraction"]) * cosine)


def train_eager(exchange, settings):
    """Trains on the exchanged batches; returns losses, wall seconds and CPU seconds of every step."""
    p = {name: t.clone().requires_grad_() for name, t in exchange.items() if name != "batches"}
    batches = exchange["batches"]
    length = batches.shape[2] - 1
    angle = torch.outer(torch.arange(length, dtype=torch.float64), THETA ** (-torch.arange(0, HEAD_DIM, 2, dtype=torch.float64) / HEAD_DIM))
    cos, sin = (torch.cat((t, t), dim=-1).float() for t in (angle.cos(), angle.sin()))
    hidden = torch.ones(length, length, dtype=torch.bool).triu(1)
    matrices = [t for t in p.values() if t.dim() >= 2]
    vectors = [t for t in p.values() if t.dim() < 2]
    groups = [{"params": matrices, "weight_decay": settings["weight_decay"]}, {"params": vectors, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.95), eps=1e-8)
    losses, seconds, cpu_seconds = [], [], []
    for step in range(batches.shape[0]):
        start, cpu_start = time.perf_counter(), time.process_time()
        tokens = batches[step]
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, settings)
        logits = forward(p, tokens[:, :-1], cos, sin, hidden)
        loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), tokens[:, 1:].reshape(-1))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(matrices + vectors, settings["clip"])
        optimiser.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.process_time() - cpu_start)
    return {"losses": losses, "seconds": seconds, "cpu_seconds": cpu_seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "exchange.safetensors")
        subprocess.run([arguments.binary, "write", path], check=True)
        exchange = read_safetensors(path)
        rounds = []
        for _ in range(arguments.rounds):
            ours = json.loads(subprocess.run([arguments.binary, "train", path], check=True, capture_output=True, text=True).stdout)
            rounds.append((ours, train_eager(exchange, ours["settings"])))

    tokens = exchange["batches"].shape[1] * (exchange["batches"].shape[2] - 1)
    curve = max(abs(a - b) for ours, eager in rounds for a, b in zip(ours["dense"]["losses"], eager["losses"]))
    for clock, title in (("seconds", "wall"), ("cpu_seconds", "CPU")):
        ours = [statistics.median(o["dense"][clock]) for o, _ in rounds]
        eager = [statistics.median(e[clock]) for _, e in rounds]
        ratios = [e / o for o, e in zip(ours, eager)]
        print(f"{title} time, {arguments.rounds} rounds of {len(rounds[0][1]['losses'])} steps")
        print(f"  ours            {statistics.median(ours):.4f} s a step, {tokens / statistics.median(ours):8.0f} tokens/s")
        print(f"  eager PyTorch   {statistics.median(eager):.4f} s a step, {tokens / statistics.median(eager):8.0f} tokens/s (prototype: {PROTOTYPE_SECONDS[0]} to {PROTOTYPE_SECONDS[1]} s)")
        print(f"  speed-up        {statistics.median(ratios):.2f} (rounds: {min(ratios):.2f} to {max(ratios):.2f})")
        for variant in [key for key in rounds[0][0] if key not in ("dense", "settings")]:
            seconds = [statistics.median(o[variant][clock]) for o, _ in rounds]
            against = statistics.median(s / d for s, d in zip(seconds, ours))
            print(f"  {variant:15s} {statistics.median(seconds):.4f} s a step, {tokens / statistics.median(seconds):8.0f} tokens/s, {against:.2f} of our dense step")
    print(f"loss curves differ by at most {curve:.1e} nats")
    if curve > LOSS_TOLERANCE:
        sys.exit(f"loss curves differ by {curve:.1e}, expected at most {LOSS_TOLERANCE}")


if __name__ == "__main__":
    main()
