import type { QueuePlace } from '../../protocol/queue.ts';
import { type QueueMood, whyWaiting } from './placeInQueue.ts';
import { allQueues, type JobStatus } from './queueFolder.ts';

interface Listed {
  status: JobStatus;
  mark: string;
  mood: QueueMood;
}

/** Which jobs of a root's queues have changed, told from names and times: no job is read for it. */
export class QueueListing {
  readonly #queues: string;
  #listed = new Map<string, Listed>();

  constructor(queues: string) {
    this.#queues = queues;
  }

  /** Runs whose jobs came, went or changed since the last look. */
  look(): Set<string> {
    const listed = new Map<string, Listed>();
    for (const queue of allQueues(this.#queues)) {
      const mood = { hold: queue.hold, why: queue.why };
      for (const { run, status, mark } of queue.list())
        listed.set(run, { status, mark: `${queue.path} ${status} ${mark}`, mood });
    }
    const before = this.#listed;
    this.#listed = listed;
    const changed = [...listed].filter(([run, { mark }]) => before.get(run)?.mark !== mark);
    const gone = [...before.keys()].filter((run) => !listed.has(run));
    return new Set([...changed.map(([run]) => run), ...gone]);
  }

  /** Why a run whose job has not changed waits, as of the last look; null where that is not for the queue to say. */
  reasonOf(run: string, place: QueuePlace): { sentence: string | undefined } | null {
    const listed = this.#listed.get(run);
    if (listed?.status !== 'waiting' && listed?.status !== 'moving') return null;
    return { sentence: whyWaiting(place, listed.mood) };
  }
}
