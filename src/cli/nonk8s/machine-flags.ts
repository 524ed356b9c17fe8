// SPDX-License-Identifier: Apache-2.0
import type { AnsweredFlag } from '../install/kubearmor-flags.ts';

const OF_CLUSTER = 'it is of a cluster: leave it out';
const OF_IMAGES = 'the package holds no images: --from says where it comes from, --tag which';
const ONE_COUNT = 'repeated alerts are folded into one with a count, so there is no rate to set';

const taken = (flags: string, name: string, why: string): AnsweredFlag => ({ option: { flags }, name, answer: 'taken', why });
const refused = (flags: string, name: string, why: string, harmless?: AnsweredFlag['harmless']): AnsweredFlag => ({
  option: { flags },
  name,
  answer: 'refused',
  why,
  ...(harmless === undefined ? {} : { harmless }),
});

const CLUSTER_WIDE: readonly AnsweredFlag[] = [
  refused('--kubeconfig <file>', 'kubeconfig', OF_CLUSTER),
  refused('--context <name>', 'context', OF_CLUSTER),
];

/**
 * Every flag of KubeArmor's `karmor install`, with `--nonk8s`.
 *
 * @source reference: KubeArmor's command line, section 1.1
 */
export const MACHINE_INSTALL_FLAGS: readonly AnsweredFlag[] = [
  taken('--nonk8s', 'nonk8s', 'the agent as a service of this machine'),
  taken('-t, --tag <tag>', 'tag', 'the release, like v1.2.3 (default: the latest)'),
  taken('-a, --audit <families>', 'audit', 'default posture audit: all, file, network, capabilities'),
  taken('-b, --block <families>', 'block', 'default posture block: all, file, network, capabilities'),
  taken('--viz <families>', 'viz', 'what containers’ logs tell of: process, file, network, capabilities, none'),
  taken('--host-audit <families>', 'hostAudit', 'the host’s default posture audit: all, file, network, capabilities'),
  taken('--host-block <families>', 'hostBlock', 'the host’s default posture block: all, file, network, capabilities'),
  taken('--host-viz <families>', 'hostViz', 'what the host’s logs tell of: process, file, network, capabilities, none'),
  taken('--verify [bool]', 'verify', 'as --wait: KubeArmor’s name for it'),
  refused(
    '--vm-mode <mode>',
    'vmMode',
    'systemd is how it is: the agent is a service, in no container of Docker’s',
    (flags) => flags.text('vmMode') === 'systemd',
  ),
  refused(
    '--secure-containers [bool]',
    'secureContainers',
    'containers are protected where there are policies for them; enableKubeArmorPolicy: false in /opt/kubearmor/kubearmor.yaml ends that',
    (flags) => flags.isSet('secureContainers'),
  ),
  {
    option: { flags: '--image-pull-policy <policy>' },
    name: 'imagePullPolicy',
    answer: 'idle',
    why: 'a package is installed, and no image pulled',
    harmless: (flags) => flags.text('imagePullPolicy') === 'always',
  },
  refused('-n, --namespace <name>', 'namespace', OF_CLUSTER, (flags) => flags.text('namespace') === 'kubearmor'),
  refused('-i, --image <image>', 'image', OF_IMAGES),
  refused('--init-image <image>', 'initImage', OF_IMAGES),
  refused('--operator-image <image>', 'operatorImage', OF_CLUSTER),
  refused('--controller-image <image>', 'controllerImage', OF_CLUSTER),
  refused('--relay-image <image>', 'relayImage', OF_CLUSTER),
  refused('--operator-tag <tag>', 'operatorTag', OF_CLUSTER),
  refused('--controller-tag <tag>', 'controllerTag', OF_CLUSTER),
  refused('--relay-tag <tag>', 'relayTag', OF_CLUSTER),
  refused('-r, --registry <address>', 'registry', OF_IMAGES),
  refused('--preserve-upstream [bool]', 'preserveUpstream', OF_IMAGES, (flags) => flags.isSet('preserveUpstream')),
  refused('--local', 'local', OF_IMAGES),
  refused('--skip-deploy', 'skipDeploy', OF_CLUSTER),
  refused('--save', 'save', 'there is no manifest: --dry-run shows what would be changed'),
  refused('--legacy', 'legacy', OF_CLUSTER),
  refused('-e, --env <environment>', 'env', OF_CLUSTER),
  refused('--annotateExisting [bool]', 'annotateExisting', OF_CLUSTER, (flags) => flags.isOff('annotateExisting')),
  refused('--alertThrottling [bool]', 'alertThrottling', ONE_COUNT, (flags) => flags.isSet('alertThrottling')),
  refused('--maxAlertPerSec <count>', 'maxAlertPerSec', ONE_COUNT, (flags) => flags.count('maxAlertPerSec') === 10),
  refused('--throttleSec <seconds>', 'throttleSec', ONE_COUNT, (flags) => flags.count('throttleSec') === 30),
  ...CLUSTER_WIDE,
];

/** @source the same, section 1.2 */
export const MACHINE_UNINSTALL_FLAGS: readonly AnsweredFlag[] = [
  taken('--nonk8s', 'nonk8s', 'take the package of this machine out'),
  taken('--force', 'force', 'remove settings, certificates and policies too, after writing the policies to a file'),
  {
    option: { flags: '--verify [bool]' },
    name: 'verify',
    answer: 'idle',
    why: 'nothing is left in force unseen: a package whose rules cannot be ended stays',
    harmless: (flags) => flags.isSet('verify'),
  },
  refused('-n, --namespace <name>', 'namespace', OF_CLUSTER),
  ...CLUSTER_WIDE,
];
