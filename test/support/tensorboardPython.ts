import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
const requirements = path.join(root, 'test/golden/tensorboard-requirements.txt');
const installMs = 180_000;

/**
 * A Python with TensorBoard: BIPHASE_TENSORBOARD_PYTHON, else a virtual environment that is made once under `.cache`.
 * Undefined where it cannot be installed.
 */
export function tensorboardPython(): string | undefined {
  const given = process.env.BIPHASE_TENSORBOARD_PYTHON;
  if (given) return given;
  const hash = createHash('sha256').update(fs.readFileSync(requirements)).digest('hex').slice(0, 12);
  const folder = path.join(root, '.cache', `tensorboard-${hash}`);
  const python = path.join(folder, 'bin/python');
  const done = path.join(folder, 'installed');
  if (fs.existsSync(done)) return python;
  const works = (program: string, args: string[]): boolean =>
    spawnSync(program, args, { stdio: 'ignore', timeout: installMs }).status === 0;
  if (!works('python3', ['-m', 'venv', '--clear', folder])) return undefined;
  if (!works(python, ['-m', 'pip', 'install', '--quiet', '-r', requirements])) return undefined;
  fs.writeFileSync(done, '');
  return python;
}
