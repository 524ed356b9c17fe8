// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { compileAutomaton, parseGlob, witness } from '#automaton';
import { capabilityNumber, compile, evaluate, parsePolicyText } from '#policy';
import type { Access, FileRule, NetworkRule, PathObject, ProcessRule, Policy, Rule, RuleSet, SocketAccess, Workload } from '#policy';

// Policies of others, beside the repository: not everybody has them.
const TEMPLATES = new URL('../../../shared/corpus/policy-templates/', import.meta.url);
const skip = existsSync(TEMPLATES) ? false : 'the corpus is absent: ../shared is not beside this repository';

const WORKLOAD: Workload = {
  id: 'c',
  kind: 'container',
  namespace: 'n',
  podName: 'p',
  containerName: 'c',
  image: 'i',
  labels: {},
  mode: 'enabled',
  postures: { file: 'block', network: 'block', capabilities: 'block' },
};

function takenPolicies(): Policy[] {
  return readdirSync(TEMPLATES).flatMap((file) =>
    parsePolicyText(readFileSync(new URL(file, TEMPLATES), 'utf8'), file).flatMap(({ policy }) => policy ?? []),
  );
}

function compiled(policies: readonly Policy[]): RuleSet {
  const made = compile(policies, WORKLOAD);
  assert.ok(!('exceeded' in made), `${policies[0]?.name}: ${JSON.stringify(made)}`);
  return made;
}

/** A path that the object stands for; undefined where there is none. */
function pathOf(object: PathObject): string | undefined {
  if (object.kind === 'path') return object.path === '/..' ? undefined : object.path;
  if (object.kind === 'execname') return `/opt/${object.name}`;
  if (object.kind === 'dir') return `${object.dir === '/' ? '' : object.dir}/entry`;
  if (parseGlob(object.glob).problem !== undefined) return undefined;
  const automaton = compileAutomaton([{ kind: 'glob', glob: object.glob }], { maxStates: 50_000, maxSteps: 1e7, maxCells: 1e6 });
  return 'exceeded' in automaton ? undefined : witness(automaton, () => true, 1e6);
}

const SOCKETS: Readonly<Record<string, readonly [number, number, number]>> = {
  tcp: [2, 1, 6],
  udp: [2, 2, 17],
  icmp: [2, 2, 1],
  icmpv6: [10, 2, 58],
  sctp: [2, 1, 132],
  dccp: [2, 6, 33],
  raw: [2, 3, 1],
  stream: [1, 1, 0],
  dgram: [1, 2, 0],
  seqpacket: [1, 5, 0],
  rdm: [1, 4, 0],
  packet: [2, 10, 0],
  all: [2, 1, 6],
};

/** An access that the rule is about; undefined where no access can be. */
function accessFor(rule: Rule): Access | undefined {
  const subject = rule.subjects[0] === undefined ? '/bin/task' : pathOf(rule.subjects[0]);
  if (subject === undefined) return undefined;
  if (rule.family === 'capabilities') return { kind: 'capability', capability: capabilityNumber(rule.capability), subject };
  if (rule.family === 'network') return socketFor(rule, subject);
  return rule.family === 'process' || rule.family === 'file' ? pathFor(rule, subject) : undefined;
}

function socketFor(rule: NetworkRule, subject: string): Access {
  const [domain, type, protocol] = SOCKETS[rule.protocol]!;
  const op: SocketAccess['op'] = rule.direction ?? 'create';
  return { kind: 'socket', op, domain, type, protocol, address: rule.cidr?.split('/')[0], port: rule.port, subject };
}

function pathFor(rule: ProcessRule | FileRule, subject: string): Access | undefined {
  const path = pathOf(rule.object);
  if (path === undefined) return undefined;
  const owner = rule.ownerOnly && rule.action === 'Allow';
  const writes = rule.family === 'file' && rule.readOnly && rule.action !== 'Allow';
  return { kind: rule.family === 'process' ? 'exec' : writes ? 'write' : 'read', object: { path }, owner, subject };
}

const OUTCOME = { Allow: 'passed', Block: 'denied', Audit: 'audited' } as const;

test('policy templates: every rule that can match decides its own access', { skip }, () => {
  let decided = 0;
  let impossible = 0;
  let otherwise = 0;
  let skipped = 0;
  for (const policy of takenPolicies()) {
    const made = compiled([policy]);
    const notEnforced = new Set(made.notEnforced.map(({ rule }) => rule.id));
    for (const info of made.rules) {
      if (notEnforced.has(info.id)) {
        skipped++;
        continue;
      }
      const rule = policy.rules.find(({ field }) => field === info.field)!;
      const access = accessFor(rule);
      if (access === undefined) {
        impossible++;
        continue;
      }
      // alone: in company a more specific rule may decide
      const alone = compiled([{ ...policy, rules: [rule] }]);
      const verdict = evaluate(alone.image, access);
      assert.equal(verdict.outcome, OUTCOME[rule.action], `${policy.name} ${rule.field} ${JSON.stringify(access)}`);
      if (verdict.outcome !== 'passed') assert.equal(verdict.rule, 0);
      const together = evaluate(made.image, access);
      if (together.outcome !== OUTCOME[rule.action]) otherwise++;
      decided++;
    }
  }
  assert.ok(decided >= 1_400, `only ${decided} rules decided`);
  assert.equal(impossible, 0, 'every rule that is taken can match');
  assert.ok(skipped <= 5, `${skipped} rules are not enforceable`);
  assert.ok(otherwise <= 5, `in the whole policy ${otherwise} of ${decided} accesses end otherwise: a more specific rule decides`);
});

test('policy templates: together they are one image of at most 4 MiB, compiled in bounded time', { skip }, () => {
  const all = takenPolicies();
  const start = performance.now();
  const made = compiled(all);
  assert.ok(performance.now() - start < 60_000, `${performance.now() - start} ms`);
  for (const action of ['Allow', 'Block', 'Audit'] as const) assert.ok(made.rules.some((rule) => rule.action === action));
});
