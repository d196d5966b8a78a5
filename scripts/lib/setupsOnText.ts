import fs from 'node:fs';
import path from 'node:path';
import { gatherProse } from './englishProse.ts';

/** The four setups of the paper on one corpus: files of a workspace, and the one that needs a finished run. */
export interface SetupsOnText {
  folder: string;
  /** Run files that can start at once: CLM, MLM, CLM then MLM. */
  files: string[];
  /** Writes the file that continues the CLM run with MLM, and returns its name. */
  continued(clmRun: string): string;
}

const steps = { clm: 400, mlm: 400, continued: 200 };

function runFile(text: string, head: string, phases: string): string {
  return `model: micro
${head}data:
  source: ${JSON.stringify(text)}
  packing: {length: 128}
phases:
${phases}checkpoints: {every: 200}
validate: {every: 50}
engine: {threads: 1}
`;
}

/** Makes a workspace with real English prose and run files of the setups. */
export function setupsOnText(documentation: string, folder: string): SetupsOnText {
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  const text = path.join(folder, 'text');
  const { documents } = gatherProse(documentation, text);
  if (documents === 0) throw new Error(`There is no English prose below ${documentation}.`);
  const write = (name: string, head: string, ...phases: string[]): string => {
    fs.writeFileSync(
      path.join(folder, name),
      runFile(text, head, phases.map((phase) => `  - {${phase}}\n`).join('')),
    );
    return name;
  };
  const half = steps.clm / 2;
  return {
    folder,
    files: [
      write('clm.run.yaml', '', `objective: clm, until: ${steps.clm}`),
      write('mlm.run.yaml', '', `objective: mlm, maskRatio: 0.4, until: ${steps.mlm}`),
      write(
        'clm-then-mlm.run.yaml',
        '',
        `objective: clm, until: ${half}`,
        `objective: mlm, maskRatio: 0.4, until: ${steps.mlm}`,
      ),
    ],
    continued: (clmRun) =>
      write(
        'continued.run.yaml',
        `from: {checkpoint: ${clmRun}@${steps.clm}}\n`,
        `objective: mlm, maskRatio: 0.4, until: ${steps.continued}`,
      ),
  };
}
