// SPDX-License-Identifier: Apache-2.0
import type { Issue } from '#base';
import { nestingIssue, Notes } from '#policy';
import { readSpec } from './config-schema.ts';
import type { ComponentFields, SpecFields } from './config-schema.ts';
import { fieldOf } from './object-fields.ts';
import type { Condition } from './policy-status.ts';

/** `status` of a KubeArmorConfig; phases and message are KubeArmor's. */
export interface ConfigStatus {
  readonly phase?: 'Created' | 'Pending' | 'Running' | 'Updating' | 'Error';
  readonly message?: string;
  readonly observedGeneration?: number;
  readonly conditions: readonly Condition<string>[];
}

/** What is deployed, as users may change it. Lists are empty where nothing was written. */
export interface Component {
  /** Absent: the image of this release. */
  readonly image?: string;
  readonly imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never';
  readonly args: readonly string[];
  readonly env: readonly EnvVar[];
  readonly imagePullSecrets: readonly string[];
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly tolerations: readonly Toleration[];
}

/** @source Kubernetes core/v1 EnvVar; `valueFrom` goes on as it is */
export interface EnvVar {
  readonly name: string;
  readonly value?: string | undefined;
  readonly valueFrom?: unknown;
}

/** @source Kubernetes core/v1 Toleration */
export interface Toleration {
  readonly key?: string | undefined;
  readonly operator?: 'Exists' | 'Equal' | undefined;
  readonly value?: string | undefined;
  readonly effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute' | undefined;
  readonly tolerationSeconds?: number | undefined;
}

type Posture = 'audit' | 'block';

/** `spec` of a KubeArmorConfig with everything that was left out put in. */
export interface ClusterConfig {
  readonly postures: { readonly file: Posture; readonly network: Posture; readonly capabilities: Posture };
  /** Comma list. */
  readonly visibility: string;
  readonly printed: { readonly logs: boolean; readonly alerts: boolean; readonly messages: boolean };
  readonly throttling: { readonly enabled: boolean; readonly alertsPerSecond: number; readonly seconds: number };
  readonly seccomp: boolean;
  readonly matchArgs: boolean;
  readonly dropResourceFromProcessLogs: boolean;
  readonly nri: boolean;
  readonly webhookPort: number;
  readonly global: Pick<Component, 'imagePullSecrets' | 'tolerations' | 'nodeSelector' | 'env'>;
  readonly components: { readonly [C in 'agent' | 'init' | 'relay' | 'controller']: Component };
  readonly tls: {
    /** Absent: not written. KubeArmor takes that for false. */
    readonly enable?: boolean;
    readonly dnsNames: readonly string[];
    readonly addresses: readonly string[];
  };
  readonly recommended: {
    readonly enable: boolean;
    readonly matchExpressions: readonly { readonly key: string; readonly operator: 'In' | 'NotIn'; readonly values: readonly string[] }[];
    readonly exclude: readonly string[];
  };
  /** Absent: not enabled. */
  readonly elasticsearch?: {
    readonly url: string;
    readonly alertsIndex: string;
    readonly secretName: string;
    readonly usernameKey: string;
    readonly passwordKey: string;
    readonly allowInsecureTls: boolean;
    readonly caCertSecretName?: string;
    readonly caCertKey: string;
  };
}

export type ReadConfig =
  /** The issues are warnings. */
  { readonly config: ClusterConfig; readonly issues: readonly Issue[] } | { readonly config?: never; readonly issues: readonly Issue[] };

/**
 * Reads a KubeArmorConfig as the API server gives it. Total: whatever the object, all its problems come at once, by field.
 * An unknown field is a problem: a setting that does nothing would look as if it were obeyed.
 */
export function readConfig(document: unknown): ReadConfig {
  const deep = nestingIssue(document);
  if (deep !== undefined) return { issues: [deep] };
  const notes = new Notes();
  const spec = readSpec(fieldOf(document, 'spec') ?? {}, 'spec', notes) ?? {};
  if (spec.kubeRbacProxyImage !== undefined)
    notes.warn('FIELD_WITHOUT_EFFECT', 'spec.kubeRbacProxyImage', 'is not used any more', 'remove it');
  if (spec.adapters?.elasticsearch?.enabled === true && (spec.adapters.elasticsearch.url ?? '') === '')
    notes.error('FIELD_MISSING', 'spec.adapters.elasticsearch.url', 'is required where the adapter is enabled', 'add `url:`');
  return notes.failed ? { issues: notes.issues } : { config: configOf(spec), issues: notes.issues };
}

/** An absent switch is off. */
const isOn = (flag: boolean | undefined): boolean => flag === true;
const posture = (written: Posture | undefined): Posture => written ?? 'audit';

/** KubeArmor's defaults; a number 0 stands for absent there too. */
function configOf(spec: SpecFields): ClusterConfig {
  return {
    postures: {
      file: posture(spec.defaultFilePosture),
      network: posture(spec.defaultNetworkPosture),
      capabilities: posture(spec.defaultCapabilitiesPosture),
    },
    visibility: orElse(spec.defaultVisibility, 'process,network,capabilities'),
    printed: {
      logs: isOn(spec.enableStdOutLogs),
      alerts: isOn(spec.enableStdOutAlerts),
      messages: isOn(spec.enableStdOutMsgs),
    },
    throttling: {
      // KubeArmor takes an absent one for false; here nothing is asked for that would have to be refused.
      enabled: spec.alertThrottling ?? true,
      alertsPerSecond: orElse(spec.maxAlertPerSec, 10),
      seconds: orElse(spec.throttleSec, 30),
    },
    seccomp: isOn(spec.seccompEnabled),
    matchArgs: spec.matchArgs ?? true, // absent: as with throttling
    dropResourceFromProcessLogs: isOn(spec.dropResourceFromProcessLogs),
    nri: isOn(spec.enableNRI),
    webhookPort: orElse(spec.controllerPort, 9443),
    global: {
      imagePullSecrets: secretsOf(spec.globalImagePullSecrets),
      tolerations: present(spec.globalTolerations),
      nodeSelector: spec.globalNodeSelector ?? {},
      env: envOf(spec.globalEnv),
    },
    components: {
      agent: componentOf(spec.kubearmorImage),
      init: componentOf(spec.kubearmorInitImage),
      relay: componentOf(spec.kubearmorRelayImage),
      controller: componentOf(spec.kubearmorControllerImage),
    },
    tls: tlsOf(spec.tls ?? {}),
    recommended: recommendedOf(spec.recommendedPolicies ?? {}),
    ...elasticsearchOf(spec.adapters?.elasticsearch ?? {}),
  };
}

function componentOf(fields: ComponentFields = {}): Component {
  const { image, imagePullPolicy } = fields;
  return {
    ...(image === undefined || image === '' ? {} : { image }),
    ...(imagePullPolicy === undefined ? {} : { imagePullPolicy }),
    args: present(fields.args),
    env: envOf(fields.env),
    imagePullSecrets: secretsOf(fields.imagePullSecrets),
    nodeSelector: fields.nodeSelector ?? {},
    tolerations: present(fields.tolerations),
  };
}

function tlsOf({ enable, extraDnsNames, extraIpAddresses }: NonNullable<SpecFields['tls']>): ClusterConfig['tls'] {
  return {
    ...(enable === undefined ? {} : { enable }),
    dnsNames: present(extraDnsNames ?? ['localhost']),
    addresses: present(extraIpAddresses ?? ['127.0.0.1']),
  };
}

const NOT_OURS = { key: 'namespace', operator: 'NotIn', values: ['kube-system', 'kubearmor'] } as const;

function recommendedOf(fields: NonNullable<SpecFields['recommendedPolicies']>): ClusterConfig['recommended'] {
  const written = present(fields.matchExpressions).flatMap(({ key, operator, values }) =>
    key === undefined || operator === undefined ? [] : [{ key, operator, values: present(values) }],
  );
  return {
    enable: isOn(fields.enable),
    matchExpressions: fields.matchExpressions === undefined ? [NOT_OURS] : written,
    exclude: present(fields.excludePolicy),
  };
}

type ElasticFields = NonNullable<NonNullable<SpecFields['adapters']>['elasticsearch']>;
function elasticsearchOf({ enabled, url, alertsIndex, auth = {} }: ElasticFields): Pick<ClusterConfig, 'elasticsearch'> {
  if (enabled !== true || url === undefined) return {};
  const { caCertSecretName } = auth;
  return {
    elasticsearch: {
      url,
      alertsIndex: orElse(alertsIndex, 'kubearmor-alerts'),
      secretName: orElse(auth.secretName, 'elastic-secret'),
      usernameKey: orElse(auth.usernameKey, 'username'),
      passwordKey: orElse(auth.passwordKey, 'password'),
      allowInsecureTls: isOn(auth.allowInsecureTLS),
      ...(caCertSecretName === undefined || caCertSecretName === '' ? {} : { caCertSecretName }),
      caCertKey: orElse(auth.caCertKey, 'ca.crt'),
    },
  };
}

/** Go programs write 0 and "" where nothing was set. */
function orElse<T extends string | number>(written: T | undefined, otherwise: T): T {
  return written === undefined || written === '' || written === 0 ? otherwise : written;
}

function present<T>(items: readonly (T | undefined)[] | undefined): T[] {
  return (items ?? []).filter((item) => item !== undefined);
}

function envOf(items: SpecFields['globalEnv']): EnvVar[] {
  return present(items).flatMap(({ name, ...rest }) => (name === undefined ? [] : [{ name, ...rest }]));
}

function secretsOf(items: SpecFields['globalImagePullSecrets']): string[] {
  return present(items).flatMap(({ name }) => name ?? []);
}
