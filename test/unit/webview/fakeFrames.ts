import type { TestContext } from 'node:test';

/** Time and frames of a page that pass only when a test says so. */
export class FakeFrames {
  private readonly tick: (ms: number) => void;
  private now = 0;
  private waiting: (() => void)[] = [];

  constructor(context: TestContext) {
    context.mock.timers.enable({ apis: ['setTimeout'] });
    context.mock.method(performance, 'now', () => this.now);
    const frames = { requestAnimationFrame: (draw: () => void) => this.waiting.push(draw) };
    Object.assign(globalThis, frames);
    context.after(() => {
      for (const name of Object.keys(frames)) Reflect.deleteProperty(globalThis, name);
    });
    this.tick = (ms) => context.mock.timers.tick(ms);
  }

  /** So many milliseconds go by without a frame. */
  pass(ms: number): void {
    for (let i = 0; i < ms; i++) {
      this.now++;
      this.tick(1);
    }
  }

  /** Work that takes so long: no timer and no frame comes meanwhile. */
  work(ms: number): void {
    this.now += ms;
  }

  /** Draws what waits for the next frame; returns whether anything did. */
  frame(): boolean {
    const due = this.waiting;
    this.waiting = [];
    for (const draw of due) draw();
    return due.length > 0;
  }

  /** Frames, 16 ms apart, for so long. */
  run(ms: number): void {
    for (let passed = 0; passed < ms; passed += 16) {
      this.pass(16);
      this.frame();
    }
  }
}
