import { execFile } from 'node:child_process';
import { scaledMs } from '../../core/clock.ts';

const patienceMs = 5000;
const mostBytes = 16 << 20;

/** What a GPU vendor's tool printed and how it ended; `missing`: there is none; `silent`: it does not answer. */
export type ToolAnswer = { text: string; code: unknown } | 'missing' | 'silent';

/** Programs that were killed and have not died: another one would hang beside them. */
const undying = new Set<string>();

/** Runs a tool. Never waits longer than its patience. `code` is 0 where all went well. */
export function askTool(program: string, options: readonly string[]): Promise<ToolAnswer> {
  if (undying.has(program)) return Promise.resolve('silent');
  return new Promise((resolve) => {
    // A driver in trouble can keep the program from dying even by SIGKILL: answer without it.
    const timer = setTimeout(() => {
      undying.add(program);
      child.kill('SIGKILL');
      child.unref();
      resolve('silent');
    }, scaledMs(patienceMs));
    const child = execFile(program, options, { encoding: 'utf8', maxBuffer: mostBytes }, (error, text) => {
      clearTimeout(timer);
      undying.delete(program);
      if (error?.code === 'ENOENT' || error?.code === 'EACCES') resolve('missing');
      else resolve({ text, code: error ? (error.code ?? error.signal) : 0 });
    });
  });
}

/** What it printed, where it ended well. */
export function textOf(answer: ToolAnswer): string | null {
  return typeof answer === 'object' && answer.code === 0 ? answer.text : null;
}
