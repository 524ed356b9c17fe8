// SPDX-License-Identifier: Apache-2.0
import { KUBECONFIG_SETTING, NAMESPACE_SETTING, onlySetting, PORT_SETTING, SWITCH_SETTING } from '#base';
import type { FlagSetting } from '#base';
import { NAMES } from '#cluster';

const PATH = { allowed: /^\/.*$/, allowedText: 'an absolute path' };
/** KubeArmor's relay takes any case of it. */
const YES = { allowed: /^(true|false)$/i, allowedText: 'true or false', isSwitch: true };

/** Those of KubeArmor's relay bear its names. */
export const SETTINGS = {
  port: { flag: 'gRPCPort', env: 'KUBEARMOR_RELAY_PORT', fallback: '32767', meaning: 'port of the API', ...PORT_SETTING },
  agentPort: {
    flag: 'agentPort',
    env: 'KUBEARMOR_AGENT_PORT',
    fallback: '32767',
    meaning: 'port of the agents’ API',
    ...PORT_SETTING,
  },
  tls: {
    flag: 'tlsEnabled',
    env: 'KUBEARMOR_TLS_ENABLED',
    fallback: 'true',
    meaning: 'mutual TLS, with clients and with agents; without it only loopback is served, and agents must be on it too',
    ...SWITCH_SETTING,
  },
  tlsCertPath: {
    flag: 'tlsCertPath',
    env: 'KUBEARMOR_TLS_CERT_PATH',
    fallback: '/var/lib/kubearmor/tls',
    meaning: 'folder of ca.crt, server.crt and server.key, and of client.crt and client.key, which agents are shown',
    ...PATH,
  },
  tlsCertProvider: {
    flag: 'tlsCertProvider',
    env: 'KUBEARMOR_TLS_CERT_PROVIDER',
    fallback: 'external',
    meaning: 'where certificates come from',
    ...onlySetting('external', 'nobody but the operator makes certificates'),
  },
  agentName: {
    flag: 'agentName',
    env: 'KUBEARMOR_AGENT_NAME',
    fallback: NAMES.agentHost,
    meaning: 'name that the certificate of every agent has to have; empty: the address of its pod',
    allowed: /^([a-z0-9.-]+)?$/,
    allowedText: 'a DNS name',
  },
  namespace: { ...NAMESPACE_SETTING, meaning: 'where the agents’ pods are' },
  kubeconfig: KUBECONFIG_SETTING,
  stdoutAlerts: { flag: 'stdoutAlerts', env: 'ENABLE_STDOUT_ALERTS', fallback: 'false', meaning: 'alerts as JSON on stdout', ...YES },
  stdoutLogs: { flag: 'stdoutLogs', env: 'ENABLE_STDOUT_LOGS', fallback: 'false', meaning: 'logs as JSON on stdout', ...YES },
  stdoutMessages: { flag: 'stdoutMsgs', env: 'ENABLE_STDOUT_MSGS', fallback: 'false', meaning: 'messages as JSON on stdout', ...YES },
  dashboards: {
    flag: 'enableDashboards',
    env: 'ENABLE_DASHBOARDS',
    fallback: 'false',
    meaning: 'of KubeArmor: alerts to Elasticsearch',
    ...onlySetting('false', 'exporters are not here yet'),
  },
  openSearch: {
    flag: 'enableOpenSearchDashboard',
    env: 'ENABLE_OPENSEARCH_DASHBOARD',
    fallback: 'false',
    meaning: 'of KubeArmor: alerts and logs to OpenSearch',
    ...onlySetting('false', 'exporters are not here yet'),
  },
  debug: { flag: 'debug', env: 'KUBEARMOR_DEBUG', fallback: 'false', meaning: 'more messages', ...SWITCH_SETTING },
} as const satisfies Record<string, FlagSetting>;
