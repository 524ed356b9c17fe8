// SPDX-License-Identifier: Apache-2.0
import { CONFIG_STATUS_SHAPE, CONFIGS, NODE_REPORT_SHAPE, NODE_REPORTS, POLICY_KINDS, POLICY_STATUS_SHAPE, readConfigSpec } from '#cluster';
import type { Kind, KubeObject } from '#k8s';
import { SPEC_SHAPES } from '#policy';
import type { PolicyKind, Shape } from '#policy';
import { schemaOf } from './definition-schema.ts';
import type { Schema } from './definition-schema.ts';

/** @source Kubernetes apiextensions.k8s.io/v1, CustomResourceColumnDefinition; from priority 1 on only with `-o wide` */
interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  readonly priority?: number;
}

interface Definition {
  readonly kind: Kind & { readonly short?: string };
  readonly doc: string;
  readonly spec?: Shape;
  readonly status: Shape;
  readonly columns: readonly Column[];
}

const AGE: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
const WIDE = { priority: 10 } as const;

/** What each kind is for, and where its selector stands. */
const POLICIES: { readonly [K in PolicyKind]: { readonly doc: string; readonly selector: string } } = {
  KubeArmorPolicy: {
    doc: 'What containers of pods in its namespace may do.',
    selector: '.spec.selector.matchLabels',
  },
  KubeArmorClusterPolicy: {
    doc: 'What containers of pods in all, or some, namespaces may do.',
    selector: '.spec.selector.matchExpressions',
  },
  KubeArmorHostPolicy: {
    doc: 'What tasks of nodes may do, outside containers.',
    selector: '.spec.nodeSelector.matchLabels',
  },
  KubeArmorNetworkPolicy: {
    doc: 'Which traffic nodes or pods may have.',
    selector: '.spec.nodeSelector.matchLabels',
  },
};

function policy(kind: PolicyKind): Definition {
  const { doc, selector } = POLICIES[kind];
  const enforced = '.status.conditions[?(@.type=="Enforced")]';
  return {
    kind: POLICY_KINDS[kind],
    doc,
    spec: { ...SPEC_SHAPES[kind], doc: 'The rules, and whom they are for.' },
    status: POLICY_STATUS_SHAPE,
    columns: [
      { name: 'Enforced', type: 'string', jsonPath: `${enforced}.status` },
      { name: 'Workloads', type: 'integer', jsonPath: '.status.workloads' },
      { name: 'Nodes', type: 'integer', jsonPath: '.status.nodes' },
      AGE,
      { name: 'Action', type: 'string', jsonPath: '.spec.action', ...WIDE },
      { name: 'Selector', type: 'string', jsonPath: selector, ...WIDE },
      { name: 'Enforced-Nodes', type: 'integer', jsonPath: '.status.enforcedNodes', ...WIDE },
      { name: 'Reason', type: 'string', jsonPath: `${enforced}.reason`, ...WIDE },
    ],
  };
}

const NODE: Definition = {
  kind: NODE_REPORTS,
  doc: 'A node, what it can enforce, and what came of each policy there.',
  status: NODE_REPORT_SHAPE,
  columns: [
    { name: 'Enforcer', type: 'string', jsonPath: '.status.node.enforcer' },
    { name: 'State', type: 'string', jsonPath: '.status.state' },
    { name: 'Kernel', type: 'string', jsonPath: '.status.node.kernel' },
    AGE,
    { name: 'Runtime', type: 'string', jsonPath: '.status.node.runtime', ...WIDE },
    { name: 'Agent', type: 'string', jsonPath: '.status.agent.version', ...WIDE },
    { name: 'Proven', type: 'string', jsonPath: '.status.proof.since', ...WIDE },
  ],
};

const CONFIG: Definition = {
  kind: CONFIGS,
  doc: 'What the operator installs.',
  spec: { ...readConfigSpec.shape, doc: 'Every field may be left out.' },
  status: CONFIG_STATUS_SHAPE,
  columns: [{ name: 'Status', type: 'string', jsonPath: '.status.phase' }, AGE],
};

function rootSchema({ doc, spec, status }: Definition): Schema {
  return {
    description: doc,
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
    properties: {
      apiVersion: { type: 'string', description: 'Group and version of the kind.' },
      kind: { type: 'string', description: 'Name of the kind.' },
      metadata: { type: 'object' },
      ...(spec === undefined ? {} : { spec: schemaOf(spec) }),
      status: schemaOf(status),
    },
  };
}

function render(definition: Definition): KubeObject {
  const { kind, columns } = definition;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind.plural}.${kind.group}` },
    spec: {
      group: kind.group,
      scope: kind.namespaced ? 'Namespaced' : 'Cluster',
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.kind.toLowerCase(),
        ...(kind.short === undefined ? {} : { shortNames: [kind.short] }),
        categories: ['kubearmor'],
      },
      versions: [
        {
          name: kind.version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: { openAPIV3Schema: rootSchema(definition) },
        },
      ],
    },
  };
}

/** The CustomResourceDefinitions, from the schemas of policies, of KubeArmorConfig and of what is reported. */
export function definitions(): readonly KubeObject[] {
  const policies = (Object.keys(POLICIES) as PolicyKind[]).map(policy);
  return [...policies, NODE, CONFIG].map(render);
}
