// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { PolicyStatus } from '#wire';
import type { Alert } from '#wire';
import { Alerts } from '../agent-process.ts';
import { OPEN } from '../inside.ts';
import { isRefused, until } from '../running.ts';
import type { Ran } from '../running.ts';
import type { Stage, VmCase } from '../stage.ts';

/** All that the container may do: a shell, programs of busybox, one file, TCP. */
const strictSpec = (selector: object): object => ({
  selector,
  defaultPosture: 'block',
  process: { matchPaths: ['/bin/ash', '/bin/sleep', '/bin/cat', '/bin/nc', '/bin/ping'].map((path) => ({ path })) },
  file: { matchPaths: [{ path: OPEN, readOnly: true }] },
  network: { matchProtocols: [{ protocol: 'tcp' }] },
  action: 'Allow',
});

/** By name what is tried. */
const TRIES = {
  cat: ['/bin/cat', OPEN],
  touch: ['/bin/touch', '/tmp/strict'],
  /** An applet of the binary whose other applets are allowed. */
  mkfifo: ['/bin/mkfifo', '/tmp/strict'],
  secret: ['/bin/cat', '/etc/secret'],
  write: ['/bin/ash', '-c', `true >> ${OPEN}`],
  tcp: ['/bin/nc', '127.0.0.1', '9'],
  raw: ['/bin/ping', '-c', '1', '127.0.0.1'],
} as const;
type Try = keyof typeof TRIES;

/** Tries everything from one `ctr task exec`, which takes seconds. */
async function tryAll(stage: Stage, container: string): Promise<Readonly<Record<Try, Ran>>> {
  const lines = Object.values(TRIES).map((words) => `out=$(${words.map((word) => `'${word}'`).join(' ')} 2>&1); echo "$? "$out`);
  const ran = await stage.containerd.exec(container, '/bin/ash', '-c', lines.join('\n'));
  const answers = ran.output.split('\n').map((line) => /^(\d+) (.*)$/.exec(line));
  const named = Object.keys(TRIES).map((name, i) => [name, { code: Number(answers[i]?.[1]), output: answers[i]?.[2] ?? ran.output }]);
  return Object.fromEntries(named) as Record<Try, Ran>;
}

/** What is refused of it. */
const refusedOf = (tried: Readonly<Record<Try, Ran>>): string[] =>
  Object.entries(tried).flatMap(([name, ran]) => (isRefused(ran) ? [name] : []));

const DENIED: readonly Try[] = ['touch', 'mkfifo', 'secret', 'write', 'raw'];

function assertDefaultDeny(tried: Readonly<Record<Try, Ran>>): void {
  const all = JSON.stringify(tried);
  assert.deepEqual(refusedOf(tried), DENIED, all);
  assert.deepEqual(tried.cat, { code: 0, output: 'secret' }, all);
  assert.match(tried.tcp.output, /refused|unreachable/i, all);
}

/** Alerts of what is refused: operation and resource. */
const TOLD = [
  ['Process', /^\/bin\/touch/],
  ['Process', /mkfifo/],
  ['File', /^\/etc\/secret$/],
  ['File', new RegExp(`^${OPEN}$`)],
  ['Network', /RAW/i],
] as const;

async function assertTold(alerts: Alerts, container: string): Promise<void> {
  for (const [operation, resource] of TOLD) {
    const matches = (alert: Alert): boolean =>
      alert.ContainerName === container && alert.Operation === operation && resource.test(alert.Resource);
    const { PolicyName, Action, Result } = await alerts.until(`${container}: ${operation} ${resource.source}`, matches);
    assert.deepEqual([PolicyName, Action, Result], ['DefaultPosture', 'Block', 'Permission denied']);
  }
}

/** The alerts of a container while `work` is done. */
async function withAlerts(stage: Stage, work: (alerts: Alerts) => Promise<void>): Promise<void> {
  const alerts = new Alerts(stage.socket);
  try {
    await until('the stream is open', async () => (await stage.probe(), alerts.seen.length > 0));
    await work(alerts);
  } finally {
    alerts.close();
  }
}

/** Allow-lists of a real container whose posture is block: what is not on them is refused, the runtime’s own work is not. */
export const DEFAULT_DENY: readonly VmCase[] = [
  {
    name: 'default deny comes by RPC while the container runs: of what was allowed a moment ago the list remains',
    async run(stage) {
      await stage.ensureGuarded();
      await stage.containerd.run('open', '/bin/sleep', '1000');
      await until('it is seen', () => /detected a container name=open/.test(stage.agent?.stderr ?? ''));
      assert.deepEqual(refusedOf(await tryAll(stage, 'open')), [], 'without the policy');
      const object = { metadata: { name: 'closed' }, spec: strictSpec({ matchLabels: { 'kubearmor.io/container.name': 'open' } }) };
      await withAlerts(stage, async (alerts) => {
        assert.equal((await stage.send('ADDED', object)).status, PolicyStatus.Applied);
        assertDefaultDeny(await tryAll(stage, 'open'));
        await assertTold(alerts, 'open');
      });
      assert.equal((await stage.send('DELETED', object)).status, PolicyStatus.Deleted);
      await stage.containerd.remove('open');
    },
  },
  {
    name: 'default deny is in force before the container’s first instruction: it starts, may do what is allowed, and nothing else',
    async run(stage) {
      await stage.ensureGuarded();
      const policy = { apiVersion: 'security.kubearmor.com/v1', kind: 'KubeArmorPolicy', metadata: { name: 'strict-file' } };
      const path = stage.writePolicy('strict.json', JSON.stringify({ ...policy, spec: strictSpec({ matchLabels: { app: 'strict' } }) }));
      const inForce = async (): Promise<boolean> => (await stage.policiesOf('strict')).includes('strict-file');
      try {
        await withAlerts(stage, async (alerts) => {
          await stage.containerd.runHeld('strict', () => until('it is in force', inForce), '/bin/sleep', '1000');
          const tried = await tryAll(stage, 'strict');
          const early = alerts.seen.filter(({ ContainerName, Source }) => ContainerName === 'strict' && Source === '');
          assert.deepEqual(
            early.map(({ Operation, Resource, PolicyName }) => `${PolicyName}: ${Operation} ${Resource}`),
            [],
            'the runtime’s own work is not the container’s',
          );
          assertDefaultDeny(tried);
          await assertTold(alerts, 'strict');
        });
      } finally {
        rmSync(path);
        await stage.containerd.remove('strict');
      }
    },
  },
];
