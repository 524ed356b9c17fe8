// SPDX-License-Identifier: Apache-2.0
import { cgroupPathOfSpec } from '#host';
import type { DeclaredMount } from '#host';
import type { PodIdentity } from './container.ts';

/** What we read of an OCI runtime specification. */
export interface SpecFacts {
  readonly cgroupPath: string | undefined;
  readonly mounts: readonly DeclaredMount[];
  readonly annotations: Readonly<Record<string, string>>;
}

const NO_FACTS: SpecFacts = { cgroupPath: undefined, mounts: [], annotations: {} };

/**
 * Reads a specification, as JSON in UTF-8. Whatever is not as it should be is left out: the container runs all the same.
 *
 * @source OCI runtime specification: config.md (mounts, annotations), config-linux.md (cgroupsPath)
 */
export function parseSpec(json: Uint8Array): SpecFacts {
  let spec: unknown;
  try {
    spec = JSON.parse(Buffer.from(json).toString('utf8'));
  } catch {
    return NO_FACTS;
  }
  if (!isRecord(spec)) return NO_FACTS;
  const linux = isRecord(spec['linux']) ? spec['linux'] : {};
  const mounts = Array.isArray(spec['mounts']) ? spec['mounts'] : [];
  const annotations = isRecord(spec['annotations']) ? spec['annotations'] : {};
  return {
    cgroupPath: typeof linux['cgroupsPath'] === 'string' ? cgroupPathOfSpec(linux['cgroupsPath']) : undefined,
    mounts: mounts.flatMap(parseMount),
    annotations: Object.fromEntries(Object.entries(annotations).filter((entry): entry is [string, string] => typeof entry[1] === 'string')),
  };
}

function parseMount(mount: unknown): DeclaredMount[] {
  if (!isRecord(mount) || typeof mount['destination'] !== 'string') return [];
  const options = Array.isArray(mount['options']) ? mount['options'] : [];
  const isBind = mount['type'] === 'bind' || options.includes('bind') || options.includes('rbind');
  const source = isBind && typeof mount['source'] === 'string' ? mount['source'] : undefined;
  return [{ destination: mount['destination'], source, readOnly: options.includes('ro') }];
}

/**
 * Which pod, from what containerd's Kubernetes side writes.
 *
 * Only in the namespace that kubelet uses: elsewhere an image's labels could pretend. Annotations first, as images cannot set them.
 *
 * @source containerd `pkg/cri/annotations` (`io.kubernetes.cri.*`); kubelet's labels `io.kubernetes.{pod,container}.*`
 */
export function podOf(
  id: string,
  runtimeNamespace: string,
  annotations: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): PodIdentity | undefined {
  if (runtimeNamespace !== 'k8s.io') return undefined;
  const read = (annotation: string, label: string): string => annotations[`io.kubernetes.cri.${annotation}`] ?? labels[label] ?? '';
  const kind = read('container-type', 'io.cri-containerd.kind');
  const podName = read('sandbox-name', 'io.kubernetes.pod.name');
  if (kind === '' && podName === '') return undefined;
  const isSandbox = kind === 'sandbox';
  return {
    namespace: read('sandbox-namespace', 'io.kubernetes.pod.namespace'),
    podName,
    podUid: read('sandbox-uid', 'io.kubernetes.pod.uid'),
    containerName: isSandbox ? '' : read('container-name', 'io.kubernetes.container.name'),
    sandboxId: isSandbox ? id : read('sandbox-id', ''),
    isSandbox,
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
