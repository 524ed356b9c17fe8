// SPDX-License-Identifier: Apache-2.0
import { anything, described, flag, integer, labels, list, object, text, word } from '#policy';
import type { Read } from '#policy';

// @source reference: KubeArmor's Kubernetes part, section 1.2

const posture = (family: string) =>
  described(
    `What becomes of ${family} that no Allow rule matches, where there are some; a namespace may say otherwise. Without it audit.`,
    word('audit', 'block'),
  );
const texts = list(text('tagBytes'), 'tags');
const pullSecrets = described(
  'Names of Secrets to pull images with.',
  list(object({ name: text('nameBytes') }, { required: ['name'] }), 'tags'),
);
const nodeSelector = described('Labels of the nodes it may run on.', labels);
const env = described(
  'Environment variables, as in a container.',
  list(object({ name: text('tagBytes'), value: text('apparmorBytes'), valueFrom: anything }, { required: ['name'] }), 'labels'),
);
const tolerations = described(
  'Taints that it tolerates, as in a pod.',
  list(
    object({
      key: text('labelBytes'),
      operator: word('Exists', 'Equal'),
      value: text('labelBytes'),
      effect: word('NoSchedule', 'PreferNoSchedule', 'NoExecute'),
      tolerationSeconds: integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
    }),
    'labels',
  ),
);

const component = object({
  image: described('Image with its tag or digest; without it that of this release.', text('messageBytes')),
  imagePullPolicy: word('Always', 'IfNotPresent', 'Never'),
  args: described('More arguments; the last of a name holds.', list(text('messageBytes'), 'labels')),
  env,
  imagePullSecrets: pullSecrets,
  nodeSelector,
  tolerations,
});
export type ComponentFields = Read<typeof component>;

const expressions = described(
  'Which workloads, as in the selector of a KubeArmorClusterPolicy. Without it all but the namespaces kube-system and kubearmor.',
  list(
    object(
      { key: text('labelBytes'), operator: word('In', 'NotIn'), values: list(text('labelBytes'), 'labels') },
      { required: ['key', 'operator'] },
    ),
    'labels',
  ),
);

const elasticsearch = object({
  enabled: flag,
  url: described('Address of the server.', text('messageBytes')),
  alertsIndex: described('Name of the index. Without it kubearmor-alerts.', text('tagBytes')),
  auth: object({
    secretName: described('Secret with name and password. Without it elastic-secret.', text('nameBytes')),
    usernameKey: described('Key of the name in it. Without it username.', text('nameBytes')),
    passwordKey: described('Key of the password in it. Without it password.', text('nameBytes')),
    allowInsecureTLS: described('Takes any certificate of the server.', flag),
    caCertSecretName: described('Secret with the certificate authority of the server.', text('nameBytes')),
    caCertKey: described('Key of the certificate in it. Without it ca.crt.', text('nameBytes')),
  }),
});

/** `spec` of a KubeArmorConfig. */
export const readSpec = object({
  defaultFilePosture: posture('a file or program'),
  defaultCapabilitiesPosture: posture('the use of a capability'),
  defaultNetworkPosture: posture('a socket'),
  defaultVisibility: described('What is logged: a comma list of process, file, network, capabilities; or none.', text('messageBytes')),
  enableStdOutLogs: described('The relay prints logs.', flag),
  enableStdOutAlerts: described('The relay prints alerts.', flag),
  enableStdOutMsgs: described('The relay prints messages.', flag),
  seccompEnabled: described('The agent runs under a seccomp profile.', flag),
  alertThrottling: described('Of KubeArmor, as true: here repeated alerts are folded into one with a count, and none is dropped.', flag),
  maxAlertPerSec: described('Of KubeArmor, as 10: there is no such rate here.', integer(0, 2_147_483_647)),
  throttleSec: described('Of KubeArmor, as 30: no container is ever silent here.', integer(0, 2_147_483_647)),
  matchArgs: described('Of KubeArmor, as true: no rule looks at arguments yet, and one with allowedArgs is told as not enforced.', flag),
  dropResourceFromProcessLogs: described('Logs of processes carry no resource.', flag),
  enableNRI: described('The agent uses the node resource interface of the runtime.', flag),
  controllerPort: described('Port of the webhooks. Without it 9443.', integer(0, 65_535)),
  globalImagePullSecrets: pullSecrets,
  globalTolerations: tolerations,
  globalNodeSelector: nodeSelector,
  globalEnv: env,
  kubearmorImage: described('The agent.', component),
  kubearmorInitImage: described('The agent’s init container.', component),
  kubearmorRelayImage: described('The relay.', component),
  kubearmorControllerImage: described('The controller.', component),
  kubeRbacProxyImage: described('Not used any more.', component),
  tls: described(
    'Certificates of the programs’ own ports.',
    object({
      enable: described('Ports are served with TLS, and clients need a certificate.', flag),
      extraDnsNames: described('More names of the relay. Without it localhost.', texts),
      extraIpAddresses: described('More addresses of the relay. Without it 127.0.0.1.', texts),
    }),
  ),
  recommendedPolicies: described(
    'Policies that come with the product.',
    object({
      enable: flag,
      matchExpressions: expressions,
      excludePolicy: described('Names of those that are left out.', texts),
    }),
  ),
  adapters: described('Where the relay sends alerts.', object({ elasticsearch })),
});
export type SpecFields = Read<typeof readSpec>;
