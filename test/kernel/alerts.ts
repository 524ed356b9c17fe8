// SPDX-License-Identifier: Apache-2.0
import type { HookName, KernelEvent } from '#events';
import { CAPABILITIES } from '#policy';
import type { RuleInfo } from '#policy';

/** An event with the rule that decided it. */
export interface Alert {
  readonly event: KernelEvent;
  readonly rule: RuleInfo | undefined;
}

export const FAMILY_NAMES: Readonly<Record<number, string>> = {
  1: 'unix',
  2: 'inet',
  10: 'inet6',
  16: 'netlink',
  17: 'packet',
  38: 'alg',
  40: 'vsock',
};
export const TYPE_NAMES: Readonly<Record<number, string>> = { 1: 'stream', 2: 'dgram', 3: 'raw', 4: 'rdm', 5: 'seqpacket', 6: 'dccp' };

/** Numbers of unnamed files, which differ from run to run, become `#N`; a long path is cut to its first 20 bytes and `…`. */
function plainPath(path: string): string {
  const text = path.replace(/#\d+$/, '#N');
  return text.length > 100 ? `${text.slice(0, 20)}…` : text;
}

const OF_BPF: Readonly<Record<number, string>> = { 1: 'map', 2: 'program', 3: 'link' };

function tamperedObject(hook: HookName, number: number): string | undefined {
  if (hook === 'BPF') return OF_BPF[number] ?? 'what?';
  if (hook === 'TASK_KILL') return `signal=${number}`;
  if (hook === 'TASK_SETRLIMIT') return `limit=${number}`;
  return hook === 'PTRACE' || hook.startsWith('TASK_') ? 'task' : undefined;
}

function objectOf({ socket, capability, path, tampering, hook }: KernelEvent): string {
  const tampered = tamperedObject(hook, tampering?.number ?? 0);
  if (tampered !== undefined) return tampered;
  if (capability !== undefined) return CAPABILITIES[capability] ?? String(capability);
  if (socket === undefined) return plainPath(path);
  const name = `${FAMILY_NAMES[socket.domain] ?? socket.domain}/${TYPE_NAMES[socket.type] ?? socket.type}/${socket.protocol}`;
  return socket.port === undefined ? name : `${name}@${socket.address}:${socket.port}`;
}

/**
 * One line an event: `OUTCOME HOOK OBJECT [RULE] [by SUBJECT]`.
 *
 * OBJECT is a path, a capability, or `family/type/protocol[@address:port]`; RULE the field path without `spec.`, with
 * `policy:` before it where there are several policies, or `posture`, or `self` (tampering); telemetry has none. The subject stands there when it is not
 * /bin/stim.
 */
export function lineOf({ event, rule }: Alert, several: boolean): string {
  const field =
    rule?.field.replace(/^spec\./, '') ??
    (event.tampering !== undefined ? 'self' : event.ruleId === undefined ? 'posture' : `rule?${event.ruleId}`);
  const named = several && rule !== undefined ? `${rule.policy}:${field}` : field;
  const by = event.subject === '/bin/stim' ? '' : ` by ${event.subject === '' ? '-' : plainPath(event.subject)}`;
  return `${event.outcome} ${event.hook} ${objectOf(event)}${event.outcome === 'observed' ? '' : ` ${named}`}${by}`;
}

function tally(pairs: Iterable<readonly [line: string, count: number]>): Map<string, number> {
  const found = new Map<string, number>();
  for (const [line, count] of pairs) found.set(line, (found.get(line) ?? 0) + count);
  return found;
}

const shorten = (line: string): string => (line.length > 400 ? `${line.slice(0, 200)}…${line.slice(-100)}` : line);

/** What differs between the alerts expected and those that came; empty when nothing does. */
export function compareAlerts(expected: readonly string[], alerts: readonly Alert[], several: boolean): string[] {
  const wanted = tally(
    expected.map((line) => {
      const times = / x(\d+)$/.exec(line);
      return times === null ? [line, 1] : [line.slice(0, times.index), Number(times[1])];
    }),
  );
  const found = tally(alerts.map((alert) => [lineOf(alert, several), alert.event.count]));
  return [...new Set([...wanted.keys(), ...found.keys()])].flatMap((line) => {
    const [want, have] = [wanted.get(line) ?? 0, found.get(line) ?? 0];
    return want === have ? [] : [`alert ${shorten(line)}: ${want} expected, ${have} came`];
  });
}

/** The same for single fields of events, by hook. */
export function compareFields(
  expected: Readonly<Record<string, Readonly<Record<string, string | number>>>>,
  alerts: readonly Alert[],
): string[] {
  return Object.entries(expected).flatMap(([hook, fields]) => {
    const event = alerts.find((alert) => alert.event.hook === hook)?.event;
    if (event === undefined) return [`no event of ${hook}`];
    const found = event as unknown as Record<string, unknown>;
    return Object.entries(fields).flatMap(([name, value]) => {
      const have = found[name];
      const other = /^= (\w+)$/.exec(String(value))?.[1];
      const want = other === undefined ? value : found[other];
      return have === want ? [] : [`${hook}.${name}: ${JSON.stringify(want)} expected, ${JSON.stringify(have)} came`];
    });
  });
}
