// SPDX-License-Identifier: Apache-2.0

import { KUBECONFIG_SETTING, NAMESPACE_SETTING, onlySetting, PORT_SETTING, SWITCH_SETTING } from '#base';
import type { FlagSetting } from '#base';

/** Those of KubeArmor's controller bear its names, so that its arguments in charts and configurations hold. */
export const SETTINGS = {
  namespace: { ...NAMESPACE_SETTING, meaning: 'where the controller, its Secret and its Leases are' },
  kubeconfig: KUBECONFIG_SETTING,
  webhookPort: {
    flag: 'webhook-port',
    env: 'KUBEARMOR_WEBHOOK_PORT',
    fallback: '9443',
    meaning: 'port of the webhooks (HTTPS), 0 for any',
    ...PORT_SETTING,
  },
  webhookClientCa: {
    flag: 'webhook-client-ca',
    env: 'KUBEARMOR_WEBHOOK_CLIENT_CA',
    fallback: '',
    meaning:
      'file of authorities whose clients alone are heard, where the API server shows its webhooks a certificate; empty: everybody is',
    allowed: /^(\/.*)?$/,
    allowedText: 'an absolute path',
  },
  webhookHosts: {
    flag: 'webhook-hosts',
    env: 'KUBEARMOR_WEBHOOK_HOSTS',
    fallback: '',
    meaning: 'comma list of further names in the webhooks’ certificate, where the API server reaches them by a URL',
    allowed: /^([a-z0-9.-]+(,[a-z0-9.-]+)*)?$/,
    allowedText: 'DNS names, separated by commas',
  },
  healthAddress: {
    flag: 'health-probe-bind-address',
    env: 'KUBEARMOR_HEALTH_ADDRESS',
    fallback: ':8081',
    meaning: 'where /healthz and /readyz are',
    allowed: /^[\w.[\]:-]*:\d{1,5}$/,
    allowedText: 'HOST:PORT, or :PORT for every address',
  },
  metricsAddress: {
    flag: 'metrics-bind-address',
    env: 'KUBEARMOR_METRICS_ADDRESS',
    fallback: '0',
    meaning: 'where /metrics is, on loopback; 0: nowhere',
    allowed: /^(0|(127\.0\.0\.1|localhost|\[::1\]):\d{1,5})$/,
    allowedText: '0, or a port of loopback such as 127.0.0.1:8080 (there is no authentication)',
  },
  nodesWithoutAgent: {
    flag: 'nodes-without-agent',
    env: 'KUBEARMOR_NODES_WITHOUT_AGENT',
    fallback: 'unknown',
    meaning:
      'what a Linux node without an agent makes of `Enforced` of every policy; `ordinary`: unknown, and nodes whose taints keep ordinary pods away do not count',
    allowed: /^(unknown|ordinary|ignore)$/,
    allowedText: 'unknown, ordinary or ignore',
  },
  debug: { flag: 'debug', env: 'KUBEARMOR_DEBUG', fallback: 'false', meaning: 'more messages', ...SWITCH_SETTING },
  leaderElect: {
    flag: 'leader-elect',
    env: 'KUBEARMOR_LEADER_ELECT',
    fallback: 'true',
    meaning: 'one replica of several writes',
    ...onlySetting('true', 'two that write would undo each other’s work'),
  },
  metricsSecure: {
    flag: 'metrics-secure',
    env: 'KUBEARMOR_METRICS_SECURE',
    fallback: 'false',
    meaning: 'of KubeArmor: its metrics port has TLS',
    allowed: /^(true|false)$/,
    allowedText: 'true or false; metrics are on loopback',
    isSwitch: true,
  },
  enableHttp2: {
    flag: 'enable-http2',
    env: 'KUBEARMOR_ENABLE_HTTP2',
    fallback: 'false',
    meaning: 'of KubeArmor: HTTP/2 of the webhooks',
    ...onlySetting('false', 'the webhooks speak HTTP/1.1'),
  },
  annotateExisting: {
    flag: 'annotateExisting',
    env: 'KUBEARMOR_ANNOTATE_EXISTING',
    fallback: 'false',
    meaning: 'of KubeArmor: its controller restarts workloads',
    ...onlySetting('false', 'nothing restarts a workload by itself here, and nothing needs it'),
  },
} as const satisfies Record<string, FlagSetting>;
