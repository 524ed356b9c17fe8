// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { readRunningPrograms } from '#host';
import type { RunningProgram } from '#host';
import { capabilityNumber } from '#policy';
import type { Access, PathAccess, SocketAccess } from '#policy';

/** An access without which a program that the node lives on does not. */
export interface Essential {
  /** `sshd`, or `init`, `the agent`. */
  readonly program: string;
  /** In words: `reading /etc/shadow`. */
  readonly what: string;
  readonly access: Access;
}

interface Needs {
  readonly reads?: readonly string[];
  readonly writes?: readonly string[];
  readonly capabilities?: readonly string[];
  /** Programs that it starts, by name or path. */
  readonly starts?: readonly string[];
  /** It starts the shells of people. */
  readonly startsShells?: boolean;
}

const ACCOUNTS = ['/etc/passwd', '/etc/group', '/etc/shadow', '/etc/nsswitch.conf'];
const SSH_NEEDS: Needs = {
  reads: [...ACCOUNTS, '/etc/pam.d/sshd'],
  capabilities: ['CAP_SETUID', 'CAP_SETGID', 'CAP_CHOWN', 'CAP_KILL', 'CAP_SYS_CHROOT'],
  startsShells: true,
};
const RUNTIME_CAPABILITIES = ['CAP_SYS_ADMIN', 'CAP_SETUID', 'CAP_SETGID', 'CAP_CHOWN', 'CAP_KILL', 'CAP_NET_ADMIN', 'CAP_MKNOD'];
const SHIM = 'containerd-shim-runc-v2';

/** What is known of programs beside what they have open: by the name of their executable. */
const KNOWN: Readonly<Record<string, Needs>> = {
  systemd: {
    reads: ['/etc/systemd/system', '/usr/lib/systemd/system', '/proc/cmdline', ...ACCOUNTS],
    writes: ['/run/systemd/x', '/sys/fs/cgroup/x/cgroup.procs'],
    capabilities: ['CAP_SYS_ADMIN', 'CAP_KILL', 'CAP_SETUID', 'CAP_SETGID', 'CAP_CHOWN', 'CAP_SYS_BOOT', 'CAP_SYS_RESOURCE'],
    starts: ['/usr/lib/systemd/systemd-executor', '/usr/lib/systemd/systemd-shutdown'],
  },
  sshd: { ...SSH_NEEDS, reads: [...SSH_NEEDS.reads!, '/etc/ssh/sshd_config'], starts: ['/usr/lib/openssh/sshd-session'] },
  'sshd-session': SSH_NEEDS,
  containerd: {
    reads: ['/etc/containerd/config.toml'],
    writes: ['/run/containerd/x', '/var/lib/containerd/x'],
    capabilities: RUNTIME_CAPABILITIES,
    starts: [SHIM],
  },
  [SHIM]: { writes: ['/run/containerd/x'], capabilities: ['CAP_SYS_ADMIN', 'CAP_KILL'], starts: ['runc', 'crun'] },
  dockerd: { writes: ['/run/docker/x', '/var/lib/docker/x'], capabilities: RUNTIME_CAPABILITIES },
  crio: { writes: ['/run/crio/x', '/var/lib/containers/x'], capabilities: RUNTIME_CAPABILITIES, starts: ['conmon', 'runc', 'crun'] },
  conmon: { starts: ['runc', 'crun'] },
  runc: { capabilities: RUNTIME_CAPABILITIES, writes: ['/run/runc/x'] },
  crun: { capabilities: RUNTIME_CAPABILITIES, writes: ['/run/crun/x'] },
  kubelet: { writes: ['/var/lib/kubelet/x'], capabilities: ['CAP_SYS_ADMIN', 'CAP_NET_ADMIN'] },
};
/** Installed, though not running now: sockets and schedulers start them. */
const INSTALLED = ['sshd', SHIM, 'runc', 'crun', 'kubelet'];
const DIRECTORIES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/opt/bin', '/usr/lib/systemd', '/usr/lib/openssh'];

const CONFIG_FILES = ['/etc/ld.so.cache'];

function realFile(name: string): string | undefined {
  const candidates = name.startsWith('/') ? [name] : DIRECTORIES.map((directory) => path.join(directory, name));
  const found = candidates.find((candidate) => existsSync(candidate));
  return found === undefined ? undefined : realpathSync(found);
}

const file = (subject: string, kind: PathAccess['kind'], at: string): Access => ({ kind, object: { path: at }, owner: true, subject });

function startOf(program: string, exe: string, by: string): Essential {
  return { program, what: `starting ${exe} from ${by}`, access: file(by, 'exec', exe) };
}

function read(program: string, exe: string, at: string): Essential[] {
  return existsSync(at) ? [{ program, what: `reading ${at}`, access: file(exe, 'read', realpathSync(at)) }] : [];
}

type Socket = Pick<SocketAccess, 'domain' | 'type' | 'port'>;

function socket(program: string, exe: string, what: string, made: Socket): Essential {
  const op = made.port === undefined ? 'create' : 'ingress';
  return { program, what, access: { kind: 'socket', op, ...made, protocol: 0, subject: exe } };
}

/** @source include/linux/socket.h, include/linux/net.h */
const [AF_UNIX, AF_INET, AF_INET6, SOCK_STREAM, SOCK_DGRAM] = [1, 2, 10, 1, 2] as const;

function listening(program: string, exe: string, { protocol, version, port }: RunningProgram['listens'][number]): Essential[] {
  const [domain, type] = [version === 4 ? AF_INET : AF_INET6, protocol === 'tcp' ? SOCK_STREAM : SOCK_DGRAM] as const;
  const what = `listening on ${protocol} port ${port}`;
  return [socket(program, exe, what, { domain, type }), socket(program, exe, what, { domain, type, port })];
}

/** People's shells: of root and of users. @source passwd(5) */
function shells(): string[] {
  const found = new Set<string>();
  for (const line of existsSync('/etc/passwd') ? readFileSync('/etc/passwd', 'utf8').split('\n') : []) {
    const [, , uid = '', , , , shell = ''] = line.split(':');
    if ((uid === '0' || Number(uid) >= 1000) && shell.endsWith('sh') && existsSync(shell)) found.add(realpathSync(shell));
  }
  return [...found];
}

function needed(program: string, exe: string, needs: Needs): Essential[] {
  const starts = [...(needs.starts ?? []).flatMap((name) => realFile(name) ?? []), ...(needs.startsShells === true ? shells() : [])];
  return [
    ...[...CONFIG_FILES, ...(needs.reads ?? [])].flatMap((at) => read(program, exe, at)),
    ...(needs.writes ?? []).flatMap((at): Essential[] =>
      existsSync(path.dirname(at)) || at.startsWith('/sys')
        ? [{ program, what: `writing below ${path.dirname(at)}`, access: file(exe, 'write', at) }]
        : [],
    ),
    ...(needs.capabilities ?? []).flatMap((name): Essential[] => {
      const capability = capabilityNumber(name);
      return capability === undefined
        ? []
        : [{ program, what: `the capability ${name}`, access: { kind: 'capability', capability, subject: exe } }];
    }),
    ...starts.map((started) => startOf(program, started, exe)),
    socket(program, exe, 'a local socket', { domain: AF_UNIX, type: SOCK_STREAM }),
  ];
}

function ofRunning(program: string, one: RunningProgram, initExe: string): Essential[] {
  const { exe, parentExe, mapped, listens } = one;
  const starters = new Set([initExe, ...(parentExe === undefined ? [] : [parentExe])]);
  return [
    ...[...starters].map((by) => startOf(program, exe, by)),
    ...mapped.flatMap(({ path: at, code }): Essential[] => [
      { program, what: `reading ${at}`, access: file(exe, 'read', at) },
      ...(code ? [{ program, what: `mapping ${at}`, access: file(exe, 'map-exec', at) } as const] : []),
    ]),
    ...listens.flatMap((listen) => listening(program, exe, listen)),
    ...needed(program, exe, KNOWN[path.basename(exe)] ?? {}),
  ];
}

/**
 * What init, sshd, the container runtime, kubelet and this agent cannot do without on this node, from what they are and have open
 * now and from what is known of them. Not everything that they ever do: what is not in here, a policy can still stop.
 *
 * @param own what the agent reads, and is started by, before the host's rules leave it alone
 */
export function findEssentials(own: { readonly reads: readonly string[]; readonly starts: readonly string[] }): Essential[] {
  const self = process.pid;
  const programs = readRunningPrograms((pid, exe) => pid === 1 || pid === self || Object.hasOwn(KNOWN, path.basename(exe)));
  const initExe = programs.find(({ pid }) => pid === 1)?.exe ?? '/sbin/init';
  const nameOf = ({ pid, exe }: RunningProgram): string => (pid === 1 ? 'init' : pid === self ? 'the agent' : path.basename(exe));
  const idle = INSTALLED.flatMap((name) => realFile(name) ?? []).filter((exe) => programs.every((program) => program.exe !== exe));
  const agent = programs.find(({ pid }) => pid === self);
  return [
    ...programs.flatMap((one) => ofRunning(nameOf(one), one, initExe)),
    ...idle.flatMap((exe) => [
      ...(path.basename(exe) === 'sshd' ? [startOf('sshd', exe, initExe)] : []),
      ...needed(path.basename(exe), exe, KNOWN[path.basename(exe)] ?? {}),
    ]),
    ...(agent === undefined ? [] : ofAgent(agent, initExe, own)),
  ];
}

function ofAgent({ exe, parentExe = '' }: RunningProgram, initExe: string, own: Parameters<typeof findEssentials>[0]): Essential[] {
  const program = 'the agent';
  const starters = [...new Set([initExe, parentExe])].filter((by) => by !== '');
  return [
    ...own.starts.filter((at) => existsSync(at)).flatMap((at) => starters.map((by) => startOf(program, realpathSync(at), by))),
    ...own.reads.flatMap((at) => read(program, exe, at)),
    ...needed(program, exe, { capabilities: ['CAP_SYS_ADMIN', 'CAP_BPF', 'CAP_PERFMON'] }),
  ];
}
