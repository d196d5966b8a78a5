import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Plain } from './fail.mjs';
import { which } from './paths.mjs';

const browserNames = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  'microsoft-edge',
];
const macBrowsers = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** A Chromium that can be driven: $BIPHASE_CHROMIUM, else the first known name that is not a snap's stub. */
export function findChromium() {
  if (process.env.BIPHASE_CHROMIUM) return process.env.BIPHASE_CHROMIUM;
  const found = browserNames.map(which).find((file) => file && !isSnapStub(file));
  return found ?? macBrowsers.find((file) => fs.existsSync(file));
}

/** Ubuntu's chromium package only starts a snap, which neither containers nor a browser driver can use. */
function isSnapStub(file) {
  const real = fs.realpathSync(file);
  if (real.startsWith('/snap/') || real === '/usr/bin/snap') return true;
  return fs.statSync(real).size < 8192 && fs.readFileSync(real, 'utf8').includes('/snap/');
}

function hasFonts() {
  if (process.platform !== 'linux') return true;
  return ['/usr/share/fonts', '/usr/local/share/fonts'].some(
    (folder) =>
      fs.existsSync(folder) &&
      fs.readdirSync(folder, { recursive: true }).some((f) => /\.(ttf|otf)$/.test(`${f}`)),
  );
}

/** The places where the loader and Debian's packages have OpenBLAS; macOS brings a BLAS of its own. */
function hasBlas() {
  if (process.platform !== 'linux' || process.env.BIPHASE_BLAS) return true;
  return ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib'].some(
    (folder) => fs.existsSync(path.join(folder, 'libopenblas.so.0')),
  );
}

/**
 * What the two commands need of the system. `needed` false: everything works without it but what `without` says.
 * @type {{ for: string[], packages: string[], present: () => boolean, needed: boolean, without: string }[]}
 */
const requirements = [
  {
    for: ['start', 'test'],
    packages: ['chromium'],
    present: () => findChromium() !== undefined,
    needed: true,
    without: 'there is no browser to drive the workbench',
  },
  {
    for: ['start', 'test'],
    packages: ['fonts-dejavu-core'],
    present: hasFonts,
    needed: true,
    without: 'the browser has no letters to draw',
  },
  {
    for: ['test'],
    packages: ['openssh-server', 'openssh-client'],
    present: () => ['sshd', 'ssh', 'ssh-keygen', 'ssh-agent'].every(which),
    needed: true,
    without: 'the tests of remote nodes have nothing to log in to',
  },
  {
    for: ['test'],
    packages: ['libopenblas0-pthread'],
    present: hasBlas,
    needed: true,
    without: 'the tests of the BLAS engine have no library to call',
  },
  {
    for: ['test'],
    packages: ['tcsh', 'fish'],
    present: () => ['tcsh', 'fish'].every(which),
    needed: false,
    without: 'nodes with these login shells are not tested',
  },
  {
    for: ['test'],
    packages: ['slurm-wlm', 'munge'],
    present: () =>
      ['/usr/sbin/slurmctld', '/usr/sbin/slurmd', '/usr/sbin/munged', '/usr/bin/sbatch'].every((file) =>
        fs.existsSync(file),
      ),
    needed: false,
    without: 'runs as Slurm jobs are not tested',
  },
  {
    for: ['start', 'test'],
    packages: ['g++', 'make', 'python3'],
    present: () => ['g++', 'make', 'python3'].every(which),
    needed: false,
    without: 'the workbench keeps no log files',
  },
];

/** How this user can become root: a prefix for commands, or undefined. */
function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  const sudo = which('sudo');
  if (sudo && spawnSync(sudo, ['-n', 'true'], { stdio: 'ignore' }).status === 0) return [sudo, '-n'];
  return undefined;
}

/**
 * Makes sure that the system has what `purpose` ('start' or 'test') needs; installs what is missing with apt-get.
 * Throws a Plain error that names the packages and the command where it cannot.
 */
export function ensureSystemPackages(purpose, say) {
  const missing = requirements.filter((r) => r.for.includes(purpose) && !r.present());
  if (missing.length === 0) return;
  const packages = missing.flatMap((r) => r.packages);
  const command = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  const problem = tryInstall(packages, say);
  const still = missing.filter((r) => !r.present());
  for (const r of still.filter((r) => !r.needed))
    say(`Without ${r.packages.join(', ')} ${r.without}; going on.`);
  const fatal = still.filter((r) => r.needed);
  if (fatal.length === 0) return;
  const lacks = fatal.map((r) => r.without).join(', and ');
  throw new Plain(
    `Missing: ${fatal.flatMap((r) => r.packages).join(', ')} (without them ${lacks}). ${problem ?? 'apt-get installed nothing that can be used.'} ` +
      `As an administrator run: apt-get update && ${command}` +
      (fatal.some((r) => r.packages.includes('chromium'))
        ? '\nWhere chromium is only a snap (Ubuntu), install Google Chrome instead, or set BIPHASE_CHROMIUM to a Chromium you have.'
        : ''),
  );
}

/** One sentence when the packages could not be installed. */
function tryInstall(packages, say) {
  if (!which('apt-get')) return 'This system has no apt-get.';
  const prefix = rootPrefix();
  if (!prefix) return 'You are not root and sudo needs a password.';
  say(`Installing ${packages.join(', ')} with apt-get …`);
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  const apt = (...args) => {
    const [file, ...rest] = [...prefix, 'apt-get', '-o', 'DPkg::Lock::Timeout=300', ...args];
    return spawnSync(file, rest, { env: environment, encoding: 'utf8', maxBuffer: 1 << 28 });
  };
  const updated = apt('update');
  const installed = apt('install', '-y', '--no-install-recommends', ...packages);
  if (installed.status === 0) return undefined;
  const output = `${updated.stderr}${installed.stderr}`;
  if (/Temporary failure resolving|Could not resolve|Could not connect|Failed to fetch/.test(output))
    return 'apt-get cannot reach its package server: is this machine offline?';
  const line =
    installed.stderr.split('\n').find((l) => l.startsWith('E:')) ?? `exit code ${installed.status}`;
  return `apt-get failed: ${line.replace(/^E: /, '')}.`;
}
