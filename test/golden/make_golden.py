"""Writes the fixtures that test/unit/trainer/modelGolden.test.ts and lossCommand.test.ts compare with: run it from the
repository root with a Python that has torch (Debian: python3-torch). The model is written out here from the published
architecture, so that nothing else is needed.

    python3 test/golden/make_golden.py

Each case is one JSON file: configuration, batch, loss, gradient norm and losses before each of ten AdamW steps; its
tensors (weights, logits at the loss positions, gradients of the mean loss, weights after the steps) lie in one
safetensors file. Each folder case is a model folder as `transformers` or Optimus writes it, beside such a pair.
"""
import json
import math
import pathlib
import shutil
import struct

import torch

OUT = pathlib.Path('test/unit/trainer/fixtures')
OPTIMIZER = dict(learningRate=5e-4, betas=[0.9, 0.95], eps=1e-5, weightDecay=0.1, decay='all', clip=1.0)
STEPS = 10
LENGTHS = [70, 1, 13, 31]
DTYPES = {torch.float32: 'F32', torch.bfloat16: 'BF16', torch.float16: 'F16'}


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


def forward(c, w, ids, positions, allowed):
    """Logits [rows, length, vocab] of ids [rows, length]; allowed [rows, 1, length, length]: who sees whom."""
    rows, length = ids.shape
    heads, kv, d, eps = c['num_attention_heads'], c['num_key_value_heads'], c['head_dim'], c['rms_norm_eps']
    frequency = 1.0 / (c['rope_theta'] ** (torch.arange(0, d, 2).float() / d))
    angle = positions[:, :, None].float() * frequency
    angle = torch.cat((angle, angle), dim=-1)[:, None]
    cos, sin = angle.cos(), angle.sin()
    x = w['model.embed_tokens.weight'][ids]
    for n in range(c['num_hidden_layers']):
        p = f'model.layers.{n}.'
        y = rms_norm(x, w[p + 'input_layernorm.weight'], eps)
        split = lambda t, count: t.view(rows, length, count, d).transpose(1, 2)
        q = rotate(split(y @ w[p + 'self_attn.q_proj.weight'].T, heads), cos, sin)
        k = rotate(split(y @ w[p + 'self_attn.k_proj.weight'].T, kv), cos, sin)
        v = split(y @ w[p + 'self_attn.v_proj.weight'].T, kv)
        k, v = (t.repeat_interleave(heads // kv, dim=1) for t in (k, v))
        score = (q @ k.transpose(-1, -2) / math.sqrt(d)).masked_fill(~allowed, -1e30)
        y = (score.softmax(-1) @ v).transpose(1, 2).reshape(rows, length, heads * d)
        x = x + y @ w[p + 'self_attn.o_proj.weight'].T
        y = rms_norm(x, w[p + 'post_attention_layernorm.weight'], eps)
        gate = torch.nn.functional.silu(y @ w[p + 'mlp.gate_proj.weight'].T)
        x = x + (gate * (y @ w[p + 'mlp.up_proj.weight'].T)) @ w[p + 'mlp.down_proj.weight'].T
    x = rms_norm(x, w['model.norm.weight'], eps)
    return x @ w.get('lm_head.weight', w['model.embed_tokens.weight']).T


def padded_loss(c, w, ids, labels, causal):
    """Mean loss of rectangular ids [samples, length], padded to the right, and the logits at its positions."""
    samples, length = ids.shape
    mask = torch.arange(length)[None] < torch.tensor(LENGTHS)[:, None]
    allowed = mask[:, None, None, :]
    if causal:
        allowed = allowed & torch.ones(length, length).tril().bool()
    positions = torch.arange(length)[None].expand(samples, length)
    logits = forward(c, w, ids, positions, allowed)
    if causal:
        # A label is predicted by the token before it.
        logits, labels = logits[:, :-1], labels[:, 1:]
    chosen = labels != -100
    return torch.nn.functional.cross_entropy(logits[chosen], labels[chosen]), logits[chosen]


def packed_loss(c, w, ids, labels, causal):
    """The same for the samples end to end in one row: positions restart, and no token sees another sample."""
    keep = torch.arange(ids.shape[1])[None] < torch.tensor(LENGTHS)[:, None]
    sample = torch.arange(len(LENGTHS))[:, None].expand_as(ids)[keep]
    positions = torch.arange(ids.shape[1])[None].expand_as(ids)[keep]
    ids, labels = ids[keep], labels[keep]
    allowed = sample[:, None] == sample[None]
    if causal:
        allowed = allowed & (positions[:, None] >= positions[None])
    logits = forward(c, w, ids[None], positions[None], allowed[None, None])[0]
    if causal:
        same = sample[1:] == sample[:-1]
        logits, labels = logits[:-1][same], labels[1:][same]
    chosen = labels != -100
    return torch.nn.functional.cross_entropy(logits[chosen], labels[chosen]), logits[chosen]


def write_safetensors(path, tensors):
    header, offset = {'__metadata__': {'format': 'pt'}}, 0
    for name, t in tensors.items():
        size = t.numel() * t.element_size()
        header[name] = {'dtype': DTYPES[t.dtype], 'shape': list(t.shape), 'data_offsets': [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text)
        for t in tensors.values():
            bits = t.detach().contiguous()
            f.write((bits.view(torch.int16) if t.element_size() == 2 else bits).numpy().tobytes())


def make(name, objective, packed, dtype=torch.float32, optimizer=OPTIMIZER, deviation=0.15, **changes):
    """Computes a case, writes its pair of files and returns configuration and weights."""
    c = dict(hidden_size=24, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=4, head_dim=6,
             intermediate_size=36, vocab_size=53, tie_word_embeddings=False, rope_theta=10000.0, rms_norm_eps=1e-5,
             max_position_embeddings=96, model_type='eurobert')
    c.update(changes)
    torch.manual_seed(sum(map(ord, name)))
    weights = {n: (1 + 0.1 * torch.randn(s)) if len(s) == 1 else deviation * torch.randn(s)
               for n, s in shapes(c).items()}
    stored = {n: t.to(dtype) for n, t in weights.items()}
    weights = {n: t.float() for n, t in stored.items()}
    width = max(LENGTHS)
    ids = torch.randint(0, c['vocab_size'], (len(LENGTHS), width))
    mask = torch.arange(width)[None] < torch.tensor(LENGTHS)[:, None]
    labels = ids.clone()
    if objective == 'mlm':
        chosen = torch.rand(ids.shape) < 0.4
        ids = torch.where(chosen, torch.full_like(ids, 2), ids)
        labels = torch.where(chosen, labels, torch.full_like(labels, -100))
    labels = torch.where(mask, labels, torch.full_like(labels, -100))
    loss_of = packed_loss if packed else padded_loss

    w = {n: t.clone().requires_grad_() for n, t in weights.items()}
    loss, logits = loss_of(c, w, ids, labels, objective == 'clm')
    loss.backward()
    gradients = {n: t.grad.clone() for n, t in w.items()}
    norm = torch.sqrt(sum(g.double().pow(2).sum() for g in gradients.values())).item()

    o = optimizer
    decays = lambda t: o['decay'] == 'all' or t.dim() == 2
    adamw = torch.optim.AdamW([
        {'params': [t for t in w.values() if decays(t)], 'weight_decay': o['weightDecay']},
        {'params': [t for t in w.values() if not decays(t)], 'weight_decay': 0.0},
    ], lr=o['learningRate'], betas=o['betas'], eps=o['eps'])
    losses = []
    for _ in range(STEPS):
        adamw.zero_grad()
        value, _logits = loss_of(c, w, ids, labels, objective == 'clm')
        losses.append(value.item())
        value.backward()
        if o['clip'] > 0:
            torch.nn.utils.clip_grad_norm_(w.values(), o['clip'])
        adamw.step()

    write_safetensors(OUT / f'{name}.safetensors', {
        **{f'weight.{n}': t for n, t in weights.items()},
        **{f'gradient.{n}': t for n, t in gradients.items()},
        **{f'stepped.{n}': t for n, t in w.items()},
        'logits': logits,
    })
    if packed:
        batch = {'input_ids': [r[:n].tolist() for r, n in zip(ids, LENGTHS)],
                 'labels': [r[:n].tolist() for r, n in zip(labels, LENGTHS)]}
    else:
        batch = {'input_ids': ids.tolist(), 'labels': labels.tolist(), 'attention_mask': mask.long().tolist()}
    (OUT / f'{name}.json').write_text(json.dumps({
        'objective': objective, 'config': c, 'optimizer': o, 'loss': loss.item(), 'gradNorm': norm, 'losses': losses,
        'batch': batch,
    }) + '\n')
    print(name, 'loss', loss.item(), 'gradient norm', norm)
    return c, stored


def new_folder(name):
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def write_config(folder, c, stored_as, **changes):
    """config.json with the keys that `transformers` writes for a EuroBERT."""
    config = {
        'architectures': ['EuroBertForMaskedLM'], 'attention_bias': False, 'attention_dropout': 0.0,
        'bos_token_id': 0, 'clf_pooling': 'late', 'eos_token_id': 1, 'head_dim': c['head_dim'], 'hidden_act': 'silu',
        'hidden_size': c['hidden_size'], 'initializer_range': 0.02, 'intermediate_size': c['intermediate_size'],
        'mask_token_id': 2, 'max_position_embeddings': c['max_position_embeddings'], 'mlp_bias': False,
        'model_type': 'eurobert', 'num_attention_heads': c['num_attention_heads'],
        'num_hidden_layers': c['num_hidden_layers'], 'num_key_value_heads': c['num_key_value_heads'],
        'pad_token_id': 1, 'pretraining_tp': 1, 'rms_norm_eps': c['rms_norm_eps'], 'rope_scaling': None,
        'rope_theta': c['rope_theta'], 'tie_word_embeddings': c['tie_word_embeddings'], 'torch_dtype': stored_as,
        'transformers_version': '4.48.0', 'use_cache': False, 'vocab_size': c['vocab_size'],
    }
    config.update(changes)
    # None drops a key here; rope_scaling alone is written as null.
    kept = {k: v for k, v in config.items() if v is not None or (k == 'rope_scaling' and k not in changes)}
    text = json.dumps(kept, indent=2, sort_keys=True)
    (folder / 'config.json').write_text(text + '\n')


def sharded_folder():
    """BF16 in two files with an index; head_dim is not hidden_size / heads."""
    c, stored = make('folder-bf16-sharded', 'mlm', False, torch.bfloat16, num_key_value_heads=2, head_dim=10,
                     rope_theta=250000.0)
    folder = new_folder('folder-bf16-sharded')
    write_config(folder, c, 'bfloat16')
    names = list(stored)
    files = {'model-00001-of-00002.safetensors': names[:5], 'model-00002-of-00002.safetensors': names[5:]}
    for file, mine in files.items():
        write_safetensors(folder / file, {n: stored[n] for n in sorted(mine)})
    size = sum(t.numel() * t.element_size() for t in stored.values())
    (folder / 'model.safetensors.index.json').write_text(json.dumps({
        'metadata': {'total_size': size},
        'weight_map': {n: f for f, mine in files.items() for n in sorted(mine)},
    }, indent=2, sort_keys=True) + '\n')


def half_folder():
    """F16 in one file, a tied head, and the rotary base where newer versions keep it."""
    c, stored = make('folder-f16-tied', 'clm', True, torch.float16, num_key_value_heads=2, tie_word_embeddings=True,
                     rope_theta=5000.0)
    folder = new_folder('folder-f16-tied')
    write_config(folder, c, None, dtype='float16', rope_theta=None, rope_scaling=None, transformers_version='5.0.0',
                 rope_parameters={'rope_theta': c['rope_theta'], 'rope_type': 'default'})
    write_safetensors(folder / 'model.safetensors', stored)


def optimus_folder():
    """Optimus's names under torch.compile: q, k and v are rows of one tensor."""
    c, stored = make('folder-optimus', 'clm', False, num_hidden_layers=2, num_key_value_heads=2)
    folder = new_folder('folder-optimus')
    write_config(folder, c, 'float32')
    renamed = {'embedding.weight': stored['model.embed_tokens.weight'], 'lm_head.weight': stored['lm_head.weight'],
               'final_layernorm.weight': stored['model.norm.weight']}
    for n in range(c['num_hidden_layers']):
        t = lambda name: stored[f'model.layers.{n}.{name}.weight']
        b = f'blocks.{n}.'
        renamed[b + 'attn.qkv_proj.weight'] = torch.cat([t('self_attn.' + x + '_proj') for x in 'qkv'])
        renamed[b + 'attn.out_proj.weight'] = t('self_attn.o_proj')
        renamed[b + 'mlp.fc_1.weight'] = t('mlp.gate_proj')
        renamed[b + 'mlp.fc_2.weight'] = t('mlp.up_proj')
        renamed[b + 'mlp.proj.weight'] = t('mlp.down_proj')
        renamed[b + 'attn_norm.weight'] = t('input_layernorm')
        renamed[b + 'mlp_norm.weight'] = t('post_attention_layernorm')
    write_safetensors(folder / 'model.safetensors', {'_orig_mod.' + n: t for n, t in renamed.items()})


if __name__ == '__main__':
    torch.set_num_threads(1)
    OUT.mkdir(parents=True, exist_ok=True)
    grouped, tied = dict(num_key_value_heads=2), dict(tie_word_embeddings=True)
    # Every choice of three of: objective, grouped heads, tied head, packing.
    make('clm-grouped-untied-padded', 'clm', False, num_hidden_layers=2, **grouped)
    make('clm-grouped-tied-packed', 'clm', True, head_dim=10, **grouped, **tied)
    # With the deviation of random initial weights in two of them: attention is nearly even.
    make('clm-full-untied-packed', 'clm', True, deviation=0.02)
    # Other optimizers than the paper's in two of them.
    make('clm-full-tied-padded', 'clm', False, **tied,
         optimizer={**OPTIMIZER, 'decay': 'matrices', 'clip': 0, 'learningRate': 2e-3})
    make('mlm-grouped-untied-packed', 'mlm', True, num_attention_heads=3, num_key_value_heads=1, head_dim=8,
         deviation=0.02)
    make('mlm-grouped-tied-padded', 'mlm', False, **grouped, **tied)
    make('mlm-full-untied-padded', 'mlm', False, head_dim=12,
         optimizer={**OPTIMIZER, 'betas': [0.8, 0.999], 'eps': 1e-8, 'weightDecay': 0.01, 'clip': 0.5})
    make('mlm-full-tied-packed', 'mlm', True, num_hidden_layers=2, **tied)
    sharded_folder()
    half_folder()
    optimus_folder()
