// SPDX-License-Identifier: Apache-2.0
import { basename } from 'node:path';
import type { Process } from '../kernel/case.ts';
import type { Access, ExecStep } from './format.ts';

/** What an access is done to: paths that are to be there before it, and those that it makes. */
export interface Objects {
  readonly program?: readonly string[];
  readonly file?: readonly string[];
  readonly directory?: readonly string[];
  readonly makes?: readonly string[];
}

interface Kind {
  readonly op: RegExp;
  readonly operations: (access: Access) => string[];
  readonly objects?: (access: Access) => Objects;
}

const objectText = ({ object }: Access): string => object ?? '';
/** `FROM -> TO` */
function pair(access: Access): [from: string, to: string] {
  const [from = '', to = ''] = objectText(access).split(/\s*->\s*/);
  return [from, to];
}

const OPEN_FLAGS: Readonly<Record<string, string>> = {
  O_RDONLY: 'r',
  O_WRONLY: 'w',
  O_RDWR: 'rw',
  O_CREAT: 'creat',
  O_TRUNC: 'trunc',
  O_APPEND: 'append',
  O_EXCL: 'excl',
  O_DIRECTORY: 'dir',
  O_PATH: 'path',
};

function flagsOf({ mode = 'O_RDONLY' }: Access): string {
  return mode
    .split('|')
    .filter((word) => word !== 'O_CLOEXEC')
    .map((word) => {
      const flag = OPEN_FLAGS[word.trim()];
      if (flag === undefined) throw new Error(`no flag of open is called ${word}`);
      return flag;
    })
    .join('+');
}

const isCreating = ({ mode = '', op }: Access): boolean => /O_CREAT/.test(mode) || /create/.test(op);
const opened = (access: Access): Objects => (isCreating(access) ? { makes: [objectText(access)] } : { file: [objectText(access)] });
const onFile = (access: Access): Objects => ({ file: [objectText(access)] });
const made = (access: Access): Objects => ({ makes: [objectText(access)] });
const fromTo = (access: Access): Objects => ({ file: [pair(access)[0]], makes: [pair(access)[1]] });

const SOCKET_TYPES: Readonly<Record<string, string>> = {
  SOCK_STREAM: 'stream',
  SOCK_DGRAM: 'dgram',
  SOCK_RAW: 'raw',
  SOCK_SEQPACKET: 'seqpacket',
  SOCK_RDM: 'rdm',
};
const PROTOCOLS: Readonly<Record<string, number>> = { ICMP: 1, TCP: 6, UDP: 17, ICMPV6: 58, SCTP: 132, RAW: 255 };

/** The first socket that the words ask for: `AF_INET IPPROTO_ICMP (SOCK_DGRAM first, then SOCK_RAW)`, `AF_PACKET/SOCK_RAW`. */
function socketWords(access: Access): string {
  const text = objectText(access);
  const family = (/AF_(\w+?)(?=[/ ,]|$)/.exec(text)?.[1] ?? 'INET').toLowerCase();
  const protocol = PROTOCOLS[/IPPROTO_(\w+)/.exec(text)?.[1] ?? ''] ?? 0;
  const word = /SOCK_[A-Z]+/.exec(text)?.[0];
  const type = word === undefined ? (protocol === 17 ? 'dgram' : protocol === 0 || protocol === 6 ? 'stream' : 'raw') : SOCKET_TYPES[word];
  if (type === undefined) throw new Error(`no socket type is called ${word}`);
  return `${family} ${type} ${protocol}`;
}

/** Where to: an address as it is written; a name is this machine, whose loopback answers at once. */
function peer(access: Access, port: number): string {
  const match = /(\d+\.\d+\.\d+\.\d+)(?:[: ](\d+))?/.exec(objectText(access));
  return match === null ? `127.0.0.1 ${port}` : `${match[1]} ${match[2] ?? port}`;
}

const ASK = (name: string): string[] => ['sock q inet dgram', `ask q ${name} 127.0.0.1 53`];
const CONNECT = (to: string): string[] => ['sock t inet stream', `connect t ${to}`];

/** Every operation of the cases, in the words of test/kernel/native/stim*.c; the first that matches counts. */
const KINDS: readonly Kind[] = [
  {
    op: /^fileless/,
    operations: (access) => [`memfd m ${access.actor} ${objectText(access).replace(/^memfd:|\*/g, '') || 'x'}`, 'runfd m'],
  },
  {
    op: /^(exec|none)\b/,
    operations: ({ object, actor, args = '' }) => [`run ${object ?? actor} ${args}`.trim()],
    objects: ({ object, actor }) => ({ program: [object ?? actor ?? ''] }),
  },
  {
    op: /^(open\+write|write|append)/,
    operations: (access) => [`hold f ${flagsOf({ mode: 'O_WRONLY', ...access })} ${objectText(access)}`, 'write f'],
    objects: opened,
  },
  { op: /^(create\+?open|create|open|read)\b/, operations: (access) => [`open ${flagsOf(access)} ${objectText(access)}`], objects: opened },
  {
    op: /^(list|readdir|opendir)/,
    operations: (access) => [`list ${objectText(access)}`],
    objects: (access) => ({ directory: [objectText(access)] }),
  },
  { op: /^unlink/, operations: (access) => [`unlink ${objectText(access)}`], objects: onFile },
  { op: /^rmdir/, operations: (access) => [`rmdir ${objectText(access)}`], objects: (access) => ({ directory: [objectText(access)] }) },
  { op: /^mkdir/, operations: (access) => [`mkdir ${objectText(access)}`], objects: made },
  { op: /^mknod/, operations: (access) => [`mknod ${objectText(access)} file`], objects: made },
  { op: /^truncate/, operations: (access) => [`truncate ${objectText(access)} 0`], objects: onFile },
  { op: /^chmod/, operations: (access) => [`chmod 0600 ${objectText(access)}`], objects: onFile },
  { op: /^chown/, operations: (access) => [`chown 1000 ${objectText(access)}`], objects: onFile },
  {
    op: /^copy/,
    operations: (access) => [`copy ${pair(access).join(' ')}`],
    objects: (access) => ({ program: [pair(access)[0]], makes: [pair(access)[1]] }),
  },
  { op: /^rename/, operations: (access) => [`rename ${pair(access).join(' ')}`], objects: fromTo },
  { op: /^link/, operations: (access) => [`link ${pair(access).join(' ')}`], objects: fromTo },
  { op: /^symlink/, operations: (access) => [`symlink ${pair(access).join(' ')}`], objects: (access) => ({ makes: [pair(access)[1]] }) },
  {
    op: /^mount/,
    operations: (access) => [`mount tmpfs none ${pair(access)[1]}`],
    objects: (access) => ({ directory: [pair(access)[1]] }),
  },
  { op: /^umount/, operations: (access) => [`umount ${objectText(access)}`], objects: (access) => ({ directory: [objectText(access)] }) },
  { op: /^dns query.*tcp/, operations: (access) => [...ASK(objectText(access)), ...CONNECT(peer(access, 80))] },
  { op: /^dns/, operations: (access) => ASK(objectText(access)) },
  { op: /^(tcp|connect)/, operations: (access) => CONNECT(peer(access, 80)) },
  { op: /^udp/, operations: (access) => ['sock u inet dgram', `sendto u ${peer(access, 53)}`] },
  { op: /^(ping|icmp)/, operations: () => ['sock i inet dgram 1'] },
  { op: /^socket/, operations: (access) => [`sock s ${socketWords(access)}`] },
  { op: /^chroot/, operations: () => ['chroot / '] },
  {
    op: /^telemetry/,
    operations: () => ['open r /etc/hosts', ...ASK('localhost'), ...CONNECT('127.0.0.1 80')],
    objects: () => ({ file: ['/etc/hosts'] }),
  },
];

function kindOf({ op }: Access): Kind {
  const kind = KINDS.find((one) => one.op.test(op));
  if (kind === undefined) throw new Error(`there is no stimulus for the operation \`${op}\``);
  return kind;
}

export const objectsOf = (access: Access): Objects => kindOf(access).objects?.(access) ?? {};
/** Whether the access is the execution of its object, by its parent. */
export const isExec = ({ op }: Access): boolean => /^(exec|none)\b/.test(op);

/** The shell that the runtime starts, by its real path; undefined where the case's command is started without one. */
function shellOf({ argv, access }: ExecStep, shells: Readonly<Record<string, string>>): string | undefined {
  const name = basename(argv[0] ?? '');
  const parent = access.parent ?? '';
  return basename(parent) === name ? parent : shells[name];
}

/** What a step makes happen, as native/cell.c and native/stim.c are told. */
export interface Stimulus {
  readonly process: Process;
  /** Who acts, as rules and alerts name it: for an exec who calls execve; undefined: the runtime. */
  readonly source: string | undefined;
  /** The programs that only lead to the access, or do it. */
  readonly chain: readonly string[];
  /** How many of the outcomes only lead to the access: all must be OK. The first is the start of the process. */
  readonly leading: number;
}

const step = (text: string) => ({ kind: 'operation' as const, text, result: 'OK' });

/**
 * The programs that lead to an access, one executing the next, and the access.
 *
 * A shell executes the actor in a child, as another user where the case says so (as `su` does).
 */
export function stimulusOf(test: ExecStep, shells: Readonly<Record<string, string>>, options: readonly string[]): Stimulus {
  const { access } = test;
  const exec = isExec(access);
  const actor = absolute(access.actor ?? '');
  const shell = shellOf(test, shells);
  const chain = [shell, exec ? access.parent : undefined, exec ? undefined : actor].filter((path) => path !== undefined);
  const programs = chain.filter((path, i) => i === 0 || path !== chain[i - 1] || needsChild(access));
  const [first, ...then] = programs;
  if (first === undefined) {
    const program = absolute(access.object ?? actor);
    return { process: { kind: 'process', options, program, result: 'OK', steps: [] }, source: undefined, chain: [], leading: 0 };
  }
  const lead: string[] = [];
  for (const path of then) lead.push('fork', ...(path === then.at(-1) ? identity(access) : []), `exec ${path}`, 'else-end');
  if (then.length === 0) lead.push(...identity(access));
  const once = kindOf(access)
    .operations(access)
    .flatMap((text, i) => (i === 0 ? [text] : ['else-end', text]));
  const steps = [...lead, ...Array.from({ length: access.repeat ?? 1 }, () => once).flat()].map(step);
  return {
    process: { kind: 'process', options, program: first, result: 'OK', steps },
    source: programs.at(-1),
    chain: programs,
    leading: lead.length + 1,
  };
}

const needsChild = ({ uid = 0 }: Access): boolean => uid !== 0;
const identity = ({ uid = 0 }: Access): string[] => (uid === 0 ? [] : [`setgid ${uid}`, `setuid ${uid}`]);
/** A program that a case names without a directory. */
export const absolute = (path: string): string => (path.startsWith('/') ? path : `/usr/bin/${path}`);
