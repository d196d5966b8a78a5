const tickMs = 1000;
/** A tick that comes so late was held up by more than work. */
const lateMs = 4000;

/** Calls `woke` within a second after this computer has slept, or this process was stopped. Answers what ends it. */
export function watchForWake(woke: () => void): () => void {
  // The wall clock goes on in a sleep; the monotonic one need not.
  let last = Date.now();
  const timer = setInterval(() => {
    const now = Date.now();
    const late = now - last > tickMs + lateMs;
    last = now;
    if (late) woke();
  }, tickMs).unref();
  return () => clearInterval(timer);
}
