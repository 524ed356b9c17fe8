// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError, nearestWord } from '#base';
import { textOf } from '#cluster';
import type { Flags } from '../flags.ts';
import type { Io } from '../io.ts';
import { tableLines } from '../table.ts';
import type { Text } from '../text.ts';
import { askedCluster } from './cluster-flags.ts';
import { lastWriteText } from './last-write.ts';
import { listPolicies } from './live-policies.ts';
import type { LivePolicy } from './live-policies.ts';
import { policyJson } from './probe-cluster-json.ts';
import { effectText, nodesText } from './probe-cluster-text.ts';

async function readPolicies(flags: Flags, io: Io): Promise<LivePolicy[]> {
  if (flags.isSet('allNamespaces') && flags.text('namespace') !== undefined)
    throw new KubeArmorError('USAGE', '-A and -n contradict each other: give one of them');
  using cluster = await io.cluster(askedCluster(flags));
  return await listPolicies(cluster.api, flags.text('namespace'), io.signal);
}

/** `karmor policy list`. */
export async function printPolicies(flags: Flags, io: Io): Promise<void> {
  const policies = await readPolicies(flags, io);
  const format = flags.text('output');
  if (format === 'json') return await io.outJson(JSON.stringify({ schemaVersion: 1, policies: policies.map(policyJson) }, undefined, 2));
  if (format === 'name') {
    for (const { ref } of policies) await io.out(ref);
    return;
  }
  if (policies.length === 0) return io.err(`karmor policy list: there is no policy${namespaceText(flags)}`);
  const rows = policies.map((policy) => [
    policy.ref,
    textOf(policy.object['spec'], 'action') ?? '',
    policy.effect,
    String(policy.workloads),
    nodesText(policy),
    lastWriteText(policy.changed),
  ]);
  for (const line of tableLines([['POLICY', 'ACTION', 'EFFECT', 'WORKLOADS', 'NODES', 'CHANGED'], ...rows])) await io.out(line);
}

const namespaceText = (flags: Flags): string =>
  flags.text('namespace') === undefined ? '' : ` in the namespace ${flags.text('namespace')}`;

/** `karmor policy status`. @returns whether all that was asked for is in force */
export async function printStatus(names: readonly string[], flags: Flags, io: Io): Promise<boolean> {
  const policies = await readPolicies(flags, io);
  const missing: string[] = [];
  const asked = names.length === 0 ? policies : names.flatMap((name) => named(name, policies, () => missing.push(name)));
  for (const name of missing) {
    const near = nearestWord(
      name,
      policies.flatMap(({ ref, name: short }) => [ref, short]),
    );
    io.err(
      `karmor policy status: there is no policy ${name}${namespaceText(flags)}${near === undefined ? '' : ` (did you mean ${near}?)`}`,
    );
  }
  if (names.length === 0 && policies.length === 0) io.err(`karmor policy status: there is no policy${namespaceText(flags)}`);
  if (flags.text('output') === 'json')
    await io.outJson(JSON.stringify({ schemaVersion: 1, policies: asked.map(policyJson) }, undefined, 2));
  else for (const line of asked.flatMap(statusLines)) await io.out(line);
  return missing.length === 0 && asked.every(({ effect }) => effect === 'enforced' || effect === 'idle');
}

/** All of a name: a policy’s name is unique within kind and namespace alone. */
function named(name: string, policies: readonly LivePolicy[], none: () => void): LivePolicy[] {
  const found = policies.filter((policy) => policy.ref === name || policy.name === name || `${policy.namespace}/${policy.name}` === name);
  if (found.length === 0) none();
  return found;
}

function statusLines(policy: LivePolicy): Text[] {
  const { ref, effect, workloads, conditions, nodeReasons, changed } = policy;
  const counts = `${workloads} ${workloads === 1 ? 'workload' : 'workloads'}, enforced on ${nodesText(policy)} nodes with some`;
  return [
    [{ text: ref, colour: 'bold' }, '  ', effectText(effect), `  (${counts})`],
    ...(conditions.length === 0 ? [`  ${policy.why}`] : []),
    ...conditions.flatMap(({ type, status, reason, message, lastTransitionTime }) => {
      const [first = '', ...more] = message.split('\n');
      return [
        `  ${type}: ${status}, ${reason}${first === '' ? '' : `: ${first}`} (since ${lastTransitionTime})`,
        ...more.map((line) => `    ${line}`),
      ];
    }),
    ...nodeReasons.map(({ node, reason, message }) => `  on ${node}: ${reason}: ${message}`),
    ...(changed === undefined ? [] : [`  changed ${lastWriteText(changed)}`]),
  ];
}
