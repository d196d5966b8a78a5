import * as z from 'zod';

// The page's policy forbids eval: the schema library must not try to compile.
z.config({ jitless: true });

interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}
declare function acquireVsCodeApi(): VsCodeApi;

/** The page's end of the message contract: both directions are checked against their schemas. */
export interface Channel<Out> {
  /** `binary`: bytes that belong to the message. */
  post(message: Out, binary?: ArrayBuffer): void;
  /** What the last life of this page left with `saveState`; undefined where it does not fit the schema. */
  restoreState<S>(schema: z.ZodType<S>): S | undefined;
  /** UI state only, never data. */
  saveState(state: unknown): void;
}

/**
 * Opens the channel to the extension. `receive` gets each checked message and the bytes that came in it (`binary`).
 * A message that does not fit is reported to the extension as a `problem` and dropped.
 */
export function openChannel<In extends z.ZodType, Out extends z.ZodType>(
  incoming: In,
  outgoing: Out,
  receive: (message: z.infer<In>, binary: ArrayBuffer | undefined) => void,
): Channel<z.infer<Out>> {
  const api = acquireVsCodeApi();
  const problem = (text: string) => api.postMessage({ type: 'problem', message: text });

  window.addEventListener('message', (event: MessageEvent<unknown>) => {
    const data = event.data;
    // The workbench itself posts into the frame as well; ours always name their type.
    if (typeof data !== 'object' || data === null || typeof (data as { type?: unknown }).type !== 'string')
      return;
    const checked = incoming.safeParse(data);
    if (!checked.success) {
      problem(`A message to the page does not fit its contract: ${z.prettifyError(checked.error)}`);
      return;
    }
    const binary = (data as { binary?: unknown }).binary;
    try {
      receive(checked.data, asArrayBuffer(binary));
    } catch (thrown) {
      problem(thrown instanceof Error ? thrown.message : String(thrown));
    }
  });
  window.addEventListener('error', (event) => problem(event.message));
  window.addEventListener('unhandledrejection', (event) => problem(String(event.reason)));

  return {
    post(message, binary) {
      const checked = outgoing.parse(message);
      api.postMessage(binary ? Object.assign({ binary }, checked) : checked);
    },
    restoreState(schema) {
      const checked = schema.safeParse(api.getState());
      return checked.success ? checked.data : undefined;
    },
    saveState(state) {
      api.setState(state);
    },
  };
}

function asArrayBuffer(binary: unknown): ArrayBuffer | undefined {
  if (binary instanceof ArrayBuffer) return binary;
  // A host may hand on a view; its own bytes are copied so that columns start at offset 0.
  if (ArrayBuffer.isView(binary))
    return new Uint8Array(binary.buffer, binary.byteOffset, binary.byteLength).slice().buffer;
  return undefined;
}
