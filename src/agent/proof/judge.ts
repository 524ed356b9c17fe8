// SPDX-License-Identifier: Apache-2.0
import { getSystemErrorName } from 'node:util';
import type { KernelEvent } from '#events';
import { accessText, subjectText } from '#policy';
import type { Probe, RuleInfo } from '#policy';
import type { Answers } from './plan-text.ts';

/** An access that did not come out as it must. */
export interface Failure {
  readonly probe: Probe;
  /** All that is wrong is that no alert came. */
  readonly isUntold: boolean;
  readonly message: string;
}

export interface Judged {
  readonly failures: readonly Failure[];
  /** Came out as they must, by errno and by alert. */
  readonly passed: readonly Probe[];
  /** Of which nothing can be said here. */
  readonly undecided: readonly Undecided[];
}

/** An access that cannot be tried on this node. */
export interface Undecided {
  readonly probe: Probe;
  readonly reason: string;
}

export interface Evidence {
  readonly answers: Answers;
  /** What came out of the ring of the canary's scope meanwhile. */
  readonly events: readonly KernelEvent[];
  /** The rule of an event, as the enforcer knows it. */
  readonly ruleOf: (event: KernelEvent) => RuleInfo | undefined;
  /** The rules of the image. */
  readonly rules: readonly RuleInfo[];
}

const errnoName = (errno: number): string => (errno > 0 ? getSystemErrorName(-errno) : String(errno));
const [EPERM, EACCES, ENOSYS] = [1, 13, 38];

/** Compares what a canary met with what the rules say: both its errno and the alert must be right. Pure. */
export function judgeProbes(probes: readonly Probe[], evidence: Evidence): Judged {
  const failures: Failure[] = [];
  const passed: Probe[] = [];
  const undecided: Undecided[] = [];
  for (const [index, probe] of probes.entries()) {
    const errno = evidence.answers.errnos.get(index);
    if (errno === ENOSYS && probe.access.kind === 'capability')
      undecided.push({ probe, reason: `a canary cannot ${accessText(probe.access)}: this kernel has nothing that asks for it` });
    else {
      const wrong = whatIsWrong(probe, errno, evidence);
      const isUntold =
        errno !== undefined && wrongErrno(probe, errno) === undefined && !evidence.events.some((event) => isAbout(event, probe));
      if (wrong === undefined) passed.push(probe);
      else failures.push({ probe, isUntold, message: `${subjectText(probe.access.subject)}: ${accessText(probe.access)}: ${wrong}` });
    }
  }
  return { failures, passed, undecided };
}

/** Whether no alert that is still to come could make a difference. */
export function isAllTold(probes: readonly Probe[], evidence: Evidence): boolean {
  return probes.every((probe, index) => {
    const errno = evidence.answers.errnos.get(index);
    const isDecided = probe.expected.outcome === 'passed' || errno === undefined || wrongErrno(probe, errno) !== undefined;
    return isDecided || alertOf(probe, evidence) !== undefined;
  });
}

function whatIsWrong(probe: Probe, errno: number | undefined, evidence: Evidence): string | undefined {
  if (errno === undefined) return notTriedText(evidence.answers);
  const wrong = wrongErrno(probe, errno);
  if (wrong !== undefined) return wrong;
  if (probe.expected.outcome === 'passed' || alertOf(probe, evidence) !== undefined) return undefined;
  return wrongAlert(probe, evidence);
}

function wrongErrno({ access, expected: { outcome } }: Probe, errno: number): string | undefined {
  const isRefused = errno === EPERM || errno === EACCES;
  const came = errno === 0 ? 'passed' : `gave ${errnoName(errno)}`;
  if (outcome === 'denied') return isRefused ? undefined : `it must be denied, and ${came}`;
  // what passes can fail for other reasons, as a socket that has no network; a file cannot
  if (errno === 0 || (outcome === 'audited' && !('object' in access))) return undefined;
  return `it must pass, and ${came}`;
}

function wrongAlert(probe: Probe, evidence: Evidence): string {
  const { expected } = probe;
  const other = evidence.events.find((event) => isAbout(event, probe));
  const said = expected.outcome === 'denied' ? 'it was denied' : 'it passed';
  const wanted = ruleText('rule' in expected && expected.rule !== undefined ? evidence.rules[expected.rule] : undefined);
  if (other === undefined) return `${said}, and no alert came; ${wanted} must tell`;
  return `${said}, and the alert names ${ruleText(evidence.ruleOf(other))} (${other.outcome}) instead of ${wanted} (${expected.outcome})`;
}

function notTriedText({ notStarted }: Answers): string {
  const [errno] = notStarted;
  return errno === undefined ? 'it was not tried' : `it was not tried: its program gave ${errnoName(errno)} at its exec`;
}

const ruleText = (rule: RuleInfo | undefined): string => (rule === undefined ? 'the default posture' : `${rule.policy} ${rule.field}`);

/** The alert that an access must raise. */
function alertOf(probe: Probe, { events, ruleOf, rules }: Evidence): KernelEvent | undefined {
  const { expected } = probe;
  const id = 'rule' in expected ? expected.rule : undefined;
  const wanted = id === undefined ? undefined : rules[id];
  return events.find((event) => {
    if (event.outcome !== expected.outcome || event.ruleId !== id || !isAbout(event, probe)) return false;
    const told = ruleOf(event);
    return wanted === undefined || (told !== undefined && told.policy === wanted.policy && told.field === wanted.field);
  });
}

/** Whether an event tells of this access, whatever it says of it. */
function isAbout(event: KernelEvent, { access }: Probe): boolean {
  if (access.kind === 'capability') return event.capability === access.capability && event.hook === 'CAPABLE';
  if (access.kind === 'socket') {
    const { socket, hook } = event;
    const isSame = socket?.domain === access.domain && socket.type === access.type && socket.protocol === access.protocol;
    return isSame && hook === SOCKET_HOOKS[access.op];
  }
  return event.path === access.object.path && (access.kind === 'exec') === (event.hook === 'SECURITY_BPRM_CHECK');
}

const SOCKET_HOOKS = { create: 'SOCKET_CREATE', egress: 'SOCKET_CONNECT', ingress: 'SOCKET_BIND', request: 'SOCKET_ACCEPT' } as const;
