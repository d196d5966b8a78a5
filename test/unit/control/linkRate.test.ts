import assert from 'node:assert/strict';
import { PassThrough, Readable, Writable } from 'node:stream';
import { test } from 'node:test';
import { judgeLink, packingPays } from '../../../src/control/nodes/bootstrap/linkRate.ts';
import type { ExecChannel, ExecExit } from '../../../src/control/nodes/transport.ts';

test('files are packed for a link that is slow or far, and sent as they are over a fast one', () => {
  const sample = 256 * 1024;
  assert.equal(packingPays(sample, 0.012), false, 'loopback or a local network');
  assert.equal(packingPays(sample, 0.25), true, '1 MB/s');
  assert.equal(packingPays(sample, 0.3), true, 'a round trip of 100 ms');
});

test('a link that seems slow once gets a longer sample, and is slow where that is slow too', async (t) => {
  let clock = 0;
  t.mock.method(performance, 'now', () => clock);
  /** A command that is ready at once and takes its input in so many milliseconds. */
  const command = (ms: number): ExecChannel => {
    const { promise: exit, resolve } = Promise.withResolvers<ExecExit>();
    const stdin = new Writable({
      write: (_chunk, _encoding, done) => done(),
      final: (done) => {
        clock += ms;
        resolve({ known: true, code: 0, signal: null });
        done();
      },
    });
    const stdout = new PassThrough();
    stdout.write('12\nend\n');
    return { stdin, stdout, stderr: Readable.from([]), exit, close: () => {} };
  };
  let samples = 0;
  const judged = async (first: number, second: () => ExecChannel) => {
    samples = 1;
    const again = async () => {
      samples++;
      return second();
    };
    const { slow, answer } = await judgeLink(command(first), 'end', again);
    assert.equal(answer, '12\n');
    return [slow, samples];
  };
  assert.deepEqual(await judged(5, () => command(5)), [false, 1]);
  assert.deepEqual(await judged(60, () => command(20)), [false, 2], 'a node that was busy');
  assert.deepEqual(await judged(60, () => command(300)), [true, 2]);
  assert.deepEqual(await judged(600, () => command(20)), [true, 1], 'a longer one would only cost time');
  const none = () => {
    throw new Error('no session left');
  };
  assert.deepEqual(await judged(60, none), [true, 2]);
});
