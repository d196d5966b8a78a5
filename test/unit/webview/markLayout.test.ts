import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { layMarks, type MarkAt, type MarkRoom } from '../../../webview/curves/markLayout.ts';

const room: MarkRoom = { left: 40, right: 840, rows: 2, widthOf: (text) => text.length * 6 + 8 };

function mark(run: string, label: string, at: number): MarkAt {
  return { run, name: `name of ${run}`, label, x: at * 10, at };
}

test('the only run with marks is not named; one of several is', () => {
  const texts = (marks: MarkAt[]) => layMarks(marks, room).map((group) => group.words?.text);
  assert.deepEqual(texts([mark('a', 'clm → mlm', 200), mark('a', 'decay', 700)]), ['clm → mlm', 'decay']);
  assert.deepEqual(texts([mark('a', 'clm → mlm', 200), mark('b', 'decay', 600)]), [
    'clm → mlm · name of a',
    'decay · name of b',
  ]);
});

test('marks that fall on the same place are one, with how many runs share it', () => {
  const groups = layMarks([mark('a', 'decay', 500), mark('b', 'decay', 502), mark('c', 'decay', 500)], room);
  assert.equal(groups.length, 1);
  assert.deepEqual(new Set(groups[0].runs), new Set(['a', 'b', 'c']));
  assert.equal(groups[0].x, 5000);
  assert.equal(groups[0].words?.text, 'decay · 3 runs');
});

test('a long name keeps both ends', () => {
  const long = { ...mark('a', 'decay', 400), name: '610m-clm-10k-mlm40-42k-lr5e-4-bigger-batch-seed-3' };
  const [, group] = layMarks([mark('b', 'decay', 60), long], room);
  assert.match(group.words!.text, /^decay · 610m-.*….*-seed-3$/);
  assert.ok(group.words!.text.length < 40);
});

test('words never overlap or leave the picture; where there is no room the line stays alone', () => {
  const marks = fc.array(
    fc.record({
      run: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      label: fc.constantFrom('decay', 'clm → mlm'),
      at: fc.integer({ min: 40, max: 840 }),
    }),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(marks, (found) => {
      const groups = layMarks(
        found.map(({ run, label, at }) => mark(run, label, at)),
        room,
      );
      const boxes = groups.flatMap(({ words }) => {
        if (!words) return [];
        const half = room.widthOf(words.text) / 2;
        return [{ row: words.row, from: words.middle - half, to: words.middle + half }];
      });
      for (const [i, box] of boxes.entries()) {
        assert.ok(box.from >= room.left && box.to <= room.right);
        for (const other of boxes.slice(i + 1))
          assert.ok(box.row !== other.row || box.to < other.from || other.to < box.from);
      }
      for (const { run } of found) assert.ok(groups.some((group) => group.runs.includes(run)));
    }),
  );
});
