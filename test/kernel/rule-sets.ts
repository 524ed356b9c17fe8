// SPDX-License-Identifier: Apache-2.0
import { parseGlob } from '#automaton';
import { formatIssue } from '#base';
import { openContainerRoot } from '#host';
import type { ContainerRoot, DeclaredMount } from '#host';
import { compile, parsePolicyText, selects } from '#policy';
import type { PathObject, PathResolver, Policy, Postures, ResolvedName, RuleSet, Workload } from '#policy';
import { hostWorkload } from '#workloads';
import type { KernelCase } from './case.ts';

function document(text: string, name: string, host: boolean): string {
  if (/^apiVersion:/m.test(text)) return text;
  const body = text.trim().split('\n');
  if (host) {
    const head = ['apiVersion: security.kubearmor.com/v1', 'kind: KubeArmorHostPolicy', `metadata: { name: ${name} }`];
    return [...head, 'spec:', "  nodeSelector: { matchLabels: { kubernetes.io/hostname: '*' } }", ...body.map((line) => `  ${line}`)].join(
      '\n',
    );
  }
  const head = ['apiVersion: security.kubearmor.com/v1', 'kind: KubeArmorPolicy', `metadata: { name: ${name}, namespace: default }`];
  return [...head, 'spec:', '  selector: { matchLabels: { app: web } }', ...body.map((line) => `  ${line}`)].join('\n');
}

/** Policies of documents, or of what stands below `spec`, named by their place behind `prefix`. */
export function policiesOf(texts: readonly string[], prefix: string, host = false): Policy[] {
  return texts.flatMap((text, index) =>
    parsePolicyText(document(text, `${prefix}${index}`, host), `policy ${index}`).map(({ policy, issues }) => {
      if (policy === undefined) throw new Error(`a policy is refused: ${issues.map(formatIssue).join('; ')}`);
      return policy;
    }),
  );
}

const ALL = (posture: Postures['file']): Postures => ({ file: posture, network: posture, capabilities: posture });

/** The workload that a case is about. */
export function workloadOf(test: KernelCase): Workload {
  const posture = test.posture ?? 'audit';
  const postures = typeof posture === 'string' ? ALL(posture) : { ...ALL('audit'), ...posture };
  if (test.host === true) return { ...hostWorkload('node', {}, postures), mode: test.mode ?? 'enabled' };
  return {
    id: test.name,
    kind: 'container',
    namespace: test.namespace ?? 'default',
    podName: 'pod',
    containerName: 'main',
    image: 'registry/case:1',
    labels: { app: 'web', ...test.labels },
    mode: test.mode ?? 'enabled',
    postures,
  };
}

const path = (name: string, applet?: string): ResolvedName => ({ object: { kind: 'path', path: name }, applet });

function pathNames(root: ContainerRoot, written: string, role: 'exec' | 'file' | 'subject'): ResolvedName[] {
  const { names, multicall } = root.resolve(written);
  if (multicall === undefined || role !== 'exec') return names.map((name) => path(name));
  return [path(written), path(multicall.binary, multicall.applet)];
}

function globNames(root: ContainerRoot, glob: string): PathObject[] {
  const { prefix } = parseGlob(glob);
  const cut = prefix.lastIndexOf('/');
  if (cut <= 0) return [{ kind: 'glob', glob }];
  return root.resolve(prefix.slice(0, cut)).names.map((name) => ({ kind: 'glob', glob: name + glob.slice(cut) }));
}

/** Rule paths as they are in a root. */
export function resolverOf(root: ContainerRoot): PathResolver {
  return (object, role) => {
    switch (object.kind) {
      case 'path':
        return pathNames(root, object.path, role);
      case 'dir':
        return root.resolve(object.dir).names.map((dir) => ({ object: { ...object, dir } }));
      case 'glob':
        return globNames(root, object.glob).map((found) => ({ object: found }));
      case 'execname':
        return [{ object }];
    }
  };
}

/**
 * The rule sets of a case: the first one, and those of its swaps.
 *
 * @param mounts what `cell` binds into the root
 */
export function ruleSetsOf(test: KernelCase, root: string, mounts: readonly DeclaredMount[]): (RuleSet | undefined)[] {
  const workload = workloadOf(test);
  using opened = openContainerRoot(root, { mounts });
  return [test.policies, ...(test.swaps ?? [])].map((texts, index) => {
    const policies = policiesOf(texts, index === 0 ? 'p' : `s${index}p`, test.host === true).filter((policy) => selects(policy, workload));
    if (policies.length === 0) return undefined;
    const set = compile(policies, workload, resolverOf(opened));
    if ('exceeded' in set) throw new Error(`beyond the limit of ${set.limit} ${set.exceeded}`);
    if (set.notEnforced.length > 0)
      throw new Error(`not enforced: ${set.notEnforced.map(({ rule, reason }) => `${rule.field}: ${reason}`).join('; ')}`);
    return set;
  });
}
