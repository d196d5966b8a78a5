import fs from 'node:fs';

/** A test of the extension host; node:test reports only when its process ends, and this one does not end. */
interface HostTest {
  name: string;
  body: () => Promise<void> | void;
}

const collected: HostTest[] = [];
const timeLimit = 60_000;

/** Adds a test; they run one after the other, in the order of the files. */
export function test(name: string, body: () => Promise<void> | void): void {
  collected.push({ name, body });
}

/** Runs what was collected, writes the counts where $BIPHASE_COUNTS says, and throws when one failed. */
export async function runCollected(): Promise<void> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { name, body } of collected) {
    const started = performance.now();
    try {
      await within(body(), timeLimit);
      counts.passed++;
      console.log(`✔ ${name} (${Math.round(performance.now() - started)} ms)`);
    } catch (error) {
      counts.failed++;
      console.log(`✖ ${name}\n${error instanceof Error ? error.stack : String(error)}`);
    }
  }
  if (process.env.BIPHASE_COUNTS) fs.writeFileSync(process.env.BIPHASE_COUNTS, JSON.stringify(counts));
  if (counts.failed > 0) throw new Error(`${counts.failed} of ${collected.length} host tests failed`);
}

async function within(work: Promise<void> | void, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${milliseconds} ms`)), milliseconds);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
