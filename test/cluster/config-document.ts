// SPDX-License-Identifier: Apache-2.0

const component = {
  image: 'registry.example/kubearmor:v1',
  imagePullPolicy: 'IfNotPresent',
  args: ['-a=b'],
  env: [
    { name: 'A', value: 'b' },
    { name: 'N', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
  ],
  imagePullSecrets: [{ name: 'pull' }],
  nodeSelector: { 'kubernetes.io/os': 'linux' },
  tolerations: [{ key: 'k', operator: 'Equal', value: 'v', effect: 'NoExecute', tolerationSeconds: 30 }],
};

/** Every field that KubeArmor's operator knows. @source reference: KubeArmor's Kubernetes part, section 1.2 */
export const CONFIG_WITH_EVERYTHING = {
  apiVersion: 'operator.kubearmor.com/v1',
  kind: 'KubeArmorConfig',
  metadata: { name: 'kubearmor-default', namespace: 'default' },
  spec: {
    defaultFilePosture: 'audit',
    defaultCapabilitiesPosture: 'block',
    defaultNetworkPosture: 'audit',
    defaultVisibility: 'process,network',
    enableStdOutLogs: false,
    enableStdOutAlerts: true,
    enableStdOutMsgs: false,
    seccompEnabled: false,
    alertThrottling: true,
    maxAlertPerSec: 10,
    throttleSec: 30,
    matchArgs: true,
    dropResourceFromProcessLogs: false,
    enableNRI: false,
    controllerPort: 9443,
    globalImagePullSecrets: [{ name: 'pull' }],
    globalTolerations: [{ operator: 'Exists' }],
    globalNodeSelector: { a: 'b' },
    globalEnv: [{ name: 'A', value: 'b' }],
    kubearmorImage: component,
    kubearmorInitImage: component,
    kubearmorRelayImage: component,
    kubearmorControllerImage: component,
    kubeRbacProxyImage: component,
    tls: { enable: true, extraDnsNames: ['a.example'], extraIpAddresses: ['10.0.0.1'] },
    recommendedPolicies: {
      enable: true,
      matchExpressions: [{ key: 'namespace', operator: 'NotIn', values: ['kube-system'] }],
      excludePolicy: ['harden-crypto-miners'],
    },
    adapters: {
      elasticsearch: {
        enabled: true,
        url: 'https://es.example:9200',
        alertsIndex: 'kubearmor-alerts',
        auth: {
          secretName: 'elastic-secret',
          usernameKey: 'username',
          passwordKey: 'password',
          allowInsecureTLS: false,
          caCertSecretName: 'ca',
          caCertKey: 'ca.crt',
        },
      },
    },
  },
};
