// SPDX-License-Identifier: Apache-2.0
// Helm judges the charts, without a cluster: tools/node --test test/helm/render.ts. What it renders is what the operator's table says.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { CONFIGS, readConfig } from '#cluster';
import type { ReadConfig } from '#cluster';
import { imagesOf, operatorObjects } from '#install';
import type { OperatorInstallation } from '#install';
import type { KubeObject } from '#k8s';
import { CHARTS } from '../../tools/release/charts.ts';
import { Helm } from './helm.ts';

const folder = mkdtempSync(join(tmpdir(), 'kubearmor-helm-'));
let helm: Helm;
before(async () => {
  helm = await Helm.open(folder);
  await helm.addRepo();
});
after(async () => {
  await helm[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const isHook = ({ metadata }: KubeObject): boolean => Object.hasOwn(metadata.annotations ?? {}, 'helm.sh/hook');

/** Without a cluster Helm takes one for as old as it was built against; this is the oldest that charts are for. */
const OLDEST = '--kube-version=1.26.0';
const template = (chart: string, from: string, words: readonly string[]): readonly string[] => [
  'template',
  chart,
  from,
  '--namespace=kube-system',
  OLDEST,
  ...words,
];

async function render(chart: string, ...words: readonly string[]): Promise<KubeObject[]> {
  return read(await helm.mustCall(...template(chart, `kubearmor/${chart}`, words)));
}

function read(text: string): KubeObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    assert.deepEqual(document.errors, []);
    const object = document.toJS() as KubeObject | null;
    return object === null ? [] : [object];
  });
}

/** What the chart says when it is installed: `helm template` leaves it out, so another template takes it in. */
async function notes(chart: string, ...words: readonly string[]): Promise<string> {
  const copy = mkdtempSync(join(folder, 'notes-'));
  cpSync(join(helm.charts, chart, chart), copy, { recursive: true });
  const data = '{{ include (print .Template.BasePath "/NOTES.txt") . | quote }}';
  writeFileSync(join(copy, 'templates/said.yaml'), `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: said }\ndata: { notes: ${data} }\n`);
  const found = read(await helm.mustCall(...template(chart, copy, words))).find(({ metadata }) => metadata.name === 'said');
  const { notes: said } = plain(found?.['data'] ?? {}) as { readonly notes?: string };
  return said ?? '';
}

/** The lines of the notes that name a value. */
const notTaken = async (chart: string, ...words: readonly string[]): Promise<string[]> =>
  (await notes(chart, ...words))
    .split('not taken.')[1]
    ?.match(/^ {2}\S+$/gm)
    ?.map((line) => line.trim()) ?? [];

async function refusal(chart: string, ...words: readonly string[]): Promise<string> {
  const { code, output } = await helm.call(...template(chart, `kubearmor/${chart}`, words));
  assert.notEqual(code, 0, output);
  return output;
}

const nameOf = ({ kind, metadata }: KubeObject): string => `${kind} ${metadata.name}`;
const sorted = (objects: readonly KubeObject[]): unknown => plain(objects.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)));

/** Without the fields that are empty: a template names each, a table leaves out what nobody set. */
const withoutEmpty = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, field: unknown) => (Array.isArray(field) && field.length === 0 ? undefined : field)));

function assertTable(objects: readonly KubeObject[], over: Partial<OperatorInstallation> = {}): void {
  const found = objects.filter((object) => object.kind !== CONFIGS.kind && !isHook(object));
  const wanted = operatorObjects({ namespace: 'kube-system', images: imagesOf(helm.version), ...over });
  assert.deepEqual(withoutEmpty(sorted(found)), withoutEmpty(sorted(wanted)));
}

/** The KubeArmorConfig of a chart, as the operator reads it: without a problem. */
function configOf(objects: readonly KubeObject[]): NonNullable<ReadConfig['config']> {
  const [found, ...more] = objects.filter(({ kind }) => kind === CONFIGS.kind);
  assert.deepEqual(more, []);
  assert.deepEqual([found?.metadata.name, found?.metadata.namespace], ['kubearmorconfig-default', 'kube-system']);
  const { config, issues } = readConfig(found);
  assert.deepEqual(issues, []);
  assert.ok(config);
  return config;
}

for (const { name } of CHARTS) {
  test(`${name}: helm lint finds nothing`, async () => {
    const said = await helm.mustCall('lint', '--strict', OLDEST, '--namespace=kube-system', join(helm.charts, name, name));
    assert.doesNotMatch(said, /\[(WARNING|ERROR)\]/);
  });

  test(`${name}: as it is, it brings the table's objects, and takes them out before Helm does`, async () => {
    const objects = await render(name);
    assertTable(objects);
    assert.deepEqual(objects.filter(isHook).map(nameOf), ['Job kubearmor-uninstall']);
  });

  test(`${name}: definitions come with --include-crds, once each`, async () => {
    const found = (await render(name, '--include-crds')).filter(({ kind }) => kind === 'CustomResourceDefinition').map(nameOf);
    assert.deepEqual([found.length, new Set(found).size], [6, 6]);
  });
}

test('kubearmor-operator: what KubeArmor’s users set: tolerations, selectors, pull secrets, images, resources’ place', async () => {
  const objects = await render(
    'kubearmor-operator',
    '--set=kubearmorOperator.image.repository=mirror.example:5000/k/operator',
    '--set=kubearmorOperator.image.tag=v9',
    '--set=kubearmorOperator.imagePullPolicy=Always',
    '--set=kubearmorOperator.tolerations[0].key=a,kubearmorOperator.tolerations[0].operator=Exists',
    '--set=kubearmorOperator.nodeSelector.zone=x',
    '--set=kubearmorOperator.args[0]=-debug',
    '--set=registry.secretName=mirror',
    '--set=kubearmor.repo=mirror.example:5000/k',
    '--set=kubearmor.images.kubearmor.tag=v8',
  );
  const at = (name: string, tag = `v${helm.version}`): string => `mirror.example:5000/k/${name}:${tag}`;
  assertTable(objects, {
    images: {
      operator: 'mirror.example:5000/k/operator:v9',
      agent: at('kubearmor', 'v8'),
      relay: at('kubearmor-relay-server'),
      controller: at('kubearmor-controller'),
    },
    imagePullPolicy: 'Always',
    imagePullSecrets: ['mirror'],
    tolerations: [{ key: 'a', operator: 'Exists' }],
    nodeSelector: { zone: 'x' },
    args: ['-debug'],
  });
});

test('kubearmor-operator: a KubeArmorConfig comes with autoDeploy alone, and says what kubearmorConfig says', async () => {
  assert.deepEqual(
    (await render('kubearmor-operator')).filter(({ kind }) => kind === CONFIGS.kind),
    [],
  );
  const config = configOf(
    await render(
      'kubearmor-operator',
      '--set=autoDeploy=true',
      '--set=kubearmorConfig.defaultFilePosture=block',
      '--set=kubearmorConfig.defaultVisibility=process\\,network',
      '--set=kubearmorConfig.alertThrottling=true,kubearmorConfig.maxAlertPerSec=10,kubearmorConfig.throttleSec=30',
      '--set=kubearmorConfig.globalTolerations[0].operator=Exists',
      '--set=kubearmorConfig.kubearmorImage.image=mirror.example/agent:1',
    ),
  );
  assert.deepEqual([config.postures.file, config.visibility, config.throttling.enabled], ['block', 'process,network', true]);
  assert.deepEqual(plain(config.global.tolerations), [{ operator: 'Exists' }]);
  assert.equal(config.components.agent.image, 'mirror.example/agent:1');
});

test('kubearmor: values of KubeArmor’s chart become a KubeArmorConfig, and kubearmorConfig counts first', async () => {
  const plainConfig = configOf(await render('kubearmor'));
  assert.deepEqual(
    [plainConfig.postures.file, plainConfig.visibility, plainConfig.components.agent.image],
    ['audit', 'process,network', undefined],
  );
  const config = configOf(
    await render(
      'kubearmor',
      '--set=kubearmor.image.repository=mirror.example/agent,kubearmor.image.tag=stable,kubearmor.imagePullPolicy=Always',
      '--set=kubearmor.tolerations[0].operator=Exists',
      '--set=kubearmor.args[0]=-enableKubeArmorHostPolicy',
      '--set=kubearmorRelay.enableStdoutAlerts=true',
      '--set=kubearmorConfigMap.defaultNetworkPosture=block,kubearmorConfigMap.visibility=file',
      '--set=registry.secretName=mirror',
      '--set=kubearmorConfig.defaultVisibility=none',
    ),
  );
  const { agent } = config.components;
  assert.deepEqual(
    [agent.image, agent.imagePullPolicy, agent.args],
    ['mirror.example/agent:stable', 'Always', ['-enableKubeArmorHostPolicy']],
  );
  assert.deepEqual(plain(agent.tolerations), [{ operator: 'Exists' }]);
  assert.deepEqual([config.postures.network, config.visibility, config.printed.alerts], ['block', 'none', true]);
  assert.deepEqual(config.global.imagePullSecrets, ['mirror']);
});

test('kubearmor-operator: a socket that is named is the operator’s, within its rights, and that of what takes it out', async () => {
  const socket = '/run/mine/containerd.sock';
  const objects = await render(
    'kubearmor-operator',
    `--set=kubearmorOperator.socketFile=${socket}`,
    '--set=kubearmorOperator.args[0]=-debug',
  );
  assertTable(objects, { socket, args: ['-debug'] });
  assert.match(JSON.stringify(objects.find(isHook)), /"args":\["-socket-file=\/run\/mine\/containerd.sock","-uninstall"\]/);
});

for (const { name } of CHARTS)
  test(`${name}: every value that is given and not taken is named`, async () => {
    assert.deepEqual(await notTaken(name), []);
    const given = [
      'kubearmorOperator.annotateExisting=true',
      'kubearmorOperator.enableOCIHooks=true',
      'kubearmorOperator.podLabels.team=a',
      'kubearmorOperator.image.imagePullSecrets[0].name=x',
      'kubearmorOperator.nodeSelector.zone=x',
      'kubearmorOperator.resources.limits.memory=1Gi',
      'imagePinning=true',
      'kubearmor.images.kubearmorInit.tag=v9',
      'kubearmorConfig.globalNodeSelector.zone=x',
      'kubearmorConfig.tls.extraDnsNames[0]=relay.example',
      'global.any=1',
    ];
    assert.deepEqual(await notTaken(name, ...given.map((one) => `--set=${one}`)), [
      'imagePinning',
      'kubearmor.images.kubearmorInit.tag',
      'kubearmorOperator.annotateExisting',
      'kubearmorOperator.enableOCIHooks',
      'kubearmorOperator.image.imagePullSecrets',
      'kubearmorOperator.podLabels.team',
    ]);
  });

test('kubearmor: of its own maps too', async () => {
  const given = [
    'kubearmorConfigMap.matchArgs=false',
    'kubearmorConfigMap.maxAlertPerSec=50',
    'kubearmorRelay.enabled=false',
    'environment.name=k3s',
  ];
  assert.deepEqual(await notTaken('kubearmor', ...given.map((one) => `--set=${one}`)), [
    'environment.name',
    'kubearmorConfigMap.matchArgs',
    'kubearmorRelay.enabled',
  ]);
});

test('a value whose loss would protect less is refused, all of them at once', async () => {
  const told = await refusal(
    'kubearmor',
    '--set=kubearmorConfig.defaultFilePostrue=block',
    '--set=kubearmorConfigMap.hostDefaultFilePosture=block',
    '--set=kubearmorOperator.args[0]=-socket-file=/run/x.sock',
  );
  assert.match(
    told,
    /nothing is installed: kubearmorConfig\.defaultFilePostrue: .*; kubearmorConfigMap\.hostDefaultFilePosture: .*; kubearmorOperator\.args: /,
  );
  assert.match(await refusal('kubearmor-operator', '--set=kubearmorConfig.tls.enabel=true'), /kubearmorConfig\.tls\.enabel/);
  await render('kubearmor', '--set=kubearmorConfigMap.hostDefaultFilePosture=audit');
});
