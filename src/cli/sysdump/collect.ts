// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError, VERSION_TEXT } from '#base';
import { CONFIGS, CORE, LABELS, NODE_REPORTS, POLICY_KINDS, WEBHOOK_CONFIGURATIONS } from '#cluster';
import type { Kind, KubeObject, Selection } from '#k8s';
import type { ClusterPort } from '../cluster/cluster-port.ts';
import { componentPods } from '../cluster/installation.ts';
import type { ComponentPod } from '../cluster/installation.ts';
import { listKnown } from '../cluster/live-policies.ts';
import { clusterText } from '../cluster/probe-cluster-text.ts';
import { probeCluster } from '../cluster/probe-cluster.ts';
import { splitByDepth, TOO_DEEP } from '../cluster/too-deep.ts';
import type { Io } from '../io.ts';
import { renderText } from '../text.ts';
import { Redactor } from './redact.ts';
import type { ZipFile } from './zip.ts';

const APPS = { group: 'apps', version: 'v1', namespaced: true } as const;
const LOG_LIMITS = { tailLines: 10_000, limitBytes: 4 * 1024 * 1024 } as const;

/** What is asked for. */
export interface DumpRequest {
  readonly namespace: string;
  /** Also every pod of the cluster. */
  readonly allPods: boolean;
}

export interface Dump {
  readonly files: readonly ZipFile[];
  /** What could not be read, and why. */
  readonly problems: readonly string[];
  readonly redacted: number;
}

/** Lists by the name of their file. */
const lists = ({ namespace, allPods }: DumpRequest): readonly (readonly [file: string, kind: Kind, selection: Selection])[] => [
  ['nodes', CORE.nodes, {}],
  ['kubearmornodes', NODE_REPORTS, {}],
  ['kubearmorconfigs', CONFIGS, { managedFields: true }],
  ...Object.values(POLICY_KINDS).map((kind) => [kind.plural, kind, { managedFields: true }] as const),
  ['webhooks', WEBHOOK_CONFIGURATIONS, { labelSelector: LABELS.app }],
  ['kubearmor/pods', CORE.pods, { namespace, labelSelector: LABELS.app }],
  ['kubearmor/daemonsets', { ...APPS, kind: 'DaemonSet', plural: 'daemonsets' }, { namespace }],
  ['kubearmor/deployments', { ...APPS, kind: 'Deployment', plural: 'deployments' }, { namespace }],
  ['kubearmor/configmaps', CORE.configMaps, { namespace }],
  ['kubearmor/secrets', CORE.secrets, { namespace }],
  ['kubearmor/leases', CORE.leases, { namespace }],
  ['kubearmor/events', CORE.events, { namespace }],
  ...(allPods ? [['all-pods', CORE.pods, {}] as const] : []),
];

/**
 * Reads what helps to find out why something does not work; what this user may not read is noted, and the rest is taken.
 *
 * @throws {KubeArmorError} where the API server is away
 */
export async function collect(cluster: ClusterPort, request: DumpRequest, io: Io): Promise<Dump> {
  const redactor = new Redactor();
  const files: ZipFile[] = [];
  const problems: string[] = [];
  const add = (name: string, text: string): void => void files.push({ name, content: Buffer.from(text) });
  const tried = async (what: string, read: () => Promise<void>): Promise<void> => {
    try {
      await read();
    } catch (error) {
      if (!(error instanceof KubeArmorError) || (error.code === 'API_UNREACHABLE' && error.context['status'] === undefined)) throw error;
      problems.push(`${what}: ${redactor.text(error.message)}`);
    }
  };
  for (const [file, kind, selection] of lists(request)) {
    await tried(file, async () => {
      const found = await listKnown(cluster.api, kind, selection, io.signal);
      if (found === undefined) problems.push(`${file}: the cluster does not know ${kind.kind}`);
      else {
        const { flat, deep } = splitByDepth(found);
        problems.push(...deep.map((name) => `${file}: ${name} is ${TOO_DEEP}`));
        add(`${file}.json`, listText(kind, flat, redactor));
      }
    });
  }
  await tried('probe', async () => {
    const report = await probeCluster(cluster, request.namespace, io);
    add(
      'probe.txt',
      clusterText(report, true)
        .map((line) => redactor.text(renderText(line, false)))
        .join('\n'),
    );
  });
  await tried('logs', async () => {
    for (const pod of await componentPods(cluster, request.namespace, io.signal))
      await addLogs(pod, { cluster, io, redactor, add, problems });
  });
  add('version.txt', `karmor ${VERSION_TEXT}\n`);
  add('manifest.json', manifestText({ files, problems, redactor, request, io }));
  return { files, problems, redacted: redactor.count };
}

function listText(kind: Kind, found: readonly KubeObject[], redactor: Redactor): string {
  const items = found.map((object) => redactor.object({ ...object, kind: kind.kind }));
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, undefined, 2);
}

interface LogParts {
  readonly cluster: ClusterPort;
  readonly io: Io;
  readonly redactor: Redactor;
  readonly add: (name: string, text: string) => void;
  readonly problems: string[];
}

/** Of each container, and of the one before it if it was started anew. */
async function addLogs(pod: ComponentPod, { cluster, io, redactor, add, problems }: LogParts): Promise<void> {
  const logs = pod.containers.flatMap(({ name }) => [false, true].map((previous) => ({ container: name, previous })));
  for (const { container, previous } of logs) {
    const file = `kubearmor/logs/${pod.name}/${container}${previous ? '.previous' : ''}.log`;
    try {
      add(file, redactor.text(await cluster.pods.logs(pod, { container, previous, ...LOG_LIMITS }, io.signal)));
    } catch (error) {
      if (!(error instanceof KubeArmorError)) throw error;
      // most containers were never started anew
      if (!previous) problems.push(`${file}: ${redactor.text(error.message)}`);
    }
  }
}

interface ManifestParts {
  readonly files: readonly ZipFile[];
  readonly problems: readonly string[];
  readonly redactor: Redactor;
  readonly request: DumpRequest;
  readonly io: Io;
}

function manifestText({ files, problems, redactor, request, io }: ManifestParts): string {
  return JSON.stringify(
    {
      schemaVersion: 1,
      made: new Date(io.wallMs()).toISOString(),
      by: `karmor ${VERSION_TEXT}`,
      ...request,
      files: files.map(({ name, content }) => ({ name, bytes: content.length })),
      notRead: problems,
      redacted: redactor.count,
    },
    undefined,
    2,
  );
}
