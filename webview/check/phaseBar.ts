import { formatCount, formatLearningRate, formatValue } from '../../src/core/numberFormat.ts';
import type { LaunchCheck } from '../../src/protocol/controlApi.ts';
import { html, svg } from '../common/dom.ts';

const width = 1000;
const rateHeight = 60;
const barTop = rateHeight + 8;
const barHeight = 30;

/** Each objective has one colour, whatever phases a run has. */
const colours: Record<string, number> = { clm: 1, mlm: 2, mixed: 3 };

/** "40 %", or "50 → 10 %" where the ratio falls; empty for CLM. */
function maskText({ maskRatio }: LaunchCheck['phases'][number]): string {
  const ends = [...new Set(maskRatio)].map((ratio) => formatValue(ratio * 100).replace(/\.0+$/, ''));
  return ends.length === 0 ? '' : `${ends.join(' → ')} %`;
}

/** A phase in words: "mlm, 40 % masked, steps 10,000 to 42,000". */
export function phaseText(phase: LaunchCheck['phases'][number]): string {
  const mask = maskText(phase);
  return `${phase.objective}${mask === '' ? '' : `, ${mask} masked`}, steps ${formatCount(phase.from)} to ${formatCount(phase.until)}`;
}

/** The learning rate over the run in words. */
export function scheduleText(check: Pick<LaunchCheck, 'schedule' | 'steps'>): string {
  const { warmup, decayStart, peak } = check.schedule;
  const parts = [];
  if (warmup > 0) parts.push(`warm-up ${formatCount(warmup)}`);
  if (decayStart > warmup) parts.push(`stable until ${formatCount(decayStart)}`);
  if (decayStart < check.steps) parts.push(`decay ${formatCount(check.steps - decayStart)} steps`);
  return `Learning rate ${formatLearningRate(peak)}: ${parts.join(', ')}`;
}

/** The run as a picture: learning rate above, phases below, on one axis of steps; the same in words for readers. */
export function phaseBar(check: LaunchCheck): HTMLElement {
  const at = (step: number): number => (check.steps === 0 ? 0 : (step / check.steps) * width);
  const { warmup, decayStart } = check.schedule;
  const base = rateHeight;
  const rate = `M0 ${base}L${at(warmup)} 4L${at(Math.max(warmup, decayStart))} 4L${width} ${decayStart < check.steps ? base : 4}V${base}Z`;
  const picture = svg('svg', {
    class: 'phase-bar',
    attributes: {
      viewBox: `0 0 ${width} ${barTop + barHeight}`,
      preserveAspectRatio: 'none',
      'aria-hidden': 'true',
    },
    children: [
      svg('path', { class: 'rate', attributes: { d: rate, 'vector-effect': 'non-scaling-stroke' } }),
      ...check.phases.map((phase) =>
        svg('rect', {
          class: `phase series-${colours[phase.objective] ?? 4}`,
          attributes: {
            x: at(phase.from) + 1.5,
            y: barTop,
            width: Math.max(2, at(phase.until) - at(phase.from) - 3),
            height: barHeight,
          },
        }),
      ),
    ],
  });
  const cuts = [...new Set([0, ...check.phases.map((p) => p.until)])];
  const labels = html('div', {
    class: 'phase-labels',
    attributes: { 'aria-hidden': 'true' },
    children: check.phases.map((phase) => {
      const label = html('span', { text: phaseLabel(phase) });
      label.style.flexGrow = String(Math.max(1, phase.until - phase.from));
      return label;
    }),
  });
  const ticks = html('div', {
    class: 'phase-ticks muted numbers',
    attributes: { 'aria-hidden': 'true' },
    children: cuts.map((step) => {
      const tick = html('span', { text: formatCount(step) });
      const share = check.steps === 0 ? 0 : (step / check.steps) * 100;
      tick.style.left = `${share}%`;
      tick.style.transform = `translateX(-${share < 5 ? 0 : share > 95 ? 100 : 50}%)`;
      return tick;
    }),
  });
  return html('figure', {
    class: 'phases',
    children: [
      picture,
      labels,
      ticks,
      html('figcaption', { class: 'muted', text: scheduleText(check) }),
      html('ul', {
        class: 'visually-hidden',
        children: check.phases.map((phase) => html('li', { text: phaseText(phase) })),
      }),
    ],
  });
}

function phaseLabel(phase: LaunchCheck['phases'][number]): string {
  return `${phase.objective} ${maskText(phase)}`.trimEnd();
}
