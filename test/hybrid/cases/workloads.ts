// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { isRefused } from '../../vm/running.ts';
import { IDLE, podSpec } from '../case.ts';
import type { HybridCase, Stage } from '../case.ts';

const app = (name: string): object => ({ selector: { matchLabels: { app: name } } });
const NO_LS = { process: { matchPaths: [{ path: '/bin/ls' }] } };
const isLsRefused = async (stage: Stage, pod: string, ...where: readonly string[]): Promise<boolean> =>
  isRefused(await stage.cluster.kubectl('-n', stage.namespace, 'exec', pod, ...where, '--', '/bin/ls', '/'));

const statefulSet = (namespace: string): object => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'db', namespace },
  spec: {
    replicas: 1,
    serviceName: 'db',
    selector: { matchLabels: { app: 'db' } },
    template: { metadata: { labels: { app: 'db' } }, spec: podSpec() },
  },
});

/** Who a pod is decides, not what it is called. */
export const WORKLOADS: readonly HybridCase[] = [
  {
    name: 'StatefulSets of one name in two namespaces: a policy reaches the pod of its own alone',
    async run(stage) {
      const other = `${stage.namespace}-other`;
      await stage.cluster.must('create', 'namespace', other);
      try {
        using file = stage.cluster.textFile([stage.namespace, other].map((one) => JSON.stringify(statefulSet(one))).join('\n---\n'));
        await stage.cluster.must('apply', '-f', file.path);
        for (const namespace of [stage.namespace, other])
          await stage.cluster.must('rollout', 'status', '-n', namespace, '--timeout=170s', 'statefulset/db');
        await stage.enforce('no-ls', { ...app('db'), ...NO_LS });
        assert.ok(await isLsRefused(stage, 'db-0'));
        const beside = await stage.cluster.kubectl('-n', other, 'exec', 'db-0', '--', '/bin/ls', '/');
        assert.equal(beside.code, 0, beside.output);
      } finally {
        await stage.cluster.kubectl('delete', 'namespace', other, '--wait=false');
      }
    },
  },
  {
    name: 'a pod that comes again under its name, and one whose label changes while it runs',
    async run(stage) {
      await stage.pod('web', { app: 'web' });
      await stage.enforce('no-ls', { ...app('web'), ...NO_LS });
      assert.ok(await isLsRefused(stage, 'web'));
      await stage.kubectl('delete', 'pod', 'web');
      await stage.pod('web', { app: 'web' });
      assert.ok(await isLsRefused(stage, 'web'), 'the second pod of the name, at once');
      await stage.kubectl('label', 'pod', 'web', 'app=other', '--overwrite');
      await stage.until('it is free', async () => !(await isLsRefused(stage, 'web')));
      await stage.kubectl('label', 'pod', 'web', 'app=web', '--overwrite');
      await stage.until('it is bound again', () => isLsRefused(stage, 'web'));
    },
  },
  {
    name: 'init, sidecar and ephemeral containers are covered at once',
    async run(stage) {
      await stage.pod('first', { app: 'web' });
      await stage.enforce('no-ls', { ...app('web'), ...NO_LS });
      const tries = { ...IDLE, command: ['/bin/sh', '-c', '/bin/ls / > /dev/null; echo "code $?"'] };
      const init = { ...tries, name: 'init' };
      const goesOn = ['/bin/sh', '-c', '/bin/ls / > /dev/null; echo "code $?"; exec sleep 100000'];
      const sidecar = { ...IDLE, name: 'sidecar', restartPolicy: 'Always', command: goesOn };
      await stage.pod('web', { app: 'web' }, { initContainers: [init, sidecar] }, { command: goesOn });
      for (const name of ['init', 'sidecar', 'main']) assert.match(await stage.kubectl('logs', 'web', '-c', name), /code 126/, name);
      await stage.kubectl(
        'debug',
        'web',
        '--profile=general',
        `--image=${IDLE.image}`,
        '--image-pull-policy=Never',
        '-c',
        'debugger',
        '--',
        ...goesOn,
      );
      const said = async (): Promise<string> =>
        (await stage.cluster.kubectl('-n', stage.namespace, 'logs', 'web', '-c', 'debugger')).output;
      await stage.until('the debugger ran', async () => /code \d/.test(await said()));
      assert.match(await said(), /code 126/);
    },
  },
];
