// SPDX-License-Identifier: Apache-2.0
import type { Container } from '../container.ts';

/** A container without a process. */
export function sampleContainer(over: Partial<Container> = {}): Container {
  return {
    key: 'default/web',
    id: 'web',
    runtimeNamespace: 'default',
    name: 'web',
    image: 'nginx',
    imageDigest: undefined,
    labels: {},
    pod: undefined,
    policyAnnotation: undefined,
    status: 'created',
    initPid: undefined,
    cgroupPath: undefined,
    cgroup: undefined,
    createdNs: 5n,
    mounts: [],
    ...over,
  };
}
