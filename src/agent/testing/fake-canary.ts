// SPDX-License-Identifier: Apache-2.0
import type { KubeArmorError } from '#base';
import type { KernelEvent } from '#events';
import { evaluate } from '#policy';
import type { Access, RuleSet } from '#policy';
import type { Canary, CanaryPlace } from '../proof/canary.ts';
import { kernelEvent } from './samples.ts';

/** What is between a canary and the kernel here. */
export interface FakeKernel {
  /** The rules that the canary is bound to; undefined: none. */
  readonly ruleSet: () => RuleSet | undefined;
  readonly scopeId: () => number;
  readonly tell: (event: KernelEvent) => void;
}

/** A canary whose kernel is `evaluate`: reads the plan as native/canary.c does. */
export class FakeCanary implements Canary {
  /** Kinds of access whose hook is gone: they pass, and nothing is told. */
  readonly detached = new Set<string>();
  /** Nothing that is denied is told. */
  isMute = false;
  /** While set, none can run. */
  failure: KubeArmorError | undefined;
  capabilities = ~0n;
  readonly plans: string[] = [];
  opened = 0;
  closed = 0;
  cleared = 0;
  readonly #kernel: FakeKernel;

  constructor(kernel: FakeKernel) {
    this.#kernel = kernel;
  }

  clear(): Promise<void> {
    this.cleared++;
    return Promise.resolve();
  }

  open(): Promise<CanaryPlace> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    this.opened++;
    return Promise.resolve({
      cgroupId: 99n,
      capabilities: this.capabilities,
      run: (plan) => this.#run(plan),
      close: () => Promise.resolve(void this.closed++),
    });
  }

  #run(plan: string): Promise<string> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    this.plans.push(plan);
    let subject: Access['subject'] = { runtime: true };
    const answers: string[] = [];
    const others = new Set<string>();
    for (const line of plan.split('\n')) {
      const [letter = '', ...words] = line.split(' ');
      if (letter === 'R') subject = { runtime: true };
      else if (letter === 'S') subject = words[0] ?? '';
      else if (letter === 'f' || letter === 'p') others.add(words[0] ?? '');
      else if ('rwxscbk'.includes(letter) && letter !== '')
        answers.push(`${words[0]} ${this.#try(accessOf(letter, words.slice(1), others), subject)}`);
    }
    return Promise.resolve(`${answers.join('\n')}\n`);
  }

  #try(deed: Deed, subject: Access['subject']): number {
    const ruleSet = this.#kernel.ruleSet();
    if (ruleSet === undefined || this.detached.has(deed.kind)) return 0;
    const access: Access = { ...deed, subject };
    const verdict = evaluate(ruleSet.image, access);
    if (verdict.outcome === 'passed') return 0;
    const scopeId = this.#kernel.scopeId();
    const { outcome, rule } = verdict;
    if (!this.isMute) this.#kernel.tell(kernelEvent({ scopeId, imageId: scopeId, ruleId: rule, outcome, ...aboutOf(access) }));
    return outcome === 'denied' ? (access.kind === 'capability' ? 1 : 13) : 0;
  }
}

type Deed = Access extends infer A ? (A extends Access ? Omit<A, 'subject'> : never) : never;
const OPS = { s: 'create', c: 'egress', b: 'ingress' } as const;

function accessOf(letter: string, words: readonly string[], others: ReadonlySet<string>): Deed {
  const numbers = words.map(Number);
  switch (letter) {
    case 'x':
      return { kind: 'exec', object: { path: words[1]! }, owner: !others.has(words[1]!), applet: words[0] };
    case 'r':
    case 'w':
      return { kind: letter === 'r' ? 'read' : 'write', object: { path: words[0]! }, owner: !others.has(words[0]!) };
    case 'k':
      return { kind: 'capability', capability: numbers[0]! };
    default: {
      const [domain, type, protocol] = numbers as [number, number, number];
      const peer = letter === 's' ? {} : { port: numbers[3], address: letter === 'c' ? words[4] : undefined };
      return { kind: 'socket', op: OPS[letter as 's' | 'c' | 'b'], domain, type, protocol, ...peer };
    }
  }
}

function aboutOf(access: Access): Partial<KernelEvent> {
  if (access.kind === 'capability') return { hook: 'CAPABLE', capability: access.capability, path: '' };
  if (access.kind !== 'socket') return { hook: access.kind === 'exec' ? 'SECURITY_BPRM_CHECK' : 'FILE_OPEN', path: access.object.path };
  const { domain, type, protocol, op } = access;
  const hook = op === 'create' ? 'SOCKET_CREATE' : op === 'egress' ? 'SOCKET_CONNECT' : 'SOCKET_BIND';
  return { hook, socket: { domain, type, protocol }, path: '' };
}
