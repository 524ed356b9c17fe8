// SPDX-License-Identifier: Apache-2.0
import { isRefused } from '../vm/running.ts';
import { podObject } from './case.ts';
import type { Hybrid } from './cluster.ts';
import { inKernel } from './in-kernel.ts';
import { isReady } from './install.ts';
import type { Terminal } from './terminal.ts';
import { POD, POLICY, SPACE, WIKI } from './wiki.ts';

const SYSTEM = 'kube-system';
/** Pods are given time to end, and under emulation they take it. */
const GONE_MS = 240_000;
const OBJECTS = 'deployments,daemonsets,jobs,pods,services,configmaps,secrets,serviceaccounts,roles,rolebindings,leases';
const WIDE = 'clusterroles,clusterrolebindings,validatingwebhookconfigurations,mutatingwebhookconfigurations';

/** Everything in the cluster whose name is KubeArmor's, but definitions and what belongs to the page. */
async function leftovers(cluster: Hybrid): Promise<string> {
  const inSpaces = await cluster.must('get', OBJECTS, '-A', '-o', 'name');
  const wide = await cluster.must('get', WIDE, '-o', 'name');
  return `${inSpaces}${wide}`
    .split('\n')
    .filter((name) => /kubearmor|karmor/.test(name))
    .join(' ');
}

/** An installation goes: what is left of it anywhere. */
async function uninstall(terminal: Terminal, cluster: Hybrid, line: string): Promise<void> {
  terminal.claim(line.split(' -')[0] ?? line, (await terminal.type(line)).code === 0);
  terminal.claim('no object is left', await terminal.eventually(async () => (await leftovers(cluster)) === '', GONE_MS));
  terminal.claim('nor anything in the kernel', await terminal.eventually(async () => (await inKernel(cluster)) === '0 scopes, 0 images'));
}

/** The wiki's checks, with an installation in kube-system, where it looks. */
export async function playWiki(terminal: Terminal, cluster: Hybrid): Promise<void> {
  terminal.step('Out again, and into kube-system by karmor');
  await uninstall(terminal, cluster, 'helm uninstall kubearmor -n kubearmor');
  terminal.claim('karmor install', (await terminal.type(`karmor install -n ${SYSTEM}`)).code === 0);
  terminal.note('programs start under emulation: some minutes');
  await isReady(cluster, SYSTEM);
  await protect(terminal, cluster);
  await check(terminal);
  terminal.step('Out again');
  await terminal.type(`kubectl delete namespace ${SPACE}`);
  await uninstall(terminal, cluster, `karmor uninstall -n ${SYSTEM}`);
}

async function protect(terminal: Terminal, cluster: Hybrid): Promise<void> {
  terminal.step('The wiki’s basic policy');
  await cluster.must('create', 'namespace', SPACE);
  using pod = cluster.textFile(JSON.stringify(podObject(POD, { app: 'my-app' })));
  // Its service account may come a moment later.
  terminal.claim('a pod', await terminal.eventually(async () => (await cluster.kubectl('apply', '-n', SPACE, '-f', pod.path)).code === 0));
  await cluster.must('wait', '-n', SPACE, '--for=condition=Ready', '--timeout=170s', `pod/${POD}`);
  terminal.claim('it is taken', (await terminal.type(WIKI.apply)).code === 0);
  await cluster.kubectl('wait', '-n', SPACE, '--for=condition=Enforced', '--timeout=170s', `ksp/${POLICY}`);
  terminal.claim('Test Policy: the shell is refused', isRefused(await terminal.type(WIKI.test)));
}

async function check(terminal: Terminal): Promise<void> {
  terminal.step('The wiki’s checks');
  const pods = await terminal.type(WIKI.status.pods);
  terminal.claim(
    'the pods are there',
    /kubearmor-relay.*Running/.test(pods.output) && /^kubearmor-[^-]+-[^-]+-\w+ .*Running/m.test(pods.output),
  );
  const logs = await terminal.type(WIKI.status.logs);
  terminal.claim('their logs are', logs.code === 0 && logs.output !== '');
  terminal.claim('the policy is listed', new RegExp(`${SPACE} +${POLICY}`).test((await terminal.type(WIKI.policies)).output));
  terminal.claim('and described', /Type: +Enforced/.test((await terminal.type(WIKI.describe)).output));
  const blocked = async (): Promise<boolean> => new RegExp(`Blocked.*${POLICY}`).test((await terminal.type(WIKI.blocked)).output);
  terminal.claim('what was blocked is in them', await terminal.eventually(blocked));
}
