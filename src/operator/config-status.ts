// SPDX-License-Identifier: Apache-2.0
import type { Issue } from '#base';
import { formatIssue } from '#base';
import type { Condition, ConfigStatus } from '#cluster';
import type { Rollout } from '#install';

/** What came of an installation. */
export interface Outcome {
  readonly generation: number;
  /** The generation that is obeyed: the last that could be read; undefined: none ever was. */
  readonly inForce: number | undefined;
  /** Problems of the document; one that is an error: it is not obeyed. */
  readonly issues: readonly Issue[];
  /** What it asks for and does not get, each with the reason. */
  readonly notHere: readonly string[];
  /** What of other installations is in the way, as `DaemonSet NAMESPACE/NAME`. */
  readonly others: readonly string[];
  /** Nodes without an agent. */
  readonly without: readonly { readonly node: string; readonly problem: string }[];
  readonly workloads: readonly { readonly name: string; readonly rollout: Rollout | undefined }[];
}

type ConditionType = 'Accepted' | 'Available' | 'Degraded';
type Fresh = Omit<Condition<ConditionType>, 'lastTransitionTime'>;

/** Texts of a condition: so many, then how many more. */
const TOLD = 5;

/**
 * `status` of the KubeArmorConfig that is obeyed. Phases and messages are KubeArmor's, conditions say what is behind them:
 * `Accepted`, `Available` (everything runs and is ready), `Degraded` (something that was asked for is not so).
 *
 * @param before conditions as they are: a time changes with its status only
 */
export function configStatus(outcome: Outcome, before: readonly Condition<string>[], now: string): ConfigStatus {
  const conditions = [accepted(outcome), available(outcome), degraded(outcome)];
  const [isAccepted, isAvailable] = conditions.map(({ status }) => status === 'True');
  const isRefused = isAccepted !== true || outcome.others.length > 0;
  const phase = isRefused ? 'Error' : isAvailable === true ? 'Running' : 'Pending';
  return {
    phase,
    message: MESSAGES[phase],
    observedGeneration: outcome.generation,
    conditions: conditions.map((one) => ({ ...one, lastTransitionTime: sinceWhen(one, before, now) })),
  };
}

/** `status` of another KubeArmorConfig beside the one that is obeyed. */
export function secondStatus(generation: number, obeyed: string, before: readonly Condition<string>[], now: string): ConfigStatus {
  const message = `KubeArmorConfig ${obeyed} is older and is obeyed; delete one of them`;
  const one: Fresh = { type: 'Accepted', status: 'False', reason: 'AnotherIsObeyed', message, observedGeneration: generation };
  return {
    phase: 'Error',
    message: "There's already a CRD exists to manage KubeArmor",
    observedGeneration: generation,
    conditions: [{ ...one, lastTransitionTime: sinceWhen(one, before, now) }],
  };
}

/** @source reference: KubeArmor's Kubernetes part, section 1.2 */
const MESSAGES = {
  Running: 'Kubearmor Application is Up and Running',
  Pending: 'Kubearmor Installation is in-progress',
  Error: 'Failed to install KubeArmor component(s)',
} as const;

function sinceWhen({ type, status }: Fresh, before: readonly Condition<string>[], now: string): string {
  const then = before.find((one) => one.type === type);
  return then?.status === status ? then.lastTransitionTime : now;
}

function bounded(texts: readonly string[]): string {
  const more = texts.length - TOLD;
  return [...texts.slice(0, TOLD), ...(more > 0 ? [`${more} more`] : [])].join('; ').slice(0, 1_024);
}

const isRead = ({ issues }: Outcome): boolean => issues.every(({ severity }) => severity !== 'error');

function accepted(outcome: Outcome): Fresh {
  const { issues, generation, inForce } = outcome;
  const base = { type: 'Accepted', observedGeneration: generation } as const;
  if (isRead(outcome)) return { ...base, status: 'True', reason: 'Accepted', message: 'it is obeyed' };
  const wrong = bounded(issues.filter(({ severity }) => severity === 'error').map(formatIssue));
  const instead = inForce === undefined ? 'nothing is installed by it' : `${lastRead(inForce)} and is obeyed`;
  return { ...base, status: 'False', reason: 'Invalid', message: `${wrong}; ${instead}` };
}

const lastRead = (inForce: number): string => `generation ${inForce} is the last that could be read`;

function available(outcome: Outcome): Fresh {
  const { workloads, others, generation, inForce } = outcome;
  const base = { type: 'Available', observedGeneration: generation } as const;
  if (inForce === undefined)
    return { ...base, status: 'False', reason: 'NothingInstalled', message: 'no KubeArmorConfig could be read yet' };
  if (others.length > 0 && workloads.length === 0)
    return { ...base, status: 'False', reason: 'AnotherInstallation', message: 'nothing is installed beside another installation' };
  const waiting = workloads.flatMap(({ name, rollout }) => {
    if (rollout?.isDone === true) return [];
    return [`${name}: ${rollout === undefined ? 'is not there yet' : `${rollout.ready} of ${rollout.wanted} ready`}`];
  });
  if (waiting.length > 0) return { ...base, status: 'False', reason: 'NotReady', message: bounded(waiting) };
  const as = isRead(outcome) ? '' : `, as generation ${inForce} asks for`;
  return { ...base, status: 'True', reason: 'Ready', message: `${workloads.length} workloads are up to date and ready${as}` };
}

function degraded(outcome: Outcome): Fresh {
  const { others, without, notHere, issues, generation, inForce } = outcome;
  const base = { type: 'Degraded', observedGeneration: generation } as const;
  if (others.length > 0) {
    const cure =
      'take it out (one of ours with karmor uninstall -n NAMESPACE), or let the operator do it: ' +
      'kubectl annotate kubearmorconfig NAME kubearmor.io/take-over=true (in its own namespace only)';
    return {
      ...base,
      status: 'True',
      reason: 'AnotherInstallation',
      message: `another installation is there: ${bounded(others)}; ${cure}`,
    };
  }
  if (!isRead(outcome)) {
    const message = `generation ${generation} cannot be read${inForce === undefined ? '' : `; ${lastRead(inForce)} and is obeyed`}`;
    return { ...base, status: 'True', reason: 'NotAccepted', message };
  }
  if (without.length > 0) {
    const nodes = without.map(({ node, problem }) => `${node}: ${problem}`);
    return { ...base, status: 'True', reason: 'NodesWithoutAgent', message: bounded(nodes) };
  }
  const lacking = [...notHere, ...issues.filter(({ severity }) => severity === 'warning').map(formatIssue)];
  if (lacking.length > 0) return { ...base, status: 'True', reason: 'NotHonoured', message: bounded(lacking) };
  return { ...base, status: 'False', reason: 'AsAsked', message: 'everything is as asked for' };
}
