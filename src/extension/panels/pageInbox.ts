import * as z from 'zod';

/** So many kinds of wrong messages are told; a page that makes up ever new ones tells nothing more. */
const mostKinds = 20;
const longestProblem = 2000;

/** The extension's end of the message contract with a page: what does not fit is told once a kind, and dropped. */
export class PageInbox<Message> {
  readonly #contract: z.ZodType<Message>;
  readonly #tell: (problem: string) => void;
  readonly #told = new Set<string>();

  constructor(contract: z.ZodType<Message>, tell: (problem: string) => void) {
    this.#contract = contract;
    this.#tell = tell;
  }

  /** The message, where it fits. */
  read(raw: unknown): Message | undefined {
    const checked = this.#contract.safeParse(raw);
    if (checked.success) return checked.data;
    const kind = kindOf(raw);
    if (!this.#told.has(kind) && this.#told.size < mostKinds) {
      this.#told.add(kind);
      const why = z.prettifyError(checked.error).slice(0, longestProblem);
      this.#tell(`A message of the page does not fit its contract (${kind}): ${why}`);
    }
    return undefined;
  }
}

/** What the message says it is, as the log may hold it. */
function kindOf(raw: unknown): string {
  const type = typeof raw === 'object' && raw !== null ? (raw as { type?: unknown }).type : undefined;
  return typeof type === 'string' ? JSON.stringify(type.slice(0, 40)) : 'of no type';
}
