// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { LIMITS } from '#policy';
import { PolicyStatus } from '#wire';
import type { Stage, VmCase } from '../stage.ts';

type LimitName = keyof typeof LIMITS;
type Exceeded = keyof typeof BEYOND;

/** Something that is one beyond a limit: the spec or the metadata of a request, or a file. */
type Beyond = { readonly spec: object } | { readonly metadata: object } | { readonly file: () => string };

const over = (name: LimitName): number => LIMITS[name].value + 1;
const long = (name: LimitName, before = ''): string => before.padEnd(over(name), 'x');
const many = <T>(name: LimitName, item: (i: number) => T): T[] => Array.from({ length: over(name) }, (_, i) => item(i));
const files = (rule: object): Beyond => ({ spec: { file: { matchPaths: [rule] } } });
const processes = (rule: object): Beyond => ({ spec: { process: { matchPaths: [rule] } } });
const firewall = (): string => {
  const peers = many('peersPerRule', (i) => ({ ipBlock: { cidr: `10.${i >> 8}.${i & 255}.0/24` } }));
  const spec = { selector: { matchLabels: { app: 'late' } }, ingress: [{ from: peers }], action: 'Block' };
  return JSON.stringify({ apiVersion: 'security.kubearmor.com/v1', kind: 'KubeArmorNetworkPolicy', metadata: { name: 'beyond' }, spec });
};
const hostnames = (): string => {
  const spec = {
    nodeSelector: { matchLabels: { 'kubearmor.io/hostnamereg': long('hostnamePatternBytes') } },
    file: { matchPaths: [{ path: '/x' }] },
  };
  return JSON.stringify({ apiVersion: 'security.kubearmor.com/v1', kind: 'KubeArmorHostPolicy', metadata: { name: 'beyond' }, spec });
};
/** A glob whose states double with each `?`. */
const DOUBLING: Beyond = { spec: { file: { matchPatterns: [{ pattern: `/**a${'?'.repeat(24)}` }] } } };
const LETTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'.split('');
/** Letters that rules tell apart, and some 16,000 states, each with a cell for every letter: work and states are few. */
const WIDE: Beyond = {
  spec: {
    file: {
      matchPaths: LETTERS.map((letter) => ({ path: `/${letter}` })),
      matchPatterns: LETTERS.slice(0, 52).map((letter) => ({ pattern: `/${letter}/${'[0-9A-Za-z]'.repeat(310)}` })),
    },
  },
};
/** The n-th state stands for 2n places in the pattern: some 2,000 states, and work that grows with the square. */
const STEEP: Beyond = { spec: { file: { matchPatterns: [{ pattern: `/${'*a'.repeat(2_040)}` }] } } };

/** `nodes` is what stops an alias bomb (bad-input.ts); 20,000 rules take half a minute here (policy's and agent's unit tests). */
const BEYOND: { readonly [K in Exclude<LimitName, 'nodes' | 'rulesPerWorkload'>]: Beyond } = {
  fileBytes: { file: () => '#'.repeat(over('fileBytes')) },
  documentBytes: { spec: { message: long('documentBytes') } },
  documentsPerFile: { file: () => '--- 1\n'.repeat(over('documentsPerFile')) },
  nestingDepth: { file: () => `a: ${'['.repeat(over('nestingDepth'))}${']'.repeat(over('nestingDepth'))}\n` },
  issues: { spec: Object.fromEntries(Array.from({ length: 2 * over('issues') }, (_, i) => [`unknown${i}`, 1])) },
  nameBytes: { metadata: { name: long('nameBytes') } },
  messageBytes: { spec: { message: long('messageBytes') } },
  tags: { spec: { tags: many('tags', (i) => `t${i}`) } },
  tagBytes: { spec: { tags: [long('tagBytes')] } },
  labels: { spec: { selector: { matchLabels: Object.fromEntries(many('labels', (i) => [`l${i}`, 'x'])) } } },
  labelBytes: { spec: { selector: { matchLabels: { app: long('labelBytes') } } } },
  rulesPerPolicy: { spec: { file: { matchPaths: many('rulesPerPolicy', (i) => ({ path: `/${i}` })) } } },
  subjectsPerRule: files({ path: '/x', fromSource: many('subjectsPerRule', (i) => ({ path: `/${i}` })) }),
  pathBytes: files({ path: long('pathBytes', '/') }),
  execNameBytes: processes({ execname: long('execNameBytes') }),
  args: processes({ path: '/x', allowedArgs: many('args', (i) => `-${i}`) }),
  argBytes: processes({ path: '/x', allowedArgs: [long('argBytes')] }),
  domainBytes: { spec: { network: { matchDNSQueries: [{ domain: `${'x.'.repeat(LIMITS.domainBytes.value / 2)}xxx` }] } } },
  hostnamePatternBytes: { file: hostnames },
  apparmorBytes: { spec: { apparmor: long('apparmorBytes') } },
  peersPerRule: { file: firewall },
  states: DOUBLING,
  cells: WIDE,
  compileSteps: STEEP,
};

const SELECTOR = { matchLabels: { 'kubearmor.io/container.name': 'web' } };
const policyOf = (name: string, spec: object, metadata: object = {}): object => ({
  metadata: { name, ...metadata },
  spec: { selector: SELECTOR, file: { matchPaths: [{ path: '/nowhere' }] }, action: 'Block', ...spec },
});

async function refusedRequest(stage: Stage, what: string, policy: object, told: RegExp): Promise<void> {
  const { status, reason } = await stage.send('ADDED', policy);
  assert.equal(status, PolicyStatus.Invalid, `${what}: ${reason}`);
  assert.match(reason, told, what);
}

/** As the answer calls the limits of what is compiled: the one that is met, and no other. */
const COMPILED: Partial<Record<Exceeded, string>> = { states: 'states', cells: 'cells', compileSteps: 'steps' };

function toldOf(name: Exceeded): RegExp {
  if (name === 'issues') return /unknown0`[^]*\b\d+ (?:more|further)\b[^\n]*$/;
  const { value } = LIMITS[name];
  const compiled = COMPILED[name];
  return new RegExp(compiled === undefined ? `\\b${value}\\b` : `more than ${value} ${compiled} of one automaton`);
}

async function isRefusedWithNumber(stage: Stage, name: Exceeded): Promise<void> {
  const beyond = BEYOND[name];
  const told = toldOf(name);
  if ('file' in beyond) {
    const path = stage.writePolicy(`${name}.yaml`, beyond.file());
    try {
      assert.match(await stage.problemOf(path), told, name);
    } finally {
      rmSync(path);
    }
  } else if ('metadata' in beyond) {
    await refusedRequest(stage, name, policyOf('beyond', {}, beyond.metadata), told);
  } else {
    await refusedRequest(stage, name, policyOf('beyond', beyond.spec), told);
  }
}

export const BEYOND_LIMITS: readonly VmCase[] = (Object.keys(BEYOND) as Exceeded[]).map((name) => ({
  name: `beyond a limit: ${name}`,
  async run(stage) {
    await stage.ensureGuarded();
    await isRefusedWithNumber(stage, name);
  },
}));
