import type { RunState } from '../../src/protocol/runDirectory.ts';
import { svg } from './dom.ts';

const shapes: Record<RunState, string> = {
  queued: 'M8 3.2a4.8 4.8 0 1 0 0 9.6a4.8 4.8 0 1 0 0 -9.6zM8 5.2v3l2 1.4',
  starting: 'M8 3.2a4.8 4.8 0 0 1 4.8 4.8',
  running: 'M5.4 3.6l6.6 4.4l-6.6 4.4z',
  stopping: 'M4.5 4.5h7v7h-7z',
  stopped: 'M4.5 4.5h7v7h-7z',
  finished: 'M3.6 8.4l3 3l5.8 -6.6',
  failed: 'M4.4 4.4l7.2 7.2M11.6 4.4l-7.2 7.2',
  preempted: 'M5.6 4.2v7.6M10.4 4.2v7.6',
  lost: 'M5.9 6.2a2.1 2.1 0 1 1 3.1 1.9c-.7 .4 -1 .8 -1 1.6M8 11.9v.1',
};

/** The state's icon: its shape says it, its colour helps. */
export function stateIcon(state: RunState): SVGSVGElement {
  return svg('svg', {
    class: `state-icon state-${state}`,
    attributes: { viewBox: '0 0 16 16', width: 14, height: 14, 'aria-hidden': 'true', focusable: 'false' },
    children: [svg('path', { attributes: { d: shapes[state] } })],
  });
}
