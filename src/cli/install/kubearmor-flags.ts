// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import type { OptionSpec } from '../command.ts';
import type { Flags } from '../flags.ts';
import type { Io } from '../io.ts';

/** A flag of KubeArmor's tool, and what becomes of it. */
export interface AnsweredFlag {
  readonly option: Pick<OptionSpec, 'flags'>;
  /** By which its value is read. */
  readonly name: string;
  /** `refused`: the command ends. `idle`: it goes on, and says that the flag does nothing. */
  readonly answer: 'taken' | 'refused' | 'idle';
  /** The reason; of one that is taken what it means. */
  readonly why: string;
  /** What it is as KubeArmor has it by itself: taken, and nothing is said. */
  readonly harmless?: (flags: Flags) => boolean;
}

/** One whose work is not done here. */
export interface KubeArmorFlag extends AnsweredFlag {
  readonly option: OptionSpec;
  readonly answer: 'refused' | 'idle';
}

const CONFIG_MAP = 'agents read it live from the ConfigMap kubearmor-config: put the key';
const ONE_COUNT = 'repeated alerts are folded into one with a count, so there is no rate to set';
const OF_MACHINE = 'it is of --nonk8s';

/** In a cluster. @source reference: KubeArmor's command line, section 1.1 */
export const INSTALL_FLAGS: readonly KubeArmorFlag[] = [
  {
    option: { flags: '--vm-mode <mode>', summary: 'of --nonk8s: systemd is how it is', choices: ['docker', 'systemd'] },
    name: 'vmMode',
    answer: 'refused',
    why: OF_MACHINE,
  },
  {
    option: { flags: '--secure-containers [bool]', summary: 'of --nonk8s: true is how it is', value: 'switch' },
    name: 'secureContainers',
    answer: 'refused',
    why: `${OF_MACHINE}; in a cluster containers are protected where there are policies for them`,
  },
  {
    option: { flags: '--image-pull-policy <policy>', summary: 'of --nonk8s: does nothing', choices: ['missing', 'never', 'always'] },
    name: 'imagePullPolicy',
    answer: 'refused',
    why: `${OF_MACHINE}; in a cluster it is imagePullPolicy of each component of the KubeArmorConfig`,
  },
  {
    option: {
      flags: '--host-audit <families>',
      summary: 'with --nonk8s: as --audit, of the host; in a cluster it is in the ConfigMap',
      value: 'list',
    },
    name: 'hostAudit',
    answer: 'refused',
    why: `${CONFIG_MAP} hostDefaultFilePosture, hostDefaultNetworkPosture or hostDefaultCapabilitiesPosture there`,
  },
  {
    option: { flags: '--host-block <families>', summary: 'with --nonk8s: as --block, of the host', value: 'list' },
    name: 'hostBlock',
    answer: 'refused',
    why: `${CONFIG_MAP} hostDefaultFilePosture, hostDefaultNetworkPosture or hostDefaultCapabilitiesPosture there`,
  },
  {
    option: { flags: '--host-viz <families>', summary: 'with --nonk8s: as --viz, of the host', value: 'list' },
    name: 'hostViz',
    answer: 'refused',
    why: `${CONFIG_MAP} hostVisibility there`,
  },
  {
    option: { flags: '--legacy', summary: 'refused: nothing is installed without the operator' },
    name: 'legacy',
    answer: 'refused',
    why: 'nothing is installed without the operator: nobody would renew certificates or take out what was installed',
  },
  {
    option: { flags: '--annotateExisting [bool]', summary: 'refused where true: workloads are left alone', value: 'switch' },
    name: 'annotateExisting',
    answer: 'refused',
    why: 'nothing annotates or restarts a workload here: those that run already are protected as they are',
    harmless: (flags) => flags.isOff('annotateExisting'),
  },
  {
    option: { flags: '--alertThrottling [bool]', summary: 'true is how it is; refused where false', value: 'switch' },
    name: 'alertThrottling',
    answer: 'refused',
    why: ONE_COUNT,
    harmless: (flags) => flags.isSet('alertThrottling'),
  },
  {
    option: { flags: '--maxAlertPerSec <count>', summary: 'refused unless 10: alerts are counted, not dropped', value: 'count' },
    name: 'maxAlertPerSec',
    answer: 'refused',
    why: ONE_COUNT,
    harmless: (flags) => flags.count('maxAlertPerSec') === 10,
  },
  {
    option: { flags: '--throttleSec <seconds>', summary: 'refused unless 30: the same', value: 'count' },
    name: 'throttleSec',
    answer: 'refused',
    why: ONE_COUNT,
    harmless: (flags) => flags.count('throttleSec') === 30,
  },
  {
    option: { flags: '--init-image <image>', summary: 'does nothing: there is no init container' },
    name: 'initImage',
    answer: 'idle',
    why: 'there is no init container: programs for the kernel are compiled',
  },
  {
    option: { flags: '-e, --env <environment>', summary: 'does nothing: the operator sees what nodes are' },
    name: 'env',
    answer: 'idle',
    why: 'what a node is, the operator reads from its Node',
  },
];

/** @source the same, section 1.2 */
export const UNINSTALL_FLAGS: readonly KubeArmorFlag[] = [
  {
    option: { flags: '--verify [bool]', summary: 'how it is: it waits until nodes say that nothing is in force', value: 'switch' },
    name: 'verify',
    answer: 'idle',
    why: 'nothing is left in force unseen: it waits for nodes in any case',
    harmless: (flags) => flags.isSet('verify'),
  },
];

/**
 * Answers what was given of these: all that is refused at once, else a line for each that does nothing.
 *
 * @throws {KubeArmorError} `USAGE`
 */
export function answerFlags(known: readonly AnsweredFlag[], flags: Flags, io: Io): void {
  const given = known.filter(({ name, answer, harmless }) => answer !== 'taken' && flags.isGiven(name) && harmless?.(flags) !== true);
  const text = ({ option, why }: AnsweredFlag): string => `${/--[\w-]+/.exec(option.flags)?.[0]}: ${why}`;
  const refused = given.filter(({ answer }) => answer === 'refused');
  if (refused.length > 0) throw new KubeArmorError('USAGE', refused.map(text).join('; '));
  for (const one of given) io.err(`${text(one)}; it does nothing`);
}
