import { BiphaseError } from '../../../core/errors.ts';
import type { Transport } from '../transport.ts';
import { runScript } from './remoteScript.ts';

/** What a node says about itself before anything of Biphase is on it. */
export interface NodeFacts {
  /** `linux-x64-gnu`, `linux-arm64-musl`, `darwin-arm64` … */
  platform: string;
  /** As two numbers; null with musl and on macOS. */
  glibc: [number, number] | null;
  /** Absolute path of the root, which exists now. */
  root: string;
  /** Every Node that was found, as `{ path, version }`, the preferred first. */
  nodes: { path: string; version: string }[];
  bundles: string[];
  freeBytes: number;
  gzip: boolean;
}

/**
 * Parameters: root as configured, configured Node or nothing. Lines of the answer carry a mark, because a login shell's
 * start files may print too. Prints versions rather than judging them.
 */
const probeScript = `
umask 077
say() { printf 'biphase:%s=%s\\n' "$1" "$2"; }
case $1 in
  '~'|'~/'*) root=$HOME\${1#'~'} ;;
  '$'*) name=\${1#'$'}; rest=; case $name in */*) rest=/\${name#*/}; name=\${name%%/*} ;; esac
        value=$(printenv "$name") || { say problem "unset $name"; exit 0; }
        root=$value$rest ;;
  *) root=$1 ;;
esac
case $root in /*) ;; *) say problem "relative $root"; exit 0 ;; esac
mkdir -p "$root/bundles" "$root/node" 2>/dev/null || { say problem "unwritable $root"; exit 0; }
[ -w "$root" ] || { say problem "unwritable $root"; exit 0; }
say root "$root"
say os "$(uname -s)"
say arch "$(uname -m)"
glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null)
if [ -n "$glibc" ]; then say glibc "\${glibc#glibc }"
elif ls /lib/ld-musl-* >/dev/null 2>&1 || ldd --version 2>&1 | grep -qi musl; then say musl yes; fi
say free "$(df -Pk "$root" 2>/dev/null | awk 'NR==2 {print $4}')"
command -v gzip >/dev/null 2>&1 && say gzip yes
try() { [ -f "$1" ] && [ -x "$1" ] && say node "$("$1" -p process.versions.node 2>/dev/null </dev/null) $1"; }
if [ -n "$2" ]; then
  case $2 in '~/'*) try "$HOME/\${2#'~/'}" ;; *) try "$2" ;; esac
else
  found=$(command -v node 2>/dev/null) && try "$found"
  for n in "$root"/node/*/bin/node "$HOME"/.nvm/versions/node/*/bin/node "$HOME"/.local/bin/node \\
    "$HOME"/.volta/bin/node "$HOME"/.local/share/fnm/node-versions/*/installation/bin/node \\
    "$HOME"/.asdf/installs/nodejs/*/bin/node "$HOME"/.local/share/mise/installs/node/*/bin/node \\
    /usr/local/bin/node /usr/bin/node /opt/node*/bin/node /opt/homebrew/bin/node /snap/bin/node
  do try "$n"; done
fi
for b in "$root"/bundles/*/bundle.json; do
  [ -f "$b" ] || continue; b=\${b%/bundle.json}; say bundle "\${b##*/}"
done
say end yes
`;

/**
 * Asks a node for what preparation needs and makes its root.
 * @throws BiphaseError `usage` for an impossible root, `missing` for a platform that Biphase does not run on.
 */
export async function askNode(
  transport: Transport,
  configured: { root?: string | undefined; nodePath?: string | undefined },
  signal: AbortSignal,
): Promise<NodeFacts> {
  const wanted = configured.root ?? '~/.biphase';
  const outcome = await runScript(transport, probeScript, [wanted, configured.nodePath ?? ''], signal);
  return readFacts(outcome.stdout, transport.description, wanted);
}

/** Reads the answer of the probe script. Separate from asking, so that odd nodes can be tested as text. */
export function readFacts(answer: string, node: string, wantedRoot: string): NodeFacts {
  const said = new Map<string, string[]>();
  for (const line of answer.split('\n')) {
    const match = /^biphase:([a-z]+)=(.*)$/.exec(line.trimEnd());
    if (match) said.set(match[1]!, [...(said.get(match[1]!) ?? []), match[2]!]);
  }
  const first = (key: string): string | undefined => said.get(key)?.[0];
  const problem = first('problem');
  if (problem !== undefined) throw problemWith(problem, node, wantedRoot);
  const root = first('root');
  if (root === undefined || first('end') === undefined)
    throw new BiphaseError('missing', `${node} has no POSIX shell that Biphase can work with.`, {
      next: 'Nodes are Linux or macOS machines; on Windows use WSL.',
    });
  const printed = answer.slice(0, Math.max(0, answer.indexOf('biphase:')));
  if (printed.trim() !== '')
    throw new BiphaseError(
      'refused',
      `The shell's start files on ${node} print text, which breaks the connection.`,
      {
        next: 'Make them silent for shells that are not interactive.',
      },
    );
  const glibc = /^(\d+)\.(\d+)/.exec(first('glibc') ?? '');
  return {
    platform: platformOf(first('os') ?? '', first('arch') ?? '', said.has('musl'), node),
    glibc: glibc ? [Number(glibc[1]), Number(glibc[2])] : null,
    root,
    nodes: (said.get('node') ?? []).flatMap((each) => {
      const match = /^(\d+\.\d+\.\d+\S*) (.+)$/.exec(each);
      return match ? [{ version: match[1]!, path: match[2]! }] : [];
    }),
    bundles: said.get('bundle') ?? [],
    freeBytes: Number(first('free') || Number.NaN) * 1024,
    gzip: said.has('gzip'),
  };
}

function platformOf(system: string, machine: string, musl: boolean, node: string): string {
  const arch = { x86_64: 'x64', amd64: 'x64', aarch64: 'arm64', arm64: 'arm64' }[machine];
  if (system === 'Linux' && arch) return `linux-${arch}-${musl ? 'musl' : 'gnu'}`;
  if (system === 'Darwin' && arch) return `darwin-${arch}`;
  throw new BiphaseError('missing', `Biphase does not run on ${node}, which is ${system} on ${machine}.`, {
    next: 'Nodes are Linux or macOS machines with x86-64 or ARM64 processors.',
  });
}

function problemWith(problem: string, node: string, wantedRoot: string): BiphaseError {
  const [kind] = problem.split(' ', 1);
  const what = problem.slice(kind!.length + 1);
  const next = 'Set another root for this node.';
  if (kind === 'unset')
    return new BiphaseError('usage', `The root ${wantedRoot} uses ${what}, which is not set on ${node}.`, {
      next,
    });
  if (kind === 'relative')
    return new BiphaseError('usage', `The root ${what} is not an absolute path.`, { next });
  return new BiphaseError('refused', `The root ${what} on ${node} cannot be written.`, { next });
}
