import path from 'node:path';
import { ownProgram } from '../../agent/ownBundle.ts';
import { thisMachine } from '../../agent/processTable.ts';
import { takeSlotWish } from '../../agent/slots/slotVariable.ts';
import { ownJob } from '../../agent/slurm/insideJob.ts';
import { directoryOfElement } from '../../agent/slurm/jobArray.ts';
import { runWrapper } from '../../agent/wrapper/wrapper.ts';
import { BiphaseError } from '../../core/errors.ts';
import type { Command } from '../command.ts';
import { integerOption, parseOptions } from '../options.ts';

export const command: Command = {
  name: 'wrapper',
  summary: 'starts one segment of a run and records how it ends (internal)',
  help: `
biphase wrapper --run-dir DIR --segment N [--background]
biphase wrapper --array FILE --segment N

Starts the trainer of one segment in a process group of its own, writes state.json before it may begin and exit.json
when it has ended. Ends with 75 where another process has the segment. With a wish in BIPHASE_SLOT it claims a slot of
this machine first, and ends with 76 where none is free.

  --array       the run is the element of a Slurm job array, which FILE lists, that this process is
  --background  the trainer takes what other programs on this machine leave
`,
  run: async (args) => {
    const options = parseOptions(
      args,
      {
        'run-dir': { type: 'string' },
        array: { type: 'string' },
        segment: { type: 'string' },
        background: { type: 'boolean' },
      },
      0,
    );
    const array = options.values.get('array');
    const directory =
      array === undefined ? options.values.get('run-dir') : directoryOfElement(array, process.env);
    const segment = integerOption(options, 'segment');
    if (directory === undefined || segment === undefined)
      throw new BiphaseError('usage', 'The wrapper needs --run-dir and --segment.');
    return runWrapper({
      runDirectory: path.resolve(directory),
      segment,
      program: ownProgram(),
      table: thisMachine,
      background: options.flags.has('background'),
      slot: takeSlotWish(),
      job: ownJob(process.env),
    });
  },
};
