"""Full pretraining steps of a EuroBERT-style model in plain PyTorch, for test/bench/trainer.ts.

    python3 pytorch_steps.py CASE_FOLDER THREADS

CASE_FOLDER holds case.json (configuration, batch, parameter names and shapes) and weights.bin (fp32, in that order).
Loads them, runs one step and prints {"loss": …, "detail": …}. Then, for each line with a number of seconds on stdin,
runs steps for that long and prints {"steps": …, "wall": …, "cpu": …, "loss": …}.
"""
import json
import pathlib
import sys
import time

import torch
import torch.nn.functional as F

folder, threads = pathlib.Path(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(threads)
case = json.loads((folder / 'case.json').read_text())
c, batch = case['config'], case['batch']
heads, kv, d, eps = c['heads'], c['kvHeads'], c['headDim'], c['normEps']
samples, length = case['samples'], case['length']
raw = torch.frombuffer(bytearray((folder / 'weights.bin').read_bytes()), dtype=torch.float32)

w, at = {}, 0
for name, shape in case['parameters']:
    count = 1
    for size in shape:
        count *= size
    w[name] = raw[at:at + count].clone().view(shape)
    at += count


def fused(prefix, names):
    return torch.cat([w.pop(f'{prefix}{n}.weight') for n in names]).requires_grad_()


# Queries, keys and values in one product, gate and up in one: what makes PyTorch fastest too.
layers = []
for n in range(c['layers']):
    p = f'model.layers.{n}.'
    layers.append(dict(
        qkv=fused(p + 'self_attn.', ['q_proj', 'k_proj', 'v_proj']),
        out=fused(p + 'self_attn.', ['o_proj']),
        gate_up=fused(p + 'mlp.', ['gate_proj', 'up_proj']),
        down=fused(p + 'mlp.', ['down_proj']),
        norm1=fused(p, ['input_layernorm']),
        norm2=fused(p, ['post_attention_layernorm']),
    ))
embedding = w['model.embed_tokens.weight'].requires_grad_()
norm = w['model.norm.weight'].requires_grad_()
head = w['lm_head.weight'].requires_grad_()
parameters = [embedding, norm, head] + [t for layer in layers for t in layer.values()]

ids = torch.tensor(batch['inputIds']).view(samples, length)
rows = torch.tensor(batch['lossRows'])
targets = torch.tensor(batch['targets'])
causal = batch['causal']
frequency = 1.0 / (c['ropeTheta'] ** (torch.arange(0, d, 2).float() / d))
angle = torch.outer(torch.arange(length).float(), frequency)
angle = torch.cat((angle, angle), dim=-1)
cos, sin = angle.cos(), angle.sin()
hidden_future = torch.ones(length, length).triu(1).bool()


def rms_norm(x, weight):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight


def rotate(x):
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


def attend(q, k, v):
    if hasattr(F, 'scaled_dot_product_attention'):
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    if hasattr(F, '_scaled_dot_product_attention'):
        return F._scaled_dot_product_attention(q, k, v, None, 0.0, False, causal)[0]
    score = q @ k.transpose(-1, -2) / d ** 0.5
    if causal:
        score = score.masked_fill(hidden_future, float('-inf'))
    return score.softmax(-1) @ v


def loss_of():
    x = F.embedding(ids, embedding)
    for layer in layers:
        qkv = F.linear(rms_norm(x, layer['norm1']), layer['qkv']).view(samples, length, heads + 2 * kv, d)
        q, k, v = qkv.transpose(1, 2).split([heads, kv, kv], dim=1)
        q, k = rotate(q), rotate(k)
        if kv != heads:
            k, v = (t.repeat_interleave(heads // kv, dim=1) for t in (k, v))
        y = attend(q, k, v).transpose(1, 2).reshape(samples, length, heads * d)
        x = x + F.linear(y, layer['out'])
        gate, up = F.linear(rms_norm(x, layer['norm2']), layer['gate_up']).chunk(2, dim=-1)
        x = x + F.linear(F.silu(gate) * up, layer['down'])
    x = rms_norm(x, norm).view(samples * length, -1)
    # The head runs where a loss is taken, and nowhere else.
    return F.cross_entropy(F.linear(x[rows], head), targets)


def optimizer_of(foreach):
    return torch.optim.AdamW(parameters, lr=1e-4, betas=(0.9, 0.95), eps=1e-5, weight_decay=0.1, foreach=foreach)


def step(optimizer):
    optimizer.zero_grad(set_to_none=True)
    loss = loss_of()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    return loss


def seconds_of(optimizer):
    start = time.perf_counter()
    optimizer.step()
    return time.perf_counter() - start


def blas():
    found = {line.split()[-1] for line in open('/proc/self/maps') if 'openblas' in line and '.so' in line}
    return sorted(pathlib.Path(f).name for f in found if 'libopenblas' in f) or ['unknown']


print(json.dumps({'loss': loss_of().item(), 'detail': f'torch {torch.__version__}, {", ".join(blas())}'}), flush=True)
candidates = {True: optimizer_of(True), False: optimizer_of(False)}
step(candidates[True])
rates = {key: min(seconds_of(o) for _ in range(3)) for key, o in candidates.items()}
optimizer = candidates[min(rates, key=rates.get)]
for line in sys.stdin:
    until = time.perf_counter() + float(line)
    wall, cpu, steps = time.perf_counter(), time.process_time(), 0
    while steps == 0 or time.perf_counter() < until:
        loss = step(optimizer)
        steps += 1
    print(json.dumps({
        'steps': steps, 'wall': time.perf_counter() - wall, 'cpu': time.process_time() - cpu, 'loss': loss.item(),
    }), flush=True)
