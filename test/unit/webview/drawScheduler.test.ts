import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { DrawScheduler } from '../../../webview/curves/drawScheduler.ts';
import { FakeFrames } from './fakeFrames.ts';

function started(context: TestContext, draw: (view: string) => void = () => undefined) {
  const frames = new FakeFrames(context);
  const drawn: string[] = [];
  let busy = false;
  const scheduler = new DrawScheduler<string>(
    (view) => {
      drawn.push(view);
      draw(view);
    },
    (now) => {
      busy = now;
    },
  );
  /** What was drawn since the last call. */
  const taken = (): string[] => drawn.splice(0);
  return { frames, scheduler, taken, isBusy: () => busy };
}

test('one chart is drawn a frame, and the page is busy until the last one was', (context) => {
  const { frames, scheduler, taken, isBusy } = started(context);
  for (const view of ['a', 'b', 'c']) scheduler.drawLater(view);
  scheduler.drawLater('a');
  assert.deepEqual(taken(), [], 'nothing is drawn outside a frame');
  for (const view of ['a', 'b', 'c']) {
    assert.equal(isBusy(), true);
    assert.equal(frames.frame(), true);
    assert.deepEqual(taken(), [view]);
  }
  assert.equal(isBusy(), false);
  assert.equal(frames.frame(), false, 'no frame is asked for without need');
});

test('of new points a chart is drawn five times a second at most, one without new points never', (context) => {
  const { frames, scheduler, taken } = started(context);
  for (const view of ['live', 'other', 'still']) scheduler.drawLater(view);
  frames.run(1000);
  taken();
  for (let i = 0; i < 200; i++) {
    scheduler.drawLater('live', 'points');
    if (i === 100) scheduler.drawLater('other', 'points');
    frames.pass(10);
    if (i % 2 === 0) frames.frame();
  }
  const drawn = taken();
  assert.deepEqual(
    drawn.filter((view) => view !== 'live'),
    ['other'],
  );
  assert.ok(drawn.length > 8 && drawn.length <= 11, `${drawn.length} drawings in two seconds`);
});

test('a chart whose lines have the new points already is drawn once a second, and soon again where they do not', (context) => {
  const { frames, scheduler, taken } = started(context);
  scheduler.drawLater('a');
  frames.frame();
  taken();
  for (let i = 0; i < 200; i++) {
    scheduler.drawLater('a', 'added');
    frames.pass(10);
    frames.frame();
  }
  assert.equal(taken().length, 2);
  scheduler.drawLater('a', 'added');
  frames.pass(200);
  assert.equal(frames.frame(), false);
  scheduler.drawLater('a', 'points');
  scheduler.drawLater('a', 'added');
  frames.run(32);
  assert.deepEqual(taken(), ['a']);
});

test('points that came while a chart rests are drawn once it may be, in one drawing', (context) => {
  const { frames, scheduler, taken } = started(context);
  scheduler.drawLater('a', 'points');
  frames.frame();
  assert.deepEqual(taken(), ['a'], 'the first ones at once');
  for (let i = 0; i < 19; i++) {
    scheduler.drawLater('a', 'points');
    frames.pass(10);
    assert.equal(frames.frame(), false);
  }
  frames.pass(10);
  assert.equal(frames.frame(), true);
  assert.deepEqual(taken(), ['a']);
});

test('what the person asked for comes before points, also of a chart that was drawn a moment ago', (context) => {
  const { frames, scheduler, taken } = started(context);
  scheduler.drawLater('a');
  frames.frame();
  taken();
  scheduler.drawLater('b', 'points');
  scheduler.drawLater('c', 'points');
  scheduler.drawLater('a', 'points');
  scheduler.drawLater('a');
  frames.frame();
  assert.deepEqual(taken(), ['a']);
  // Points that come later do not make it wait again.
  scheduler.drawLater('c');
  scheduler.drawLater('c', 'points');
  frames.frame();
  assert.deepEqual(taken(), ['c']);
  frames.frame();
  assert.deepEqual(taken(), ['b']);
});

test('a chart that cannot be drawn does not keep the others from it', (context) => {
  const { frames, scheduler, taken, isBusy } = started(context, (view) => {
    if (view === 'broken') throw new Error('broken');
  });
  for (const view of ['broken', 'a', 'b']) scheduler.drawLater(view);
  assert.throws(() => frames.frame(), /broken/);
  frames.frame();
  frames.frame();
  assert.deepEqual(taken(), ['broken', 'a', 'b']);
  assert.equal(isBusy(), false, 'it is not tried again for ever');
});

test('a slow picture of points is followed by as long a rest, which the person does not wait for', (context) => {
  let takes = 0;
  const { frames, scheduler, taken } = started(context, () => frames.work(takes));
  for (const [slow, rest] of [
    [70, 70],
    [900, 200],
  ] as const) {
    takes = slow;
    scheduler.drawLater('slow', 'points');
    frames.pass(200);
    frames.frame();
    scheduler.drawLater('next', 'points');
    takes = 0;
    frames.pass(rest - 1);
    assert.equal(frames.frame(), false, 'keys are heard meanwhile');
    scheduler.drawLater('asked');
    frames.frame();
    assert.deepEqual(taken(), ['slow', 'asked']);
    frames.pass(1);
    frames.frame();
    assert.deepEqual(taken(), ['next']);
    frames.pass(1000);
  }
});

test('a chart that is no longer there is not drawn', (context) => {
  const { frames, scheduler, taken, isBusy } = started(context);
  scheduler.drawLater('gone');
  scheduler.drawLater('a');
  scheduler.forget('gone');
  frames.run(100);
  assert.deepEqual(taken(), ['a']);
  scheduler.drawLater('gone');
  scheduler.forget('gone');
  frames.run(100);
  assert.deepEqual(taken(), []);
  assert.equal(isBusy(), false);
});
