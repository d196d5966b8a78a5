import { printable } from '../../core/printable.ts';
import { matchesFilter, parseRunFilter } from '../../core/runList/runFilter.ts';
import type { RunSummary } from '../../protocol/controlApi.ts';
import type { Command } from '../command.ts';
import { printJson, withControl } from '../openControl.ts';
import { type ParsedOptions, parseOptions } from '../options.ts';
import { actOnRuns } from '../runActions.ts';

export const command: Command = {
  name: 'runs',
  summary: 'all runs and their states; label, tag, group, archive and delete them',
  help: `
biphase runs [--filter TEXT] [--state S] [--tag T] [--node N] [--archived] [--json]
biphase runs priority RUN N
biphase runs label RUN [TEXT]
biphase runs tag RUN... [--add TAG] [--remove TAG]
biphase runs group RUN... [--to GROUP]
biphase runs archive|unarchive RUN...
biphase runs delete RUN... [--files-on NODE]
biphase runs restore RUN...

Lists every run that a node has shown, newest first. A run of a node that is not connected is shown as it was last seen.

  --filter TEXT   as in the runs tree: words, state: node: tag: objective: group:, a comma for or, a minus for not
  --state S       queued, starting, running, stopping, stopped, finished, failed, preempted, lost, active or ended
  --tag T         runs with this tag
  --node N        runs of this node
  --archived      archived runs too, which are left out else
  --json          JSON on stdout

--state, --tag and --node may be given several times; several states or nodes mean any of them, several tags all.
priority: a waiting run gets another one: -1000 to 1000, runs with more start first.
label: a name in place of the one it was launched with; without TEXT that name again.
group: a run is in one group at most; without --to in none.
delete: removes what this computer keeps of the runs, and their files only on the nodes that --files-on names. A run that
is at work is refused. restore: shows runs again whose files stayed on their node.

  biphase runs --filter "610m -tag:old" --state failed
  biphase runs tag 20260101-k3v9x2aa 20260101-m1c0d3bb --add paper
`,
  run: async (args) => {
    const text = { type: 'string' } as const;
    const options = parseOptions(
      args,
      {
        ...{ filter: text, state: text, tag: text, node: text, archived: { type: 'boolean' } },
        ...{ add: text, remove: text, to: text, 'files-on': text, json: { type: 'boolean' } },
      },
      100_000,
    );
    const [action, ...rest] = options.positionals;
    if (action !== undefined) return actOnRuns(action, rest, options);
    const shown = filterOf(options);
    return withControl(async (client) => {
      const { notices } = await client.call('notices', { take: false });
      for (const notice of notices) process.stderr.write(`${printable(notice)}\n`);
      const runs = (await client.call('runs', {})).runs.filter(shown);
      runs.sort((a, b) => b.createdAt - a.createdAt);
      if (options.flags.has('json')) printJson({ runs });
      else for (const run of runs) process.stdout.write(`${runLine(run)}\n`);
      return 0;
    });
  },
};

/** Which runs the options ask for. */
function filterOf({ values, lists, flags }: ParsedOptions): (run: RunSummary) => boolean {
  const quoted = (list: readonly string[] = []): string[] =>
    list.map((value) => `"${value.replaceAll('"', '')}"`);
  const any = (key: string): string[] => {
    const list = quoted(lists.get(key));
    return list.length > 0 ? [`${key}:${list.join(',')}`] : [];
  };
  const filter = parseRunFilter(
    [
      values.get('filter') ?? '',
      ...any('state'),
      ...any('node'),
      ...quoted(lists.get('tag')).map((tag) => `tag:${tag}`),
    ].join(' '),
  );
  return (run) => (flags.has('archived') || !run.archived) && matchesFilter(run, filter);
}

/** "10:42". */
function clockTime(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toTimeString().slice(0, 5);
}

function runLine(run: RunSummary): string {
  const loss = typeof run.loss === 'number' ? run.loss.toFixed(3) : (run.loss ?? '');
  const seen = run.connected ? '' : `as of ${clockTime(run.asOf)}, not connected`;
  const parts = [
    run.run,
    run.state.padEnd(9),
    `${run.step}/${run.totalSteps}`.padEnd(13),
    loss.padEnd(7),
    run.node,
    run.name,
    ...run.tags.map((tag) => `#${tag}`),
    run.archived ? 'archived' : '',
    run.state === 'queued' ? (run.reason ?? '') : '',
    seen,
  ];
  return parts
    .filter((part, index) => index < 4 || part !== '')
    .join('  ')
    .trimEnd();
}
