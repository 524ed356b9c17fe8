// SPDX-License-Identifier: Apache-2.0
import { CANARY_APPLET } from '#policy';
import type { CanaryNode, CanaryRoot, Probe, SocketAccess } from '#policy';

/** What a canary said. */
export interface Answers {
  /** The errno of each access that was tried, 0 where it passed, by its index. */
  readonly errnos: ReadonlyMap<number, number>;
  /** Errnos of programs that could not be executed. */
  readonly notStarted: readonly number[];
}

type Deeds = Map<string, string[]>;
const RUNTIME = 'R';
const ANY_ADDRESS: Readonly<Record<number, string>> = { 2: '0.0.0.0', 10: '::' };
const LETTERS = { file: 'F', any: 'F', folder: 'D', program: 'P' } as const;

/** The plan of one root, as native/canary.c reads it; an access is known by its index in `root.probes`. */
export function planText(root: CanaryRoot<Probe>): string {
  const nodes = [...root.nodes].toSorted(([a], [b]) => (a < b ? -1 : 1)).filter(([path]) => path !== '/');
  const deeds: Deeds = new Map();
  for (const [index, probe] of root.probes.entries()) {
    const { subject } = probe.access;
    const head = typeof subject === 'string' ? `S ${escaped(subject)}` : RUNTIME;
    deeds.set(head, [...(deeds.get(head) ?? []), deedLine(probe, index)]);
  }
  const lines = [...nodes.map(([path, node]) => nodeLine(path, node)), ...[...deeds].flatMap(([head, mine]) => [head, ...mine])];
  return `${lines.join('\n')}\n`;
}

/** What a canary printed; a line that is no answer is none. */
export function readAnswers(text: string): Answers {
  const errnos = new Map<number, number>();
  const notStarted: number[] = [];
  for (const line of text.split('\n')) {
    const [, what, errno] = /^(S|\d{1,6}) (\d{1,4})$/.exec(line) ?? [];
    if (what === undefined) continue;
    if (what === 'S') notStarted.push(Number(errno));
    else errnos.set(Number(what), Number(errno));
  }
  return { errnos, notStarted };
}

function nodeLine(path: string, { kind, owned }: CanaryNode): string {
  const letter = LETTERS[kind];
  return `${owned || kind === 'folder' ? letter : letter.toLowerCase()} ${escaped(path)}`;
}

function deedLine({ access }: Probe, index: number): string {
  if (access.kind === 'capability') return `k ${index} ${access.capability}`;
  if (access.kind === 'socket') return socketLine(access, index);
  const path = escaped(access.object.path);
  if (access.kind === 'exec') return `x ${index} ${escaped(typeof access.applet === 'string' ? access.applet : CANARY_APPLET)} ${path}`;
  return `${access.kind === 'read' ? 'r' : 'w'} ${index} ${path}`;
}

function socketLine({ op, domain, type, protocol, port = 0, address = ANY_ADDRESS[domain] ?? '' }: SocketAccess, index: number): string {
  if (op === 'create') return `s ${index} ${domain} ${type} ${protocol}`;
  return `${op === 'egress' ? 'c' : 'b'} ${index} ${domain} ${type} ${protocol} ${port} ${address}`;
}

/** % and two digits for each byte that is no plain character. */
function escaped(text: string): string {
  const bytes = new TextEncoder().encode(text);
  const plain = (byte: number): boolean => byte > 0x20 && byte < 0x7f && byte !== 0x25;
  return Array.from(bytes, (byte) => (plain(byte) ? String.fromCodePoint(byte) : `%${byte.toString(16).padStart(2, '0')}`)).join('');
}
