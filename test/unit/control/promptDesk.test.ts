import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Asker, PromptDesk } from '../../../src/control/server/promptDesk.ts';
import type { Prompt } from '../../../src/protocol/controlApi.ts';

function asker(kind: 'window' | 'cli', focusedAt: number): Asker & { asked: Prompt[]; told: string[] } {
  const asked: Prompt[] = [];
  const told: string[] = [];
  return { kind, focusedAt, asked, told, ask: (prompt) => asked.push(prompt), done: (id) => told.push(id) };
}

const secret = {
  node: 'box',
  purpose: 'passphrase' as const,
  title: 'Passphrase',
  storageKey: 'k',
  retry: false,
};

test('the window that had the focus last is asked, once, and the secret is remembered', async () => {
  const desk = new PromptDesk();
  const [cli, old, focused] = [asker('cli', 9), asker('window', 1), asker('window', 2)];
  for (const one of [cli, old, focused]) desk.add(one);
  const answer = desk.prompts.secret(secret);
  assert.deepEqual([cli.asked.length, old.asked.length, focused.asked.length], [0, 0, 1]);
  desk.answer(focused.asked[0]!.id, 'word');
  assert.equal(await answer, 'word');
  assert.deepEqual(old.told, [focused.asked[0]!.id]);
  assert.equal(await desk.quietPrompts.secret(secret), 'word');
  await assert.rejects(desk.quietPrompts.secret({ ...secret, retry: true }), { kind: 'needs-person' });
});

test('nodes that need the same secret at once ask for it once', async () => {
  const desk = new PromptDesk();
  const window = asker('window', 1);
  desk.add(window);
  const ask = (retry: boolean): Promise<string>[] =>
    ['box', 'atlas', 'boreas'].map((node) => desk.prompts.secret({ ...secret, node, retry }));
  const first = ask(false);
  assert.equal(window.asked.length, 1);
  desk.answer(window.asked[0]!.id, 'wrong');
  assert.deepEqual(await Promise.all(first), ['wrong', 'wrong', 'wrong']);
  const second = ask(true);
  assert.equal(window.asked.length, 2);
  desk.answer(window.asked[1]!.id, 'word');
  assert.deepEqual(await Promise.all(second), ['word', 'word', 'word']);
  const codes = [1, 2].map(() => desk.prompts.secret({ ...secret, storageKey: null }));
  assert.equal(window.asked.length, 4, 'a code is good for one login');
  for (const { id } of window.asked.slice(2)) desk.answer(id, id);
  assert.deepEqual(
    await Promise.all(codes),
    window.asked.slice(2).map(({ id }) => id),
  );
  const closed = ask(true);
  desk.answer(window.asked[4]!.id, null);
  for (const each of closed) await assert.rejects(each, { kind: 'cancelled' });
});

test('a doubtful secret is used again only after the person was asked', async () => {
  const desk = new PromptDesk();
  const window = asker('window', 1);
  desk.add(window);
  const first = desk.prompts.secret(secret);
  desk.answer(window.asked[0]!.id, 'wrong');
  await first;
  desk.prompts.doubt('k');
  await assert.rejects(desk.quietPrompts.secret(secret), { kind: 'needs-person' });
  const again = desk.prompts.secret(secret);
  const [, prompt] = window.asked;
  assert.ok(prompt?.kind === 'secret' && prompt.retry, 'a window forgets what it has stored');
  desk.answer(prompt.id, 'word');
  assert.equal(await again, 'word');
  assert.equal(await desk.quietPrompts.secret(secret), 'word');
});

test('a question that nobody waits for goes to a window alone, also to one that comes late', async () => {
  const desk = new PromptDesk();
  const [cli, window] = [asker('cli', 9), asker('window', 1)];
  desk.add(cli);
  const answer = desk.quietPrompts.secret(secret);
  desk.add(window);
  assert.deepEqual([cli.asked.length, window.asked.length], [0, 1]);
  const [prompt] = window.asked as [Prompt];
  assert.ok(prompt.kind === 'secret' && prompt.quiet);
  desk.answer(prompt.id, 'stored');
  assert.equal(await answer, 'stored');
  assert.equal(await desk.quietPrompts.secret(secret), 'stored');
  assert.equal(window.asked.length, 1);
});

test('where no window holds the secret in time the node needs a person', async () => {
  const desk = new PromptDesk(50);
  const [first, second] = [asker('window', 2), asker('window', 1)];
  desk.add(first);
  desk.add(second);
  const found = desk.quietPrompts.secret({ ...secret, storageKey: 'other' });
  const { id } = first.asked[0]!;
  desk.answer(id, null);
  desk.answer(id, 'word');
  assert.equal(await found, 'word');
  desk.remove(second);
  const late = desk.quietPrompts.secret({ ...secret, storageKey: 'third' });
  desk.answer(first.asked[1]!.id, null);
  desk.add(second);
  desk.answer(second.asked[1]!.id, 'late');
  assert.equal(await late, 'late');
  const missing = desk.quietPrompts.secret(secret);
  for (const window of [first, second]) desk.answer(window.asked[2]!.id, null);
  await assert.rejects(missing, { kind: 'needs-person' });
});

test('a yes is remembered where that is wanted, and holds quietly while somebody is there', async () => {
  const desk = new PromptDesk();
  const question = { node: 'box', title: 'Run it?', detail: '', yes: 'Run' };
  const window = asker('window', 1);
  await assert.rejects(desk.prompts.confirm({ ...question, remember: 'k' }), { kind: 'needs-person' });
  desk.add(window);
  await assert.rejects(desk.quietPrompts.confirm({ ...question, remember: 'k' }), { kind: 'needs-person' });
  const answered = async (answer: string | null, remember?: string): Promise<boolean> => {
    const said = desk.prompts.confirm({ ...question, ...(remember === undefined ? {} : { remember }) });
    desk.answer(window.asked.at(-1)!.id, answer);
    return said;
  };
  assert.equal(await answered(null, 'k'), false);
  assert.equal(await answered('yes', 'k'), true);
  assert.equal(window.asked.length, 2);
  assert.ok(!('remember' in window.asked[1]!));
  assert.equal(await desk.prompts.confirm({ ...question, remember: 'k' }), true);
  assert.equal(await desk.quietPrompts.confirm({ ...question, remember: 'k' }), true);
  assert.equal(window.asked.length, 2);
  assert.equal(await answered(null, 'another'), false);
  assert.equal(await answered('yes'), true);
  assert.equal(await answered(null), false);
  desk.remove(window);
  await assert.rejects(desk.quietPrompts.confirm({ ...question, remember: 'k' }), { kind: 'needs-person' });
  await assert.rejects(desk.prompts.confirm({ ...question, remember: 'k' }), { kind: 'needs-person' });
});

test('a question moves on when its window closes, and fails when nobody is left', async () => {
  const desk = new PromptDesk();
  const [first, second] = [asker('window', 2), asker('window', 1)];
  desk.add(first);
  desk.add(second);
  const answer = desk.prompts.confirm({ node: 'box', title: 'Sure', detail: '', yes: 'Yes' });
  desk.remove(first);
  assert.equal(second.asked.length, 1);
  desk.remove(second);
  await assert.rejects(answer, { kind: 'needs-person' });
});
