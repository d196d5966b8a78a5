import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { toBiphaseError } from '../../core/errors.ts';
import { runFileFaults } from '../../core/parseRunFile.ts';
import { resolveRunFile } from '../../core/resolveRunFile.ts';
import type { RunFile } from '../../protocol/runFile.ts';

export interface Problem {
  /** Zero-based. */
  from: { line: number; character: number };
  to: { line: number; character: number };
  message: string;
  warning: boolean;
}

type Path = readonly PropertyKey[];
type Stretch = readonly [number, number];

/**
 * What the run file's own checks say, with their place in the text: unknown keys with the nearest known one, and
 * what no single key can tell, such as phases that go backwards. Keys that are missing have no place and are left out.
 */
export function ownProblems(text: string): Problem[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0 || !isMap(document.contents)) return [];
  const root: Node = document.contents;
  const { value, fault } = contentOf(document);
  if (fault !== undefined) return [problemAt(lines, firstKey(root), fault)];
  const faults = runFileFaults(value);
  const found = faults.length > 0 ? faults.map(({ path, message }) => place(root, path, message)) : [];
  if (faults.length === 0) {
    const message = resolveFault(value as RunFile);
    if (message !== undefined) found.push(place(root, [], message) ?? { stretch: firstKey(root), message });
  }
  return found.flatMap((problem) => {
    return problem ? [problemAt(lines, problem.stretch, problem.message)] : [];
  });
}

/** Where the text is no YAML at all. */
export function syntaxProblems(text: string): Problem[] {
  const lines = new LineCounter();
  const { errors } = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  return errors.map(({ pos, message }) => problemAt(lines, pos, `This is not YAML: ${message}`));
}

function problemAt(lines: LineCounter, [start, end]: Stretch, message: string): Problem {
  const at = (offset: number): Problem['from'] => {
    const { line, col } = lines.linePos(offset);
    return { line: line - 1, character: col - 1 };
  };
  return { from: at(start), to: at(end), message, warning: false };
}

/** Aliases of nothing, or more than a run file has use for, are told only when they are followed. */
function contentOf(document: Document): { value?: unknown; fault?: string } {
  try {
    return { value: document.toJS() };
  } catch (thrown) {
    return { fault: `This is not YAML: ${(thrown as Error).message.replace(/\.$/, '')}.` };
  }
}

/** What is wrong with a run file, in one sentence. */
export interface Fault {
  /** From 1. */
  line: number;
  message: string;
}

/** A run file's content as JSON values, or its first fault. A missing key is missed where its group begins. */
export function readRunFileText(
  text: string,
): { file: unknown; fault?: undefined } | { file?: undefined; fault: Fault } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const faultAt = (offset: number, message: string): { fault: Fault } => ({
    fault: { line: lines.linePos(offset).line, message },
  });
  const [broken] = document.errors;
  if (broken?.code === 'MULTIPLE_DOCS')
    return faultAt(
      broken.pos[0],
      'The file holds several YAML documents; write each into a file of its own.',
    );
  if (broken) return faultAt(broken.pos[0], `This is not YAML: ${broken.message.replace(/\.$/, '')}.`);
  const root = document.contents;
  if (!isMap(root)) return faultAt(0, 'A run file is a list of keys and values, such as "model: micro".');
  const { value: file, fault } = contentOf(document);
  if (fault !== undefined) return faultAt(firstKey(root)[0], fault);
  const [found] = runFileFaults(file);
  const message = found?.message ?? resolveFault(file as RunFile);
  if (message === undefined) return { file };
  const path = found?.path ?? [];
  const [start] = place(root, path, message)?.stretch ?? nearestStretch(root, path);
  return faultAt(start, message);
}

/** The innermost part of a path that is there. */
function nearestStretch(root: Node, path: Path): Stretch {
  if (path.length === 0) return firstKey(root);
  return rangeOf(nodeAt(root, path)) ?? nearestStretch(root, path.slice(0, -1));
}

function resolveFault(file: RunFile): string | undefined {
  try {
    resolveRunFile(file);
    return undefined;
  } catch (thrown) {
    return toBiphaseError(thrown).message;
  }
}

/** Where a sentence belongs: the unknown key that it names, the path that it begins with, else the given path. */
function place(root: Node, path: Path, message: string): { stretch: Stretch; message: string } | undefined {
  const unknown = /^Unknown key "([^"]+)"/.exec(message)?.[1];
  const quoted = /^"([^"]+)"/.exec(message)?.[1];
  const stretch =
    (unknown === undefined ? undefined : keyStretch(root, path, unknown)) ??
    (quoted === undefined ? undefined : rangeOf(nodeAt(root, parsePath(quoted)))) ??
    (path.length > 0 ? rangeOf(nodeAt(root, path)) : undefined);
  return stretch && { stretch, message };
}

/** `phases[1].until` → ['phases', 1, 'until'] */
function parsePath(text: string): Path {
  return [...text.matchAll(/\[(\d+)\]|([^.[\]]+)/g)].map(([, index, key]) => (index ? Number(index) : key));
}

function keyStretch(root: Node, parent: Path, key: string): Stretch | undefined {
  const map = nodeAt(root, parent);
  if (!isMap(map)) return undefined;
  const pair = map.items.find((item) => isScalar(item.key) && item.key.value === key);
  return rangeOf(pair?.key as Node | undefined);
}

function firstKey(root: Node): Stretch {
  const key = isMap(root) ? (root.items[0]?.key as Node | undefined) : undefined;
  return rangeOf(key) ?? [0, 0];
}

function nodeAt(root: Node, path: Path): Node | undefined {
  let node: Node | undefined = root;
  for (const part of path) {
    if (!isMap(node) && !isSeq(node)) return undefined;
    node = node.get(part, true) as Node | undefined;
  }
  return node;
}

function rangeOf(node: Node | undefined): Stretch | undefined {
  return node?.range ? [node.range[0], node.range[1]] : undefined;
}
