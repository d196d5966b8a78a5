import {
  formatBytes,
  formatBytesAlike,
  formatCompact,
  formatCount,
  formatDuration,
} from '../../src/core/numberFormat.ts';
import type { LaunchCheck } from '../../src/protocol/controlApi.ts';

/** One answer of the page. `verdict` colours nothing alone: its icon and words say it too. */
export interface Fact {
  question: string;
  answer: string;
  /** Smaller lines under the answer. */
  details: string[];
  verdict: 'plain' | 'good' | 'bad' | 'pending';
}

/** What the page answers, in the order in which one asks. */
export function facts(check: LaunchCheck): Fact[] {
  return [fit(check), time(check), place(check), data(check), differences(check)];
}

/** The one line under the name: "42,000 steps · 96.6B tokens · 610M parameters". */
export function sizeText(check: LaunchCheck): string {
  return [
    `${formatCount(check.steps)} steps`,
    `${formatCompact(check.tokens)} tokens`,
    `${formatCompact(check.parameters)} parameters`,
  ].join(' · ');
}

function against(planned: number, free: number | null, of: string): string {
  if (free === null) return `${of}: ${formatBytes(planned)} planned, free space not known yet`;
  const [needed, there] = formatBytesAlike([planned, free]);
  return `${of}: ${needed} planned, ${there} free`;
}

function fit(check: LaunchCheck): Fact {
  const numbers = [
    against(check.plannedBytes, check.memoryFreeBytes, 'Memory'),
    against(check.checkpointBytes, check.diskFreeBytes, 'Disk for checkpoints'),
  ];
  // What keeps it from starting is read first.
  const details = check.fits === false ? [...check.sentences, ...numbers] : [...numbers, ...check.sentences];
  const question = 'Does it fit';
  if (check.fits === null) return { question, answer: 'Asking the node', details, verdict: 'pending' };
  return check.fits
    ? { question, answer: 'It fits', details, verdict: 'good' }
    : { question, answer: 'It does not fit', details, verdict: 'bad' };
}

function time(check: LaunchCheck): Fact {
  const question = 'How long';
  return check.secondsExpected === null
    ? { question, answer: 'Unknown until it has run', details: [], verdict: 'plain' }
    : {
        question,
        answer: `About ${formatDuration(check.secondsExpected)}`,
        details: ['From the speed measured on this node.'],
        verdict: 'plain',
      };
}

function place(check: LaunchCheck): Fact {
  return {
    question: 'Where',
    answer: check.node,
    details: check.setup.map((line) => `runs first: ${line}`),
    verdict: 'plain',
  };
}

function data({ data: source }: LaunchCheck): Fact {
  const world = /^world(:|$)/.test(source);
  return {
    question: 'What it reads',
    answer: world ? 'The built-in world' : source,
    details: world ? ['English-like text over invented, consistent facts.'] : [],
    verdict: 'plain',
  };
}

function differences(check: LaunchCheck): Fact {
  const question = 'What differs from the last run';
  if (check.lastRun === null)
    return { question, answer: 'This is the first run', details: [], verdict: 'plain' };
  const n = check.differences.length;
  return {
    question,
    answer:
      n === 0
        ? `Nothing: same as ${check.lastRun}`
        : `${formatCount(n)} ${n === 1 ? 'difference' : 'differences'} to ${check.lastRun}`,
    details: check.differences,
    verdict: 'plain',
  };
}
