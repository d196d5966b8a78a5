"""Writes the fixtures that test/unit/trainer/modelGolden.test.ts compares with: run it from the repository root with
a Python that has torch (Debian: python3-torch). The model is written out here, so that nothing else is needed.

    python3 test/golden/make_golden.py

Each case is one JSON file: configuration, batch, logits at the loss rows, loss, gradient norm and losses of ten AdamW
steps; its tensors (weights, gradients of the mean loss, weights after the steps) follow in one safetensors file.
"""
import json
import math
import pathlib
import struct

import torch

OUT = pathlib.Path('test/unit/trainer/fixtures')
OPTIMIZER = dict(learningRate=5e-4, betas=[0.9, 0.95], eps=1e-5, weightDecay=0.1, decay='all', clip=1.0)
STEPS = 10


def shapes(c):
    h, d, i = c['hidden_size'], c['head_dim'], c['intermediate_size']
    heads, kv = c['num_attention_heads'], c['num_key_value_heads']
    out = {'model.embed_tokens.weight': (c['vocab_size'], h)}
    for n in range(c['num_hidden_layers']):
        p = f'model.layers.{n}.'
        out[p + 'self_attn.q_proj.weight'] = (heads * d, h)
        out[p + 'self_attn.k_proj.weight'] = (kv * d, h)
        out[p + 'self_attn.v_proj.weight'] = (kv * d, h)
        out[p + 'self_attn.o_proj.weight'] = (h, heads * d)
        out[p + 'mlp.gate_proj.weight'] = (i, h)
        out[p + 'mlp.up_proj.weight'] = (i, h)
        out[p + 'mlp.down_proj.weight'] = (h, i)
        out[p + 'input_layernorm.weight'] = (h,)
        out[p + 'post_attention_layernorm.weight'] = (h,)
    out['model.norm.weight'] = (h,)
    if not c['tie_word_embeddings']:
        out['lm_head.weight'] = (c['vocab_size'], h)
    return out


def rms_norm(x, weight, eps):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight


def rotate(x, cos, sin):
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


def forward(c, w, ids, mask, causal):
    """Logits [samples, length, vocab] in PyTorch's usual padded way."""
    samples, length = ids.shape
    heads, kv, d, eps = c['num_attention_heads'], c['num_key_value_heads'], c['head_dim'], c['rms_norm_eps']
    frequency = 1.0 / (c['rope_theta'] ** (torch.arange(0, d, 2).float() / d))
    angle = torch.outer(torch.arange(length).float(), frequency)
    angle = torch.cat((angle, angle), dim=-1)
    cos, sin = angle.cos().to(w['model.norm.weight'].dtype), angle.sin().to(w['model.norm.weight'].dtype)
    allowed = mask[:, None, None, :].bool()
    if causal:
        allowed = allowed & torch.ones(length, length).tril().bool()
    x = w['model.embed_tokens.weight'][ids]
    for n in range(c['num_hidden_layers']):
        p = f'model.layers.{n}.'
        y = rms_norm(x, w[p + 'input_layernorm.weight'], eps)
        split = lambda t, count: t.view(samples, length, count, d).transpose(1, 2)
        q = rotate(split(y @ w[p + 'self_attn.q_proj.weight'].T, heads), cos, sin)
        k = rotate(split(y @ w[p + 'self_attn.k_proj.weight'].T, kv), cos, sin)
        v = split(y @ w[p + 'self_attn.v_proj.weight'].T, kv)
        k, v = (t.repeat_interleave(heads // kv, dim=1) for t in (k, v))
        score = (q @ k.transpose(-1, -2) / math.sqrt(d)).masked_fill(~allowed, -1e30)
        y = (score.softmax(-1) @ v).transpose(1, 2).reshape(samples, length, heads * d)
        x = x + y @ w[p + 'self_attn.o_proj.weight'].T
        y = rms_norm(x, w[p + 'post_attention_layernorm.weight'], eps)
        gate = torch.nn.functional.silu(y @ w[p + 'mlp.gate_proj.weight'].T)
        x = x + (gate * (y @ w[p + 'mlp.up_proj.weight'].T)) @ w[p + 'mlp.down_proj.weight'].T
    x = rms_norm(x, w['model.norm.weight'], eps)
    return x @ w.get('lm_head.weight', w['model.embed_tokens.weight']).T


def loss_of(c, w, ids, labels, mask, causal):
    logits = forward(c, w, ids, mask, causal)
    if causal:
        # A label is predicted by the token before it.
        logits, labels = logits[:, :-1], labels[:, 1:]
    chosen = labels != -100
    loss = torch.nn.functional.cross_entropy(logits[chosen], labels[chosen])
    return loss, logits[chosen]


def write_safetensors(path, tensors):
    header, offset = {}, 0
    for name, t in tensors.items():
        size = t.numel() * 4
        header[name] = {'dtype': 'F32', 'shape': list(t.shape), 'data_offsets': [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text)
        for t in tensors.values():
            f.write(t.detach().float().contiguous().numpy().tobytes())


def case(name, objective, **changes):
    c = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=6,
             intermediate_size=36, vocab_size=53, tie_word_embeddings=False, rope_theta=10000.0, rms_norm_eps=1e-5,
             max_position_embeddings=96, model_type='eurobert')
    c.update(changes)
    torch.manual_seed(sum(map(ord, name)))
    weights = {n: (1 + 0.1 * torch.randn(s)) if len(s) == 1 else 0.15 * torch.randn(s) for n, s in shapes(c).items()}
    lengths = [70, 1, 13, 31]
    width = max(lengths)
    ids = torch.randint(0, c['vocab_size'], (len(lengths), width))
    mask = (torch.arange(width)[None] < torch.tensor(lengths)[:, None]).long()
    labels = ids.clone()
    if objective == 'mlm':
        chosen = torch.rand(ids.shape) < 0.4
        ids = torch.where(chosen, torch.full_like(ids, 2), ids)
        labels = torch.where(chosen, labels, torch.full_like(labels, -100))
    labels = torch.where(mask.bool(), labels, torch.full_like(labels, -100))
    causal = objective == 'clm'

    w = {n: t.clone().requires_grad_() for n, t in weights.items()}
    loss, logits = loss_of(c, w, ids, labels, mask, causal)
    loss.backward()
    gradients = {n: t.grad.clone() for n, t in w.items()}
    norm = torch.sqrt(sum(g.double().pow(2).sum() for g in gradients.values())).item()

    o = OPTIMIZER
    adamw = torch.optim.AdamW(w.values(), lr=o['learningRate'], betas=o['betas'], eps=o['eps'],
                              weight_decay=o['weightDecay'])
    losses = []
    for _ in range(STEPS):
        adamw.zero_grad()
        value, _logits = loss_of(c, w, ids, labels, mask, causal)
        losses.append(value.item())
        value.backward()
        torch.nn.utils.clip_grad_norm_(w.values(), o['clip'])
        adamw.step()

    write_safetensors(OUT / f'{name}.safetensors', {
        **{f'weight.{n}': t for n, t in weights.items()},
        **{f'gradient.{n}': t for n, t in gradients.items()},
        **{f'stepped.{n}': t for n, t in w.items()},
        'logits': logits,
    })
    (OUT / f'{name}.json').write_text(json.dumps({
        'objective': objective, 'config': c, 'optimizer': o, 'loss': loss.item(), 'gradNorm': norm, 'losses': losses,
        'batch': {'input_ids': ids.tolist(), 'labels': labels.tolist(), 'attention_mask': mask.tolist()},
    }) + '\n')
    print(name, 'loss', loss.item(), 'gradient norm', norm)


if __name__ == '__main__':
    torch.set_num_threads(1)
    OUT.mkdir(parents=True, exist_ok=True)
    case('clmGrouped', 'clm')
    case('mlmTied', 'mlm', tie_word_embeddings=True, num_key_value_heads=4, num_hidden_layers=1)
    case('clmWideHeads', 'clm', head_dim=10, num_hidden_layers=1, tie_word_embeddings=True)
    case('mlmGrouped', 'mlm', num_attention_heads=3, num_key_value_heads=1, head_dim=8, num_hidden_layers=1)
