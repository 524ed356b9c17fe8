// SPDX-License-Identifier: Apache-2.0
import { KUBECONFIG_SETTING, NAMESPACE_SETTING, onlySetting, SWITCH_SETTING } from '#base';
import type { FlagSetting } from '#base';
import { IMAGE_VARIABLES } from '#install';

const IMAGE = { fallback: '', allowed: /^([\w./:@-]{1,512})?$/, allowedText: 'an image with its tag or digest' };
const NOTHING_ELSE = { allowed: /^$/, allowedText: 'nothing: the cluster’s name is the agents’ flag `-cluster`' };

/** Those of KubeArmor's operator bear its names. */
export const SETTINGS = {
  namespace: { ...NAMESPACE_SETTING, meaning: 'where the operator is, and what it installs' },
  kubeconfig: KUBECONFIG_SETTING,
  socketFile: {
    flag: 'socket-file',
    env: 'KUBEARMOR_SOCKET_FILE',
    fallback: '',
    meaning: 'the container runtime’s socket on every node; empty: where the node’s distribution has it',
    allowed: /^(\/[\w./-]+\.sock)?$/,
    allowedText: 'an absolute path that ends with .sock',
  },
  healthAddress: {
    flag: 'health-probe-bind-address',
    env: 'KUBEARMOR_HEALTH_ADDRESS',
    fallback: ':8081',
    meaning: 'where /healthz and /readyz are',
    allowed: /^[\w.[\]:-]*:\d{1,5}$/,
    allowedText: 'HOST:PORT, or :PORT for every address',
  },
  agentImage: { flag: 'kubearmor-image', env: IMAGE_VARIABLES.agent, meaning: 'image of agents; empty: that of this release', ...IMAGE },
  relayImage: { flag: 'relay-image', env: IMAGE_VARIABLES.relay, meaning: 'image of the relay; empty: that of this release', ...IMAGE },
  controllerImage: {
    flag: 'controller-image',
    env: IMAGE_VARIABLES.controller,
    meaning: 'image of the controller; empty: that of this release',
    ...IMAGE,
  },
  uninstall: {
    flag: 'uninstall',
    env: 'KUBEARMOR_UNINSTALL',
    fallback: 'false',
    meaning: 'deletes the KubeArmorConfigs, takes out what was installed, and ends: for who is about to delete the operator',
    ...SWITCH_SETTING,
  },
  debug: { flag: 'debug', env: 'KUBEARMOR_DEBUG', fallback: 'false', meaning: 'more messages', ...SWITCH_SETTING },
  lsm: {
    flag: 'lsm',
    env: 'KUBEARMOR_LSM',
    fallback: 'bpf',
    meaning: 'of KubeArmor: enforcers in the order in which they are tried',
    allowed: /^([a-z]+,)*bpf(,[a-z]+)*$/,
    allowedText: 'a list that has bpf, the only one that is here',
  },
  deploymentName: {
    flag: 'deploymentName',
    env: 'KUBEARMOR_DEPLOYMENT_NAME',
    fallback: 'kubearmor-operator',
    meaning: 'name of the operator’s own Deployment',
    ...onlySetting('kubearmor-operator', 'its rights are for this name'),
  },
  logLevel: {
    flag: 'loglevel',
    env: 'KUBEARMOR_LOGLEVEL',
    fallback: 'info',
    meaning: 'of KubeArmor: `debug` is as -debug',
    allowed: /^(debug|info|warn|error)$/,
    allowedText: 'debug, info, warn or error',
  },
  pathPrefix: {
    flag: 'pathprefix',
    env: 'KUBEARMOR_PATH_PREFIX',
    fallback: '/rootfs/',
    meaning: 'of KubeArmor: where its job on each node sees the node; nothing runs on nodes to look at them here',
    allowed: /^\/.*$/,
    allowedText: 'a path',
  },
  initDeploy: {
    flag: 'initDeploy',
    env: 'KUBEARMOR_INIT_DEPLOY',
    fallback: 'true',
    meaning: 'of KubeArmor: its init container compiles programs; ours are compiled',
    ...SWITCH_SETTING,
  },
  providerHostname: {
    flag: 'providerHostname',
    env: 'KUBEARMOR_PROVIDER_HOSTNAME',
    fallback: '',
    meaning: 'of KubeArmor',
    ...NOTHING_ELSE,
  },
  providerEndpoint: {
    flag: 'providerEndpoint',
    env: 'KUBEARMOR_PROVIDER_ENDPOINT',
    fallback: '',
    meaning: 'of KubeArmor',
    ...NOTHING_ELSE,
  },
  annotateResource: {
    flag: 'annotateResource',
    env: 'KUBEARMOR_ANNOTATE_RESOURCE',
    fallback: 'false',
    meaning: 'of KubeArmor: agents annotate workloads',
    ...onlySetting('false', 'nobody writes to users’ objects'),
  },
  annotateExisting: {
    flag: 'annotateExisting',
    env: 'KUBEARMOR_ANNOTATE_EXISTING',
    fallback: 'false',
    meaning: 'of KubeArmor: its controller restarts workloads',
    ...onlySetting('false', 'nothing restarts a workload by itself here, and nothing needs it'),
  },
} as const satisfies Record<string, FlagSetting>;
