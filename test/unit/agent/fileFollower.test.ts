import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { FileFollower, type Piece } from '../../../src/agent/fileFollower.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-follower-'));
after(() => fs.rmSync(folder, { recursive: true }));
let count = 0;
const freshFile = (): string => path.join(folder, `file-${count++}`);

/** Puts pieces together as control does, and fails on a gap. */
class Receiver {
  bytes = Buffer.alloc(0);
  identity: string | null = null;
  resets = 0;
  readonly take = ({ offset, identity, reset, bytes }: Piece): void => {
    if (reset) {
      this.bytes = Buffer.alloc(0);
      this.resets++;
    }
    assert.equal(offset, this.bytes.length, 'no gap and nothing twice');
    this.bytes = Buffer.concat([this.bytes, bytes]);
    this.identity = identity;
  };
}
const always = async (): Promise<boolean> => true;

type Action = { kind: 'append' | 'replace'; bytes: Uint8Array } | { kind: 'cut' | 'restart' | 'remove' };
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('append' as const), bytes: fc.uint8Array({ maxLength: 300 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('replace' as const), bytes: fc.uint8Array({ maxLength: 50 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      { kind: 'restart' as const },
      { kind: 'cut' as const },
      { kind: 'remove' as const },
    ),
  },
);

test('whatever becomes of the file, what was received is the file', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 20 }), async (actions) => {
      const file = freshFile();
      const receiver = new Receiver();
      const start = (): FileFollower =>
        new FileFollower(
          file,
          { offset: receiver.bytes.length, identity: receiver.identity },
          receiver.take,
          always,
        );
      let follower = start();
      for (const step of actions) {
        if (step.kind === 'append') fs.appendFileSync(file, step.bytes);
        // Grown first, so that a shorter length shows: a file rewritten in place to the same length is not told apart.
        else if (step.kind === 'replace') {
          fs.writeFileSync(`${file}.new`, step.bytes);
          fs.renameSync(`${file}.new`, file);
        } else if (step.kind === 'cut' && fs.existsSync(file))
          fs.truncateSync(file, Math.floor(fs.statSync(file).size / 2));
        else if (step.kind === 'remove') {
          // The inode is kept in use: a new file under the name is then another one.
          if (fs.existsSync(file)) fs.renameSync(file, `${freshFile()}.kept`);
        } else if (step.kind === 'restart') {
          follower.close();
          follower = start();
        }
        await follower.look();
        if (fs.existsSync(file)) assert.deepEqual(receiver.bytes, fs.readFileSync(file));
      }
    }),
    { numRuns: 60 },
  );
});

test('a large file comes in pieces, and none is read while the reader is not ready', async () => {
  const file = freshFile();
  const content = Buffer.alloc(300_000, 'abcdefg\n');
  fs.writeFileSync(file, content);
  const receiver = new Receiver();
  let open: (() => void) | undefined;
  let asked = 0;
  const follower = new FileFollower(file, { offset: 0, identity: null }, receiver.take, async () => {
    asked++;
    await new Promise<void>((resolve) => {
      open = resolve;
    });
    return true;
  });
  const done = follower.look();
  assert.equal(receiver.bytes.length, 0);
  let pieces = 0;
  while (receiver.bytes.length < content.length) {
    const before = receiver.bytes.length;
    open!();
    while (asked === pieces + 1 && receiver.bytes.length < content.length) await new Promise(setImmediate);
    pieces++;
    assert.ok(receiver.bytes.length - before <= 64 * 1024);
  }
  await done;
  assert.ok(pieces >= 5);
  assert.deepEqual(receiver.bytes, content);
});

test('bytes written during a look are sent by the same look or the next', async () => {
  const file = freshFile();
  fs.writeFileSync(file, 'one\n');
  const receiver = new Receiver();
  const follower = new FileFollower(file, { offset: 0, identity: null }, receiver.take, always);
  const first = follower.look();
  fs.appendFileSync(file, 'two\n');
  await Promise.all([first, follower.look()]);
  assert.equal(receiver.bytes.toString(), 'one\ntwo\n');
});

test('a link and a closed follower send nothing', async () => {
  const file = freshFile();
  fs.symlinkSync('/etc/passwd', file);
  const receiver = new Receiver();
  await new FileFollower(file, { offset: 0, identity: null }, receiver.take, always).look();
  const closed = new FileFollower('/etc/passwd', { offset: 0, identity: null }, receiver.take, always);
  closed.close();
  await closed.look();
  assert.equal(receiver.bytes.length, 0);
});

test('what is written while the follower rests travels in one piece', async () => {
  const file = freshFile();
  const pieces: string[] = [];
  fs.writeFileSync(file, 'one\n');
  const follower = new FileFollower(
    file,
    { offset: 0, identity: null },
    ({ bytes }) => pieces.push(Buffer.from(bytes).toString()),
    always,
    50,
  );
  const looks = [follower.look()];
  while (pieces.length === 0) await new Promise((resolve) => setImmediate(resolve));
  for (const line of ['two\n', 'three\n', 'four\n']) {
    fs.appendFileSync(file, line);
    looks.push(follower.look());
  }
  await Promise.all(looks);
  assert.deepEqual(pieces, ['one\n', 'two\nthree\nfour\n']);
});
