import type { Job } from '../../src/agent/queue/queueFolder.ts';

/** A job of a node's queue that waits for a slot alone. */
export function queueJob(run: string, changes: Partial<Job> = {}): Job {
  return {
    schema: 1,
    run,
    priority: 0,
    submittedAt: 1,
    after: [],
    nodes: [],
    movingTo: null,
    slot: null,
    environment: { TOKEN: 'secret' },
    setup: [],
    background: false,
    ...changes,
  };
}
