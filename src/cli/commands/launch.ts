import { BiphaseError } from '../../core/errors.ts';
import { newRunId } from '../../core/newRunId.ts';
import {
  formatBytes,
  formatBytesAlike,
  formatCompact,
  formatCount,
  formatDuration,
} from '../../core/numberFormat.ts';
import { printable } from '../../core/printable.ts';
import type { LaunchCheck } from '../../protocol/controlApi.ts';
import type { Command } from '../command.ts';
import { printJson, withControl } from '../openControl.ts';
import { parseOptions } from '../options.ts';
import { parsePriority } from '../priority.ts';
import { readRunFile } from '../readRunFile.ts';
import { withTransferLine } from '../transferLine.ts';

export const command: Command = {
  name: 'launch',
  summary: 'start a run on a node, or many runs on several nodes',
  help: `
biphase launch FILE [--node NAME] [--check] [--priority N] [--after RUN]... [--json]
biphase launch FILE... [--node NAME]... [--priority N] [--json]

Starts the run that FILE (*.run.yaml) describes; it goes on without this terminal. Prints the run's id. On a node with a
number of slots a run waits in the node's queue until one is free. Data that FILE names as local:PATH are copied to the
node first, once; Ctrl+C ends that, and the next launch goes on with it.

Several files, or several nodes, are a batch: every run goes into the queue of one of the nodes, and may move to another
of them while it waits. Where a node has no number of slots, runs of a batch take turns: one a GPU, or one at a time.

  --node NAME    where; default: this computer. Several times for a batch.
  --priority N   -1000 to 1000, default 0: waiting runs with more start first; not on nodes with Slurm
  --after RUN    starts when this run has finished. Several times.
  --check        only says what would run, whether it fits and how long it takes
  --json         JSON on stdout

Example: biphase launch examples/clm.run.yaml --node gpu-box
`,
  run: async (args) => {
    const options = parseOptions(
      args,
      {
        node: { type: 'string', multiple: true },
        priority: { type: 'string' },
        after: { type: 'string', multiple: true },
        check: { type: 'boolean' },
        json: { type: 'boolean' },
      },
      Number.POSITIVE_INFINITY,
    );
    const [place, ...more] = options.positionals;
    if (place === undefined) throw new BiphaseError('usage', 'Name the run file to launch.');
    const [node = 'local', ...otherNodes] = options.lists.get('node') ?? [];
    const written = options.values.get('priority');
    const priority = written === undefined ? undefined : parsePriority(written);
    const json = options.flags.has('json');
    if (more.length > 0 || otherNodes.length > 0) {
      if (options.flags.has('check') || options.lists.has('after'))
        throw new BiphaseError('usage', '--check and --after go with one file and one node.');
      return launchBatch(options.positionals, [node, ...otherNodes], priority, json);
    }
    const file = readRunFile(place);
    return withControl(async (client) => {
      if (options.flags.has('check')) {
        const check = await client.call('checkLaunch', { file, node });
        if (json) printJson(check);
        else process.stdout.write(`${checkText(check)}\n`);
        return check.fits === false ? 1 : 0;
      }
      const run = newRunId();
      const after = options.lists.get('after');
      const launch = () => client.call('launch', { file, node, run, priority, after });
      const { already, queued = false } = await withTransferLine(client, run, launch);
      if (json) printJson({ run, already, queued });
      else process.stdout.write(`${run}\n`);
      return 0;
    });
  },
};

/** Prints a line a run: its id and its file, or why it was not launched. */
async function launchBatch(
  places: readonly string[],
  nodes: string[],
  priority: number | undefined,
  json: boolean,
): Promise<number> {
  // All are read before any is launched: a mistake in the last one starts nothing.
  const runs = places.map((place) => ({ place, run: newRunId(), file: readRunFile(place) }));
  return withControl(async (client) => {
    const asked = runs.map(({ run, file }) => ({ run, file }));
    const { failed } = await client.call('launchBatch', { runs: asked, nodes, priority });
    const why = new Map(failed.map(({ run, message }) => [run, message]));
    if (json)
      printJson({ runs: runs.map(({ run, place }) => ({ run, file: place, failed: why.get(run) ?? null })) });
    else
      for (const { run, place } of runs)
        process.stdout.write(`${printable([run, place, why.get(run) ?? ''].join('  ').trimEnd())}\n`);
    return failed.length === 0 ? 0 : 1;
  });
}

/** What the check page says, as lines. */
function checkText(check: LaunchCheck): string {
  const against = (planned: number, free: number | null): string => {
    if (free === null) return `${formatBytes(planned)} planned, free space not known`;
    const [needed, there] = formatBytesAlike([planned, free]);
    return `${needed} planned, ${there} free`;
  };
  const fit = { true: 'It fits.', false: 'It does not fit.', null: 'Whether it fits is not known yet.' };
  const expected = check.secondsExpected;
  return [
    `${check.name} on ${check.node}`,
    `${formatCount(check.steps)} steps · ${formatCompact(check.tokens)} tokens · ${formatCompact(check.parameters)} parameters`,
    fit[`${check.fits}`],
    `Memory: ${against(check.plannedBytes, check.memoryFreeBytes)}`,
    `Disk for checkpoints: ${against(check.checkpointBytes, check.diskFreeBytes)}`,
    `Time: ${expected === null ? 'unknown until it has run' : `about ${formatDuration(expected)}`}`,
    ...check.sentences,
  ]
    .map(printable)
    .join('\n');
}
