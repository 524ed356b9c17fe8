// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noLogger } from '#base';
import type { Log } from '#events';
import { PolicyStatus } from '#wire';
import { pumpEvents } from '../../src/agent/event-pump.ts';
import { folderBackups } from '../../src/agent/policy-files.ts';
import { PolicyKeeper } from '../../src/agent/policy-keeper.ts';
import { answerPolicy } from '../../src/agent/policy-requests.ts';
import { Protector } from '../../src/agent/protector.ts';
import { FakeEnforcer } from '../../src/agent/testing/fake-enforcer.ts';
import { kernelEvent } from '../../src/agent/testing/samples.ts';
import type { Table } from './format.ts';
import { Missing } from './missing.ts';

type Row = (input: Readonly<Record<string, unknown>>) => Promise<string>;

const METHODS = ['containerPolicy', 'hostPolicy'] as const;
type Method = (typeof METHODS)[number];

const spec = (method: Method): object => ({
  ...(method === 'hostPolicy'
    ? { nodeSelector: { matchLabels: { 'kubearmor.io/hostname': '*' } } }
    : { selector: { matchLabels: { 'kubearmor.io/container.name': 'x' } } }),
  process: { matchPaths: [{ path: '/bin/x' }] },
  action: 'Block',
});
const added = (method: Method, metadata: object): string => JSON.stringify({ type: 'ADDED', object: { metadata, spec: spec(method) } });

const PAYLOADS: Readonly<Record<string, (method: Method) => string>> = {
  '{}': () => '{}',
  'invalid-json': () => 'invalid-json',
  'object without metadata.name': (method) => added(method, {}),
  'object with metadata.name': (method) => added(method, { name: 'x' }),
};

/**
 * One request of the policy RPC, for containers and for hosts, which answer alike; no workload is there, so no kernel is needed.
 * Container policies that are switched off are kept and answered as applied, as KubeArmor's agent was measured to do.
 */
const policyRequest: Row = async ({ enabled, payload }) => {
  const on = enabled === true;
  const textFor = PAYLOADS[String(payload)];
  if (textFor === undefined) throw new Error(`no payload is called ${String(payload)}`);
  const answers = new Set<string>();
  for (const method of on ? METHODS : ([METHODS[1]] as const)) answers.add(await answerTo(method, textFor(method), on));
  return [...answers].join(' and ');
};

async function answerTo(method: Method, text: string, hostPolicies: boolean): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'conformance-'));
  try {
    const protector = new Protector({ enforcer: new FakeEnforcer(), logger: noLogger });
    const kinds = new Set(['KubeArmorPolicy', 'KubeArmorHostPolicy'] as const);
    const keeper = new PolicyKeeper({ directory, backups: folderBackups(directory), protector, kinds, logger: noLogger });
    const options = { keeper, containerPolicies: true, hostPolicies, networkPolicies: false };
    const { status } = await answerPolicy(method, Buffer.from(text), options);
    return Object.entries(PolicyStatus).find(([, value]) => value === status)?.[0] ?? String(status);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A log of an operation on its way through the agent's pump. */
const marshalLog: Row = async ({ Operation, drop }) => {
  const hook = Operation === 'Process' ? 'SECURITY_BPRM_CHECK' : Operation === 'File' ? 'FILE_OPEN' : 'SOCKET_CREATE';
  const socket = hook === 'SOCKET_CREATE' ? { domain: 2, type: 1, protocol: 6 } : undefined;
  const event = kernelEvent({ outcome: 'observed', ruleId: undefined, hook, socket });
  const logs: Log[] = [];
  const enforcer = new FakeEnforcer();
  enforcer.unread.push(event);
  const stop = new AbortController();
  const pumping = pumpEvents(
    {
      enforcer,
      workloadOf: () => undefined,
      feed: {
        publishAlert: () => {},
        publishLog: (log) => void logs.push(log as Log),
        countLost: () => {},
        stats: () => ({ subscribers: 1, published: 0n, lostQueue: 0n }) as never,
      },
      names: { clusterName: '', hostName: '', nodeId: '', version: '', wallClock: () => new Date(0) },
      visibilityOf: () => new Set(['process', 'file', 'network', 'capabilities']),
      dropProcessResource: drop === true,
      lines: { write: () => {}, close: () => {}, lost: 0 },
      json: undefined,
      toldLosses: { load: () => ({ alerts: 0n, logs: 0n }), save: () => {} },
      logger: noLogger,
    },
    stop.signal,
  );
  stop.abort();
  await pumping;
  return logs[0]?.Resource === '' ? 'Resource empty' : 'Resource kept';
};

/** Functions of KubeArmor's that have their like here, and the families of the others. */
const FUNCTIONS: readonly { readonly name: RegExp; readonly row: Row }[] = [
  { name: /^ContainerPolicy\b.*gRPC/, row: policyRequest },
  { name: /^MarshalVisibilityLog/, row: marshalLog },
];
const FAMILIES: readonly { readonly name: RegExp; readonly family: string }[] = [
  { name: /nft|network policy|protocol number|port name|CIDR/i, family: 'nftables' },
  { name: /device|USB|class/i, family: 'device' },
];

/**
 * What is wrong with the rows of a table.
 *
 * @throws {Missing} where the function's like is not here
 */
export async function tableProblems({ function: name, rows }: Table): Promise<string[]> {
  const known = FUNCTIONS.find((one) => one.name.test(name));
  if (known === undefined) throw new Missing(FAMILIES.find((one) => one.name.test(name))?.family ?? `no function here is like ${name}`);
  const problems: string[] = [];
  for (const { in: input, out } of rows) {
    const came = await known.row(input as Readonly<Record<string, unknown>>);
    if (came !== out) problems.push(`${JSON.stringify(input)}: ${JSON.stringify(out)} expected, ${came} came`);
  }
  return problems;
}
