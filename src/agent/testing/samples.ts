// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { isAbsolute } from 'node:path';
import type { KernelEvent } from '#events';
import type { ContainerRoot } from '#host';
import { parsePolicyObject } from '#policy';
import type { Policy } from '#policy';
import type { BoundWorkload } from '#workloads';
import { withoutKubernetes } from '../policy-identity.ts';

/** A root where every path means itself. */
export const plainRoot = (): ContainerRoot => ({
  resolve: (path) => ({ names: [path], outcome: isAbsolute(path) ? 'file' : 'stopped' }),
  [Symbol.dispose]: () => {},
});

/** A policy as the RPC sends it. */
export const policyObject = (name: string, path: string, container = 'web'): object => ({
  metadata: { name },
  spec: { selector: { matchLabels: { 'kubearmor.io/container.name': container } }, process: { matchPaths: [{ path }] }, action: 'Block' },
});

export function policy(name: string, path = '/bin/sh', container = 'web'): Policy {
  const parsed = parsePolicyObject(policyObject(name, path, container), { kind: 'KubeArmorPolicy' });
  assert.ok(parsed.policy, JSON.stringify(parsed.issues));
  return withoutKubernetes(parsed.policy);
}

export function bound(name = 'web', over: Partial<BoundWorkload> = {}): BoundWorkload {
  const postures = { file: 'audit', network: 'audit', capabilities: 'audit' } as const;
  return {
    key: `default/${name}`,
    workload: {
      id: name,
      kind: 'container',
      namespace: 'container_namespace',
      podName: name,
      containerName: name,
      image: 'busybox',
      labels: { app: name },
      mode: 'enabled',
      postures,
    },
    cgroupId: 7n,
    cgroupPath: `/sys/fs/cgroup/${name}`,
    initPid: 7,
    rootPath: '/proc/7/root',
    hadStarted: false,
    isSandbox: false,
    createdNs: 5n,
    mounts: [],
    ...over,
  };
}

export const kernelEvent = (over: Partial<KernelEvent> = {}): KernelEvent => ({
  bootNs: 1_000_000_000n,
  scopeId: 1,
  imageId: 1,
  ruleId: 0,
  outcome: 'denied',
  hook: 'SECURITY_BPRM_CHECK',
  count: 1,
  hostPid: 100,
  hostPpid: 99,
  pid: 2,
  ppid: 1,
  uid: 0,
  tty: '',
  comm: 'x',
  cwd: '/',
  subject: '/bin/x',
  parent: '/bin/p',
  path: '/bin/sh',
  args: [],
  ...over,
});
