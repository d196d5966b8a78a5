import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import SSHConfig, { type Directive, type Section } from 'ssh-config';
import { BiphaseError } from '../../../core/errors.ts';
import { type ConfigCommand, expandCommand, needHostName, UnansweredCommand } from './configCommand.ts';
import { matchesPatternList } from './patternList.ts';

/** Where configuration is read from; tests give their own. */
export interface SshSources {
  home: string;
  userFile: string;
  systemFile: string;
  localUser: string;
  environment: NodeJS.ProcessEnv;
}

export function defaultSshSources(): SshSources {
  const home = os.homedir();
  return {
    home,
    userFile: path.join(home, '.ssh', 'config'),
    systemFile: process.platform === 'win32' ? 'C:\\ProgramData\\ssh\\ssh_config' : '/etc/ssh/ssh_config',
    localUser: os.userInfo().username,
    environment: process.env,
  };
}

/** What is needed to reach one host, with everything expanded. */
export interface SshTarget {
  /** The name as the user wrote it. */
  alias: string;
  host: string;
  port: number;
  user: string;
  /** Absolute paths; `explicit` is false for OpenSSH's default names. */
  identityFiles: { file: string; explicit: boolean }[];
  /** Absolute paths of the certificates that the configuration names. */
  certificateFiles: string[];
  identitiesOnly: boolean;
  /** Socket of the agent; null = none. */
  identityAgent: string | null;
  hostKeyAlias: string | null;
  userKnownHostsFiles: string[];
  globalKnownHostsFiles: string[];
  revokedHostKeysFiles: string[];
  hashKnownHosts: boolean;
  /** Hosts to go through, first hop first. */
  jumps: SshHop[];
  /** Whose input and output lead to the host, instead of a socket; never beside jumps. */
  proxyCommand: ConfigCommand | null;
  serverAliveSeconds: number;
  serverAliveCount: number;
  connectTimeoutSeconds: number;
  /** Settings that were read and not honoured, one sentence each. */
  notes: string[];
}

/** What a caller knows better than the configuration. */
export interface SshHop {
  host: string;
  user?: string | undefined;
  port?: number | undefined;
  identityFile?: string | undefined;
}

const maxIncludeDepth = 16;
const repeatable = new Set(['identityfile', 'certificatefile']);
const defaultIdentities = ['id_rsa', 'id_ecdsa', 'id_ecdsa_sk', 'id_ed25519', 'id_ed25519_sk'];

/** How a command of the configuration ended: whether with exit status 0. */
export type Outcomes = (command: ConfigCommand) => boolean;

/** Nothing is run to find out. */
const unanswered: Outcomes = (command) => {
  throw new UnansweredCommand(command);
};

interface Pass {
  readonly sources: SshSources;
  readonly outcomes: Outcomes;
  readonly alias: string;
  readonly options: Map<string, string[]>;
  readonly final: boolean;
  wantsFinal: boolean;
}

/**
 * Reads the user's and the system's ssh configuration for one host, as `ssh -G` does, but runs nothing: ssh-config
 * parses, the evaluation is here because the library's own would start commands.
 * @param outcomes of the commands of `Match exec`; where one is not known it throws, and the caller finds out
 * @throws BiphaseError `usage` where the configuration is unreadable, `refused` where a name is none.
 */
export function resolveSshTarget(
  hop: SshHop,
  sources: SshSources = defaultSshSources(),
  outcomes: Outcomes = unanswered,
): SshTarget {
  needHostName(hop.host);
  let pass = newPass(hop, sources, outcomes);
  readAll(pass);
  if (pass.wantsFinal) {
    pass = { ...pass, final: true };
    readAll(pass);
  }
  return targetFrom(hop, pass.options, sources);
}

/** Hosts that the configuration names without wildcards, in its order. */
export function sshHosts(sources: SshSources = defaultSshSources()): string[] {
  const hosts = new Set<string>();
  const collect = (file: string, depth: number): void => {
    for (const line of parseFile(file)) {
      const directives = isSection(line) ? [line, ...line.config.filter(isDirective)] : [line];
      for (const directive of directives.filter(isDirective)) {
        const keyword = directive.param.toLowerCase();
        if (keyword === 'host')
          for (const host of valuesOf(directive)) if (!/[*?!]/.test(host)) hosts.add(host);
        if (keyword === 'include' && depth < maxIncludeDepth)
          for (const each of includedFiles(valuesOf(directive), file, sources)) collect(each, depth + 1);
      }
    }
  };
  collect(sources.userFile, 0);
  return [...hosts];
}

function newPass(hop: SshHop, sources: SshSources, outcomes: Outcomes): Pass {
  const options = new Map<string, string[]>();
  if (hop.user !== undefined) options.set('user', [hop.user]);
  if (hop.port !== undefined) options.set('port', [String(hop.port)]);
  return { sources, outcomes, alias: hop.host, options, final: false, wantsFinal: false };
}

function readAll(pass: Pass): void {
  readFile(pass, pass.sources.userFile, true, 0);
  readFile(pass, pass.sources.systemFile, true, 0);
}

function readFile(pass: Pass, file: string, active: boolean, depth: number): void {
  for (const line of parseFile(file)) {
    if (!isDirective(line)) continue;
    if (!isSection(line)) {
      apply(pass, line, file, active, depth);
      continue;
    }
    const matched =
      active &&
      (line.param.toLowerCase() === 'host'
        ? matchesPatternList(valuesOf(line), pass.alias)
        : matchHolds(pass, valuesOf(line), file));
    for (const inner of line.config) if (isDirective(inner)) apply(pass, inner, file, matched, depth);
  }
}

function apply(pass: Pass, directive: Directive, file: string, active: boolean, depth: number): void {
  if (!active) return;
  const keyword = directive.param.toLowerCase();
  const values = valuesOf(directive);
  if (keyword === 'include') {
    if (depth >= maxIncludeDepth)
      throw new BiphaseError('usage', `Include in ${file} goes deeper than ${maxIncludeDepth} files.`);
    for (const each of includedFiles(values, file, pass.sources)) readFile(pass, each, active, depth + 1);
    return;
  }
  const known = pass.options.get(keyword);
  if (repeatable.has(keyword)) {
    pass.options.set(keyword, [...new Set([...(known ?? []), ...values])]);
    return;
  }
  // ProxyJump and ProxyCommand exclude each other: the first one counts.
  if (keyword === 'proxyjump' && pass.options.has('proxycommand')) return;
  if (keyword === 'proxycommand' && pass.options.has('proxyjump')) return;
  if (known === undefined)
    pass.options.set(keyword, keyword === 'proxycommand' ? unmark(values, file) : values);
}

function matchHolds(pass: Pass, markedWords: string[], file: string): boolean {
  const [mark, line, ...words] = markedWords;
  if (mark !== lineMark || words.length === 0)
    throw new BiphaseError('usage', `A Match in ${file} has no criterion.`);
  for (let i = 0; i < words.length; i++) {
    if (words[i] === matchFiller) continue;
    const negated = words[i]!.startsWith('!');
    const criterion = words[i]!.slice(negated ? 1 : 0).toLowerCase();
    let holds: boolean;
    if (criterion === 'all') holds = true;
    else if (criterion === 'canonical') holds = false;
    else if (criterion === 'final') {
      pass.wantsFinal = true;
      holds = pass.final;
    } else {
      const argument = words[++i] ?? '';
      const subject = subjectOf(pass, criterion);
      if (criterion === 'exec') {
        const command = { keyword: 'Match exec' as const, text: argument, file, line: Number(line) };
        holds = pass.outcomes(expandCommand(command, tokensOf(pass, subjectOf(pass, 'host') ?? '')));
      } else if (subject === undefined)
        throw new BiphaseError('usage', `Biphase does not know "Match ${criterion}" in ${file}.`, {
          next: 'Use Host, or Match with host, originalhost, user, localuser or exec.',
        });
      else holds = matchesPatternList(argument.split(','), subject);
    }
    if (holds === negated) return false;
  }
  return true;
}

function subjectOf(pass: Pass, criterion: string): string | undefined {
  const hostName = pass.options.get('hostname')?.[0];
  if (criterion === 'host') return hostName === undefined ? pass.alias : expandHost(hostName, pass.alias);
  if (criterion === 'originalhost') return pass.alias;
  if (criterion === 'user') return pass.options.get('user')?.[0] ?? pass.sources.localUser;
  if (criterion === 'localuser') return pass.sources.localUser;
  return undefined;
}

/** What `%h` and the like stand for, as far as the configuration is read. */
function tokensOf(
  { alias, options, sources }: Pick<Pass, 'alias' | 'options' | 'sources'>,
  host: string,
): Record<string, string> {
  const first = (keyword: string): string | undefined => options.get(keyword)?.[0];
  const port = portOf(first('port'), 'Port');
  const user = first('user') ?? sources.localUser;
  const lastJump = jumpsOf(first('proxyjump')).at(-1)?.host ?? '';
  const hash = createHash('sha1').update(`${os.hostname()}${host}${port}${user}`);
  return {
    '%': '%',
    // The jump is hashed too since OpenSSH 9.6; without one both hashes are the same.
    C: hash.update(lastJump).digest('hex'),
    d: sources.home,
    h: host,
    i: String(process.getuid?.() ?? 0),
    j: lastJump,
    k: first('hostkeyalias')?.toLowerCase() ?? alias,
    L: os.hostname().split('.')[0]!,
    l: os.hostname(),
    n: alias,
    p: String(port),
    r: user,
    u: sources.localUser,
  };
}

function targetFrom(hop: SshHop, options: Map<string, string[]>, sources: SshSources): SshTarget {
  const first = (keyword: string): string | undefined => options.get(keyword)?.[0];
  const yes = (keyword: string): boolean => /^(yes|true)$/i.test(first(keyword) ?? '');
  const host = expandHost(first('hostname') ?? hop.host, hop.host).toLowerCase();
  const port = portOf(first('port'), 'Port');
  const user = first('user') ?? sources.localUser;
  const jump = first('proxyjump');
  const tokens = tokensOf({ alias: hop.host, options, sources }, host);
  const file = (text: string): string => expandPath(text, tokens, sources);
  const files = (keyword: string, fallback: string[]): string[] => {
    const values = options.get(keyword) ?? fallback;
    return values.length === 1 && values[0]!.toLowerCase() === 'none' ? [] : values.map(file);
  };
  const identities = hop.identityFile === undefined ? options.get('identityfile') : [hop.identityFile];
  const explicit = identities?.filter((each) => each.toLowerCase() !== 'none');
  const strict = first('stricthostkeychecking')?.toLowerCase();
  return {
    alias: hop.host,
    host,
    port,
    user,
    identityFiles: explicit
      ? explicit.map((each) => ({ file: file(each), explicit: true }))
      : defaultIdentities.map((name) => ({ file: path.join(sources.home, '.ssh', name), explicit: false })),
    certificateFiles: files('certificatefile', []),
    identitiesOnly: yes('identitiesonly'),
    identityAgent: agentSocket(first('identityagent'), file, sources),
    hostKeyAlias: first('hostkeyalias')?.toLowerCase() ?? null,
    userKnownHostsFiles: files('userknownhostsfile', ['~/.ssh/known_hosts', '~/.ssh/known_hosts2']),
    globalKnownHostsFiles: files(
      'globalknownhostsfile',
      ['ssh_known_hosts', 'ssh_known_hosts2'].map((name) =>
        path.join(path.dirname(sources.systemFile), name),
      ),
    ),
    revokedHostKeysFiles: files('revokedhostkeys', []),
    hashKnownHosts: yes('hashknownhosts'),
    proxyCommand: proxyCommandOf(options, tokens),
    jumps: jumpsOf(jump?.replace(/%([%hnpr])/g, (_, letter: string) => tokens[letter]!)),
    serverAliveSeconds: secondsOf(first('serveraliveinterval'), 'ServerAliveInterval') || 15,
    serverAliveCount: numberOf(first('serveralivecountmax'), 3, 'ServerAliveCountMax') || 3,
    connectTimeoutSeconds: secondsOf(first('connecttimeout'), 'ConnectTimeout') || 20,
    notes: [
      ...(['no', 'off', 'accept-new'].includes(strict ?? '')
        ? [`StrictHostKeyChecking ${strict} is not honoured for ${hop.host}: host keys are always checked.`]
        : []),
      ...(['yes', 'true', 'always'].includes(first('canonicalizehostname')?.toLowerCase() ?? '')
        ? [`CanonicalizeHostname is not followed for ${hop.host}: its name is taken as it stands.`]
        : []),
    ],
  };
}

function proxyCommandOf(
  options: Map<string, string[]>,
  { '%': percent = '%', h = '', k = '', n = '', p = '', r = '' }: Record<string, string>,
): ConfigCommand | null {
  const [text, file, line] = options.get('proxycommand') ?? [];
  if (text === undefined || file === undefined || text.toLowerCase() === 'none') return null;
  const command = { keyword: 'ProxyCommand' as const, text, file, line: Number(line) };
  return expandCommand(command, { '%': percent, h, k, n, p, r });
}

function agentSocket(
  setting: string | undefined,
  file: (text: string) => string,
  sources: SshSources,
): string | null {
  const inherited = sources.environment.SSH_AUTH_SOCK;
  const pipe = process.platform === 'win32' ? '\\\\.\\pipe\\openssh-ssh-agent' : null;
  if (setting === undefined || setting === 'SSH_AUTH_SOCK') return inherited || pipe;
  if (setting.toLowerCase() === 'none') return null;
  if (/^\$[A-Za-z_][A-Za-z0-9_]*$/.test(setting)) return sources.environment[setting.slice(1)] || null;
  return file(setting);
}

/** `[user@]host[:port]`, comma separated, also as ssh:// addresses. */
function jumpsOf(setting: string | undefined): SshHop[] {
  if (setting === undefined || setting.toLowerCase() === 'none') return [];
  return setting.split(',').map((each) => {
    const match = /^(?:ssh:\/\/)?(?:(.+)@)?(?:\[([^\]]+)\]|([^:@]+))(?::(\d*))?\/?$/.exec(each.trim());
    if (!match) throw new BiphaseError('usage', `ProxyJump names "${each}", which is no host.`);
    return {
      host: (match[2] ?? match[3])!,
      user: match[1],
      port: match[4] ? portOf(match[4], 'ProxyJump port') : undefined,
    };
  });
}

function expandHost(text: string, alias: string): string {
  return text.replace(/%([h%])/g, (_, letter: string) => (letter === 'h' ? alias : '%'));
}

function expandPath(text: string, tokens: Record<string, string>, sources: SshSources): string {
  const expanded = text
    .replace(/%(.)/g, (whole, letter: string) => tokens[letter] ?? whole)
    .replace(/\$\{([^}]+)\}/g, (_, name: string) => sources.environment[name] ?? '');
  if (expanded === '~' || expanded.startsWith('~/')) return path.join(sources.home, expanded.slice(1));
  return path.isAbsolute(expanded) ? expanded : path.resolve(sources.home, expanded);
}

function includedFiles(patterns: string[], from: string, sources: SshSources): string[] {
  const base =
    from === sources.systemFile ? path.dirname(sources.systemFile) : path.dirname(sources.userFile);
  return patterns.flatMap((pattern) => {
    const expanded = pattern.startsWith('~/') ? path.join(sources.home, pattern.slice(2)) : pattern;
    const absolute = path.isAbsolute(expanded) ? expanded : path.join(base, expanded);
    if (!/[*?[]/.test(absolute)) return [absolute];
    return fs.globSync(absolute).sort();
  });
}

function parseFile(file: string): SSHConfig {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return SSHConfig.parse('');
    throw new BiphaseError('missing', `${file} cannot be read: ${(cause as Error).message}.`, { cause });
  }
  try {
    const lines = SSHConfig.parse(marked(text));
    for (const line of lines)
      for (const each of isSection(line) ? [line, ...line.config] : [line]) check(each);
    return lines;
  } catch (cause) {
    throw new BiphaseError(
      'usage',
      `${file} is not a valid ssh configuration: ${(cause as Error).message}.`,
      {
        cause,
      },
    );
  }
}

/** ssh-config takes the word behind a negated criterion for its argument, so those that have none get this one. */
const matchFiller = '-';
const lineMark = '-line';

/**
 * The text as ssh-config reads it without loss: lines of `Match` begin with two words that hold their number, and a
 * `ProxyCommand`, which is for a shell to read, is one word with its number and its characters.
 */
function marked(text: string): string {
  const lines = text.split('\n').map((line, index) => {
    const [, match, criteria] = /^([^\S\n]*match(?:[ \t]*=|[ \t])[ \t]*)([^\s#].*)$/is.exec(line) ?? [];
    if (criteria !== undefined) {
      const bare = /"[^"]*"|(?<=^|[ \t=])!(?:all|canonical|final)(?=[ \t\r]|$)/gi;
      const filled = criteria.replace(bare, (each) =>
        each.startsWith('"') ? each : `${each} ${matchFiller}`,
      );
      return `${match}${lineMark} ${index + 1} ${filled}`;
    }
    const [, proxy, command] = /^([^\S\n]*proxycommand(?:[ \t]*=|[ \t])[ \t=]*)(.*\S)/is.exec(line) ?? [];
    return command === undefined
      ? line
      : `${proxy}${index + 1}:${Buffer.from(command).toString('base64url')}`;
  });
  return lines.join('\n');
}

/** A marked `ProxyCommand`: the command, its file and its line. */
function unmark([value = '']: string[], file: string): string[] {
  const [, line, command] = /^(\d+):([\w-]+)$/.exec(value) ?? [];
  if (line === undefined || command === undefined)
    throw new BiphaseError('usage', `A ProxyCommand in ${file} cannot be read.`, {
      next: 'Write it in a line of its own.',
    });
  return [Buffer.from(command, 'base64url').toString(), file, line];
}

/** ssh-config would take the next line for the value of a setting that has none. */
function check(line: unknown): void {
  if (!isDirective(line)) return;
  const [keyword, more] = line.param.split(/[\r\n]/);
  if (more !== undefined || /[\r\n]/.test(line.separator)) throw new Error(`${keyword} has no value`);
}

function isDirective(line: unknown): line is Directive {
  return (line as Directive).type === SSHConfig.DIRECTIVE && (line as Directive).param !== '';
}

function isSection(line: unknown): line is Section {
  return isDirective(line) && 'config' in line;
}

function valuesOf(directive: Directive): string[] {
  if (typeof directive.value !== 'string') return directive.value.map((each) => each.val);
  // ssh-config knows double quotes only.
  return [directive.value.replace(/^'([^']*)'$/, '$1').replaceAll('\\ ', ' ')];
}

function portOf(text: string | undefined, what: string): number {
  const port = numberOf(text, 22, what);
  if (port < 1 || port > 65535)
    throw new BiphaseError('usage', `${what} "${text}" in the ssh configuration is not a port.`);
  return port;
}

function numberOf(text: string | undefined, fallback: number, what: string): number {
  if (text === undefined) return fallback;
  if (!/^\d+$/.test(text))
    throw new BiphaseError('usage', `${what} "${text}" in the ssh configuration is not a number.`);
  return Number(text);
}

/** OpenSSH's times (`90`, `1m30s`, `none`) in seconds; 0 where there is none. */
function secondsOf(text: string | undefined, what: string): number {
  if (text === undefined || text.toLowerCase() === 'none') return 0;
  if (!/^(\d+[smhdw]?)+$/i.test(text))
    throw new BiphaseError('usage', `${what} "${text}" in the ssh configuration is not a time.`);
  const unit: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86400, w: 604800 };
  let seconds = 0;
  for (const [, count, letter] of text.toLowerCase().matchAll(/(\d+)([smhdw]?)/g))
    seconds += Number(count) * (unit[letter || 's'] ?? 1);
  return seconds;
}
