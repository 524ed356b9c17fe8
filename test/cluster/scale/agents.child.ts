// SPDX-License-Identifier: Apache-2.0
// agents.child.ts PLAN KUBECONFIG FIRST COUNT FOLDER: so many agents with a fake enforcer in one process, each with the pods of its node.
// Prints `ready` when all of them are, and ends when it is told to.
import { mkdirSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { kubeconfigAccess, openKubeApi } from '#k8s';
import { containerOf, FakeContainers, sandboxOf, startClusterAgent } from '../../../src/agent/testing/cluster-agent.ts';
import type { PlannedNode } from './plan.ts';

const [plan = '', kubeconfig = '', first = '0', count = '0', folder = ''] = process.argv.slice(2);
const nodes = (JSON.parse(readFileSync(plan, 'utf8')) as PlannedNode[]).slice(Number(first), Number(first) + Number(count));
const access = await kubeconfigAccess([kubeconfig]);

for (const { name, pods } of nodes) {
  const directory = join(folder, name);
  mkdirSync(directory, { recursive: true });
  const containers = new FakeContainers();
  for (const pod of pods) containers.put(sandboxOf(pod), containerOf(pod, 'main'));
  // Each its own connections, as each is a program of its own.
  const api = openKubeApi({ access, userAgent: 'kubearmor-agent/simulated' });
  await startClusterAgent({ api, nodeName: name, containers, directory, initTimeoutMs: 600_000 });
}
console.log('ready');
await once(process, 'SIGTERM');
process.exit(0);
