// The nodes of scheduling.ts, in a thread of their own: what they do is no work of control's.
import { type MessagePort, parentPort } from 'node:worker_threads';
import { type Handlers, RpcPeer } from '../../src/core/rpcPeer.ts';
import { startsBefore } from '../../src/core/scheduling.ts';
import { type AgentMethods, agentEvents, agentMethods, type RunReport } from '../../src/protocol/agentApi.ts';
import type { Move, QueuePlace, QueueWish } from '../../src/protocol/queue.ts';
import type { Spec } from '../../src/protocol/runDirectory.ts';

export interface NodeOrder {
  name: string;
  port: MessagePort;
  slots: number;
  /** Milliseconds that a run lasts: between this and the double. */
  runMs: number;
}

const probe = {
  ...{ cores: 64, load: 0, memoryTotalBytes: 2 ** 40, memoryFreeBytes: 2 ** 40, diskFreeBytes: 2 ** 40 },
  ...{ gpus: [], warnings: [] },
};

parentPort!.on('message', (order: NodeOrder) => serve(order));

function serve({ name, port, slots, runMs }: NodeOrder): void {
  const waiting = new Map<string, { spec: Spec; place: QueuePlace }>();
  let busy = 0;
  const peer = new RpcPeer(
    { served: agentMethods, called: {}, sent: agentEvents, received: {} },
    {
      hello: async () => ({
        ...{ protocol: 1, bundle: 'b', host: name, bootId: 'boot', rootId: `root of ${name}`, root: '/r' },
        ...{ platform: 'linux', arch: 'x64', nodeVersion: '24.0.0', now: Date.now() / 1000 },
      }),
      probe: async () => probe,
      watch: async () => ({ runs: [], hold: null }),
      read: async () => ({ withBytes: { value: { size: 0 }, binary: new Uint8Array(0) } }),
      follow: async () => ({}),
      unfollow: async () => ({}),
      launch: async ({ spec, queue }: { spec: Spec; queue?: QueueWish }) => {
        const { priority, after, nodes } = queue!;
        const place = { priority, after, nodes, submittedAt: Date.now() / 1000, movingTo: null };
        waiting.set(spec.id, { spec, place });
        tell(spec, 'queued', place);
        fill();
        return { already: false, queued: true };
      },
      moveQueued: async ({ run, to, move }: { run: string; to: string | null; move: Move }) => {
        const job = waiting.get(run);
        if (!job) return { moving: false };
        job.place = { ...job.place, movingTo: to, move };
        tell(job.spec, 'queued', job.place);
        return { moving: true };
      },
      forgetMoved: async ({ run }: { run: string }) => {
        waiting.delete(run);
        peer.emit('gone', { run });
        return { stopped: false };
      },
      settleMove: async () => ({}),
    } as unknown as Handlers<AgentMethods>,
    (bytes) => port.postMessage(bytes),
  );
  port.on('message', (bytes: Uint8Array) => peer.receive(bytes));

  function tell(spec: Spec, state: RunReport['state'], queue?: QueuePlace): void {
    peer.emit('run', {
      run: spec.id,
      state,
      ...{ spec, wrapper: null, progress: null, exit: null, checkpoints: [], lastEvent: null },
      ...(queue ? { queue } : {}),
    });
  }

  function fill(): void {
    while (busy < slots) {
      let first: { spec: Spec; place: QueuePlace } | undefined;
      for (const job of waiting.values()) {
        if (job.place.movingTo !== null) continue;
        const earlier = first && startsBefore({ run: '', ...first.place }, { run: '', ...job.place }) < 0;
        if (!earlier) first = job;
      }
      if (!first) return;
      const { spec } = first;
      waiting.delete(spec.id);
      busy++;
      tell(spec, 'running');
      setTimeout(
        () => {
          busy--;
          tell(spec, 'finished');
          fill();
        },
        runMs * (1 + Math.random()),
      );
    }
  }
}
