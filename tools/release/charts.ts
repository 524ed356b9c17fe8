// SPDX-License-Identifier: Apache-2.0
// Charts and the manifest, from the table of src/install: what they bring into a cluster is written nowhere else.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { definitions, imagesOf, kindOf, operatorObjects, shapeOfSocket } from '#install';
import type { Images } from '#install';
import type { KubeObject } from '#k8s';
import { knownValues } from './chart-values.ts';
import type { Entry } from './tree.ts';

export interface Chart {
  readonly name: 'kubearmor' | 'kubearmor-operator';
  readonly what: string;
  /** Of deploy/chart. */
  readonly values: string;
  readonly config: string;
}

export const CHARTS: readonly Chart[] = [
  {
    name: 'kubearmor-operator',
    what: 'The operator of KubeArmor: it installs what a KubeArmorConfig asks for',
    values: 'values-operator.yaml',
    config: 'config.yaml',
  },
  { name: 'kubearmor', what: 'KubeArmor, by its operator', values: 'values-kubearmor.yaml', config: 'config-of-values.yaml' },
];

const yaml = (object: unknown): string => stringify(object, { aliasDuplicateObjects: false, lineWidth: 140 });
const NOTICE = '# SPDX-License-Identifier: Apache-2.0\n# Generated from src/install; do not edit.\n';

/** Stands for a value until the text is there; no object has such a word. */
const mark = (name: string): string => `zz-${name}-zz`;

const imageOf = (name: string): string => `{{ include "kubearmor.image" (dict "root" . "of" .Values.kubearmor.images.${name}) | quote }}`;

const SHAPE = shapeOfSocket(mark('socket')).name;

/** What stands for each mark in a template. */
const TEMPLATES: readonly (readonly [mark: string | RegExp, template: string | ((found: string) => string)])[] = [
  [mark('namespace'), '{{ .Release.Namespace }}'],
  [mark('operator'), '{{ include "kubearmor.operatorImage" . | quote }}'],
  [mark('agent'), imageOf('kubearmor')],
  [mark('relay'), imageOf('kubearmorRelay')],
  [mark('controller'), imageOf('kubearmorController')],
  [/imagePullPolicy: IfNotPresent/, 'imagePullPolicy: {{ .Values.kubearmorOperator.imagePullPolicy }}'],
  [
    /args:\n\s+- -socket-file=zz-socket-zz\n\s+- zz-args-zz/,
    'args: {{ include "kubearmor.operatorArgs" (dict "root" . "args" .Values.kubearmorOperator.args) }}',
  ],
  [
    new RegExp(`\\n\\s+- ${SHAPE}\\n\\s+- ${SHAPE}-remove`),
    (found) => `{{- with .Values.kubearmorOperator.socketFile }}${found.replaceAll(SHAPE, '{{ include "kubearmor.shape" . }}')}{{ end }}`,
  ],
  [
    /nodeSelector:\n\s+kubernetes.io\/os: linux/,
    'nodeSelector: {{ toJson (mergeOverwrite (dict "kubernetes.io/os" "linux") (deepCopy .Values.kubearmorOperator.nodeSelector)) }}',
  ],
  [/tolerations:\n\s+- key: zz-tolerations-zz/, 'tolerations: {{ toJson .Values.kubearmorOperator.tolerations }}'],
  [
    /imagePullSecrets:\n\s+- name: zz-secret-zz/,
    'imagePullSecrets: {{ with .Values.registry.secretName }}[{ name: {{ . | quote }} }]{{ else }}[]{{ end }}',
  ],
  [/resources:\n\s+requests:\n\s+cpu: 10m\n\s+memory: 96Mi/, 'resources: {{ toJson .Values.kubearmorOperator.resources }}'],
];

/** @throws {Error} where the table has no such place any more */
function operatorTemplate(): string {
  const images: Images = { agent: mark('agent'), relay: mark('relay'), controller: mark('controller'), operator: mark('operator') };
  const objects = operatorObjects({
    namespace: mark('namespace'),
    images,
    args: [mark('args')],
    imagePullSecrets: [mark('secret')],
    tolerations: [{ key: mark('tolerations') }],
    socket: mark('socket'),
  });
  let text = NOTICE + objects.map((object) => `---\n${yaml(object)}`).join('');
  for (const [what, template] of TEMPLATES) {
    const written = text.replaceAll(typeof what === 'string' ? what : new RegExp(what, 'g'), (found) =>
      typeof template === 'string' ? template : template(found),
    );
    if (written === text) throw new Error(`charts: nothing in the table stands for ${String(what)}`);
    text = written;
  }
  return text;
}

/** The files of a chart, below a folder of its name. */
export function chartFiles({ name, what, values, config }: Chart, version: string, root: string): Entry[] {
  const own = (file: string): string => readFileSync(join(root, 'deploy/chart', file), 'utf8');
  const head = { apiVersion: 'v2', name, description: what, type: 'application', version, appVersion: version, kubeVersion: '>=1.26.0-0' };
  const files: readonly (readonly [path: string, text: string])[] = [
    ['Chart.yaml', yaml(head)],
    ['values.yaml', own(values)],
    ...definitions().map((one): [string, string] => [`crds/${one.metadata.name}.yaml`, NOTICE + yaml(one)]),
    ['templates/_names.tpl', own('_names.tpl')],
    ['templates/_known.tpl', `{{- define "kubearmor.known" }}${JSON.stringify(knownValues(own(values)))}{{ end }}\n`],
    ['templates/NOTES.txt', own('NOTES.txt')],
    ['templates/refused.yaml', own('refused.yaml')],
    ['templates/operator.yaml', operatorTemplate()],
    ['templates/config.yaml', own(config)],
    ['templates/uninstall.yaml', own('uninstall.yaml')],
  ];
  return files.map(([path, text]) => ({ path: `${name}/${path}`, text }));
}

/** A chart as the index names it. */
export interface PackedChart {
  readonly chart: Chart;
  readonly file: string;
  readonly sha256: string;
}

/** `index.yaml` of the folder that the packed charts are in: addresses are relative to it. @param created RFC 3339 */
export function indexText(packed: readonly PackedChart[], version: string, created: string): string {
  const entries = Object.fromEntries(
    packed.map(({ chart: { name, what }, file, sha256 }) => [
      name,
      [
        {
          apiVersion: 'v2',
          name,
          description: what,
          type: 'application',
          version,
          appVersion: version,
          created,
          digest: sha256,
          urls: [file],
        },
      ],
    ]),
  );
  return yaml({ apiVersion: 'v1', entries, generated: created });
}

/** Everything that brings the operator into a cluster, for `kubectl apply`; a KubeArmorConfig comes after it. */
export function manifestText(version: string, namespace = 'kubearmor'): string {
  // The server's own label is named: an apply that does not name it takes it off, and the server puts it back.
  const labels = { 'kubernetes.io/metadata.name': namespace };
  const space: KubeObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } };
  const objects = [space, ...definitions(), ...operatorObjects({ namespace, images: imagesOf(version) })];
  for (const object of objects) kindOf(object);
  return NOTICE + objects.map((object) => `---\n${yaml(object)}`).join('');
}

/** The KubeArmorConfig that asks for everything as it is by itself. */
export const sampleConfigText = (namespace = 'kubearmor'): string =>
  `${NOTICE}${yaml({
    apiVersion: 'operator.kubearmor.com/v1',
    kind: 'KubeArmorConfig',
    metadata: { name: 'kubearmorconfig-default', namespace },
    spec: {},
  })}`;
