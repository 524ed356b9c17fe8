// SPDX-License-Identifier: Apache-2.0
import { gunzipSync } from 'node:zlib';
import { fieldOf, fieldsOf, readConfig, textOf } from '#cluster';
import type { KubeObject } from '#k8s';

/** A release of one of KubeArmor's charts, as Helm keeps it: what its user set, by name; values may be secrets and are not told. */
export interface HelmRelease {
  readonly name: string;
  readonly chart: ChartName;
  readonly version: string;
  /** Names of values that our chart of that name takes as they are. */
  readonly taken: readonly string[];
  readonly notTaken: readonly { readonly value: string; readonly why: string }[];
}

export type ChartName = 'kubearmor' | 'kubearmor-operator';

/** A Secret has at most 1 MiB. @source Kubernetes, “Secrets”; Helm 3, pkg/storage/driver/util.go */
const ENCODED_MAX = 4 * 2 ** 20;
/** A record has the chart's files too; KubeArmor's have some 200 KiB. */
const RECORD_MAX_BYTES = 32 * 2 ** 20;
const LEAVES_MAX = 500;
const DEPTH_MAX = 8;
const NAME_MAX = 120;

const COMMON = [
  'kubearmorConfig',
  'registry.secretName',
  'kubearmor.repo',
  ...['kubearmor', 'kubearmorRelay', 'kubearmorController'].flatMap((name) =>
    ['image', 'tag'].map((part) => `kubearmor.images.${name}.${part}`),
  ),
  'kubearmorOperator.image.repository',
  'kubearmorOperator.image.tag',
  ...['imagePullPolicy', 'args', 'socketFile', 'nodeSelector', 'tolerations', 'resources'].map((name) => `kubearmorOperator.${name}`),
];
const component = (name: string): string[] =>
  ['image.repository', 'image.tag', 'imagePullPolicy', 'args', 'tolerations'].map((field) => `${name}.${field}`);

/** What our charts take; a test compares it with the charts. What is below one of these is taken with it. */
export const TAKEN_VALUES: { readonly [C in ChartName]: readonly string[] } = {
  'kubearmor-operator': ['autoDeploy', ...COMMON],
  kubearmor: [
    ...COMMON,
    ...['kubearmor', 'kubearmorRelay', 'kubearmorController'].flatMap(component),
    ...['enableStdoutLogs', 'enableStdoutAlerts', 'enableStdoutMsg', 'tls.extraDnsNames', 'tls.extraIpAddresses'].map(
      (name) => `kubearmorRelay.${name}`,
    ),
    ...[
      'defaultFilePosture',
      'defaultNetworkPosture',
      'defaultCapabilitiesPosture',
      'visibility',
      'alertThrottling',
      'maxAlertPerSec',
      'throttleSec',
      'dropResourceFromProcessLogs',
    ].map((name) => `kubearmorConfigMap.${name}`),
  ],
};

const NOT_NEEDED = 'nothing here needs it';
/** Why some are not; the longest that fits counts. @source reference: KubeArmor's Kubernetes part, sections 6.1 and 6.2 */
const REASONS: Readonly<Record<string, string>> = {
  environment: 'the operator sees on each node what it chose',
  'tls.enabled': 'ports are always served with TLS',
  tlsSecrets: 'names of Secrets are fixed',
  imagePinning: 'images are always those of the release, unless they are named',
  kubearmorInit: 'agents have no init container',
  'kubearmor.images.kubearmorInit': 'agents have no init container',
  'kubearmor.images.kubearmorSnitch': 'no job looks at nodes',
  'kubearmor.images.kubearmorOperator': 'use kubearmorOperator.image',
  kubeRbacProxy: NOT_NEEDED,
  gkeAllowlistVersion: NOT_NEEDED,
  'kubearmorOperator.enableOCIHooks': 'containers wait at their start without a hook',
  'kubearmorOperator.annotateResource': 'no workload is annotated',
  'kubearmorOperator.annotateExisting': 'no workload is annotated or started anew',
  'kubearmorController.replicas': 'there are always two',
  'kubearmorController.mutation': 'no pod is changed',
  'kubearmorConfigMap.matchArgs': 'no rule looks at arguments yet',
  kubearmorConfigMap: 'set it in the ConfigMap kubearmor-config after installing',
};

const isAtOrBelow = (value: string, path: string): boolean => value === path || value.startsWith(`${path}.`);
const whyNot = (value: string): string => {
  const [best] = Object.keys(REASONS)
    .filter((path) => isAtOrBelow(value, path))
    .toSorted((a, b) => b.length - a.length);
  return (best === undefined ? undefined : REASONS[best]) ?? 'our chart has no such value';
};

/**
 * Reads Helm's record of a release. It is what a user with the right to write Secrets put there: nothing of it is trusted, and its size
 * is bounded.
 *
 * @returns undefined for the record of another chart; a text where it cannot be read
 */
export function readHelmRelease(secret: KubeObject): HelmRelease | string | undefined {
  const record = decode(textOf(secret['data'], 'release') ?? '');
  if (typeof record === 'string') return `the Secret ${secret.metadata.namespace}/${secret.metadata.name}: ${record}`;
  const about = fieldOf(fieldOf(record, 'chart'), 'metadata');
  const chart = textOf(about, 'name');
  if (chart !== 'kubearmor' && chart !== 'kubearmor-operator') return undefined;
  const values = leavesOf(fieldOf(record, 'config'), '', 0);
  const taken = values.filter((value) => TAKEN_VALUES[chart].some((path) => isAtOrBelow(value, path)));
  const others = values.filter((value) => !taken.includes(value)).map((value) => ({ value, why: whyNot(value) }));
  const { issues } = readConfig({ spec: fieldOf(fieldOf(record, 'config'), 'kubearmorConfig') ?? {} });
  const refused = issues.map(({ at, problem }) => ({ value: `kubearmorConfig: ${at}`, why: problem }));
  const name = (textOf(record, 'name') ?? '').slice(0, NAME_MAX);
  return { name, chart, version: (textOf(about, 'version') ?? '').slice(0, NAME_MAX), taken, notTaken: [...others, ...refused] };
}

function decode(encoded: string): object | string {
  if (encoded === '') return 'it has no release';
  if (encoded.length > ENCODED_MAX) return `it is over ${ENCODED_MAX} bytes`;
  const outer = Buffer.from(encoded, 'base64').toString('latin1');
  const packed = Buffer.from(outer, 'base64');
  try {
    const text = packed[0] === 0x1f && packed[1] === 0x8b ? gunzipSync(packed, { maxOutputLength: RECORD_MAX_BYTES }) : packed;
    return fieldsOf(JSON.parse(text.toString('utf8')));
  } catch {
    return `it is no record of Helm’s (base64 of gzip of JSON, ${RECORD_MAX_BYTES / 2 ** 20} MiB at most)`;
  }
}

/** Names of what was set, as `a.b.c`; lists and what is below the last depth are one. */
function leavesOf(value: unknown, path: string, depth: number): string[] {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
  const entries = isMap && depth < DEPTH_MAX ? Object.entries(value) : [];
  if (entries.length === 0) return path === '' || isMap ? [] : [path.slice(0, NAME_MAX)];
  const found: string[] = [];
  for (const [key, below] of entries) {
    if (found.length >= LEAVES_MAX) break;
    found.push(...leavesOf(below, path === '' ? key : `${path}.${key}`, depth + 1));
  }
  return found.slice(0, LEAVES_MAX);
}
