// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';
import type { Alert } from '#events';
import { checksOf, differences, lineOf } from './checks.ts';
import type { ByPosture, ConformanceCase, EventFields, ExecStep, ExpectStep, Verdict } from './format.ts';
import type { Placed } from './node.ts';
import type { Told } from './recorder.ts';
import { isExec } from './stimulus.ts';
import type { Stimulus } from './stimulus.ts';
import { isHost } from './workloads.ts';

/** What must come of a step, from wherever the case says it. */
export interface Due {
  /** Null: the case does not say. */
  readonly verdict: Verdict | null;
  readonly alerts: readonly EventFields[];
  readonly logs: readonly EventFields[];
  readonly forbidden: readonly EventFields[];
  /** Whether the case says of alerts at all that there is one or none. */
  readonly saysAlerts: boolean;
}

const NOTHING_DUE: Due = { verdict: null, alerts: [], logs: [], forbidden: [], saysAlerts: false };

/** What a legacy scenario expects under a default posture. */
export const legacyVerdictOf = ({ expect_by_posture: all = {} }: ExecStep, posture: string = 'block'): ByPosture | undefined =>
  all['any'] ?? all[`defaultPosture=${posture}`];

/** Whether a case tells apart what comes of it under posture `audit`. */
export const tellsOfAudit = ({ steps = [] }: ConformanceCase): boolean =>
  steps.some((step) => step.do === 'exec' && step.expect_by_posture?.['defaultPosture=audit'] !== undefined);

function legacyDue(step: ExecStep, posture: string | undefined): Due {
  const { expect_event_fields: fields } = step;
  const said = legacyVerdictOf(step, posture);
  if (said === undefined || said.verdict === null) return NOTHING_DUE;
  const alerts = said.alert === null || said.alert === undefined ? [] : [{ ...fields, ...said.alert }];
  return { ...NOTHING_DUE, verdict: said.verdict, alerts, saysAlerts: true };
}

/** Whether what is awaited can be what a step announced already: no field of both differs. */
const isSame = (announced: EventFields, { kind, match }: ExpectStep): boolean =>
  announced['kind'] === kind &&
  Object.entries(match).every(([field, value]) => announced[field] === undefined || isDeepStrictEqual(announced[field], value));

/** What a case says of a step: at the step itself, and in what it waits for behind it. */
export function dueOf({ steps = [], posture }: ConformanceCase, step: ExecStep): Due {
  if (step.expect_by_posture !== undefined) return legacyDue(step, posture);
  const behind = steps.slice(steps.indexOf(step) + 1);
  const awaited = behind.filter((one) => one.do === 'expect_event').filter(({ found }) => found);
  const own = (step.expected_events ?? []).map((event) => {
    const one = awaited.find((other) => isSame(event, other));
    return { ...one?.implied_by_watch, ...one?.match, ...event };
  });
  // awaited right behind the step, and announced by no step: it is this step's
  const announced = steps.flatMap((one) => (one.do === 'exec' ? (one.expected_events ?? []) : []));
  const end = behind.findIndex(({ do: what }) => what === 'exec' || what === 'watch');
  const next = behind.slice(0, end < 0 ? undefined : end);
  const later = awaited
    .filter((one) => next.includes(one) && !announced.some((event) => isSame(event, one)))
    .map(({ kind, match, implied_by_watch }) => ({ ...implied_by_watch, ...match, kind }));
  const events: readonly EventFields[] = [...own, ...later];
  const alerts = events.filter(({ kind }) => kind === 'alert');
  return {
    verdict: step.verdict ?? null,
    alerts,
    logs: events.filter(({ kind }) => kind === 'log'),
    forbidden: step.forbidden_events ?? [],
    saysAlerts: alerts.length > 0,
  };
}

/** Errors that come after our verdict, from the network itself. */
const NETWORK_ERRORS = ['ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH', 'ETIMEDOUT'];
const isPassed = (result: string): boolean => result === 'OK' || NETWORK_ERRORS.includes(result);

/** A refused capability ends the call with the call's own error, anything else with EACCES; where the case says neither, the alert does. */
function errorOf({ alerts }: Due, news: readonly Told[]): string {
  const said = alerts.map(({ Operation = '' }) => String(Operation)).filter((operation) => operation !== '');
  const came = news.filter(({ kind }) => kind === 'alert').map(({ record }) => record.Operation);
  return (said.length > 0 ? said : came).some((operation) => /capabilities/i.test(operation)) ? 'EPERM' : 'EACCES';
}

/** What is wrong with how a step's access ended. */
export function verdictProblems(due: Due, result: string, news: readonly Told[], placed: Placed): string[] {
  const { verdict } = due;
  if (verdict === null) return [];
  if (verdict === 'allow') return isPassed(result) ? [] : [`allow expected, ${result} came`];
  // without a rule of ours the refusal is the kernel's own
  if (placed.ruleSet === undefined) return isPassed(result) ? ['deny expected, the access passed'] : [];
  const error = errorOf(due, news);
  return result === error ? [] : [`deny with ${error} expected, ${isPassed(result) ? 'the access passed' : `${result} came`}`];
}

/** What every alert of a step says, whatever else a case wants of it. */
function usual({ placed, stimulus }: Where, step: ExecStep, record: Alert): EventFields {
  const { pod, container, workload } = placed;
  const { source } = stimulus;
  const host = isHost(pod);
  const { object } = step.access;
  const byPath = isExec(step.access) || /^(open|create|unlink|mkdir|rmdir|chmod|truncate)/.test(step.access.op);
  return {
    Type: host ? 'MatchedHostPolicy' : 'MatchedPolicy',
    NamespaceName: workload.namespace,
    PodName: workload.podName,
    ContainerName: container,
    Enforcer: 'BPFLSM',
    Result: record.Action === 'Block' ? 'Permission denied' : 'Passed',
    ...(source === undefined ? {} : { Source: source }),
    ...(byPath && object?.startsWith('/') === true ? { Resource: object } : {}),
    ...(record.PolicyName === 'DefaultPosture' ? {} : { PolicyKind: 'matches /^KubeArmor/' }),
  };
}

function postureProblems({ PolicyName, Severity, Tags, Message }: Alert): string[] {
  const said = [Severity, Tags, Message].join('');
  return PolicyName === 'DefaultPosture' && said !== '' ? [`a default posture has neither severity, tags nor message: ${said} came`] : [];
}

/** Pairs each expectation with an alert of its own. */
function pairUp(wanted: readonly EventFields[], alerts: readonly Told[]): { problems: string[]; left: Told[] } {
  const left = [...alerts];
  const problems = wanted.flatMap((fields) => {
    const checks = checksOf(fields);
    const at = left.findIndex((told) => differences(told, checks).length === 0);
    if (at >= 0) left.splice(at, 1);
    if (at >= 0) return [];
    const text = checks.map(({ field, text: value }) => `${field}=${value}`).join(' ');
    const near = left.length === 1 ? `: ${differences(left[0]!, checks).join('; ')}` : ` among ${left.length}`;
    return [`no alert is as expected (${text})${near}`];
  });
  return { problems, left };
}

/**
 * The alerts that a case does not speak of: of a refusal there is one; what passes may be audited, once, by rules or a
 * posture that audits.
 */
function unsaid(due: Due, alerts: readonly Told[], placed: Placed): string[] {
  if (due.verdict === null && placed.ruleSet !== undefined) return [];
  const actions = alerts.map(({ record }) => (record as Alert).Action);
  if (due.verdict === 'deny' && placed.ruleSet !== undefined)
    return actions.length === 1 && actions[0] === 'Block' ? [] : [`one alert of the refusal expected, ${actions.length} came`];
  const audited = due.verdict === 'allow' && placed.ruleSet !== undefined && actions.length <= 1 && actions.every((a) => a === 'Audit');
  return audited ? [] : alerts.map((told) => `no alert expected: ${lineOf(told)}`);
}

/** Where a step was done, and by whom. */
interface Where {
  readonly placed: Placed;
  readonly stimulus: Stimulus;
}

/** The execution of a program that only leads to the access, where it passed. */
function isOnTheWay({ record }: Told, step: ExecStep, { chain }: Stimulus): boolean {
  const [program = ''] = record.Resource.split(' ');
  const isObject = isExec(step.access) && program === step.access.object;
  return record.Operation === 'Process' && record.Result === 'Passed' && chain.includes(program) && !isObject;
}

/** What is wrong with the alerts and logs of a step. */
export function eventProblems(due: Due, step: ExecStep, news: readonly Told[], where: Where): string[] {
  const alerts = news.filter((told) => told.kind === 'alert' && !isOnTheWay(told, step, where.stimulus));
  const { problems, left } = pairUp(due.alerts, alerts);
  const extra = due.saysAlerts ? left.map((told) => `one alert too many: ${lineOf(told)}`) : unsaid(due, alerts, where.placed);
  const folded = alerts
    .filter(({ record }) => record.Count !== (step.access.repeat ?? 1))
    .map((told) => `counted wrongly: ${lineOf(told)}`);
  const shape = alerts.flatMap((told) => [
    ...differences(told, checksOf(usual(where, step, told.record as Alert))),
    ...postureProblems(told.record as Alert),
  ]);
  const logs = due.logs
    .filter((fields) => !news.some((told) => told.kind === 'log' && differences(told, checksOf(fields)).length === 0))
    .map((fields) => `no log is as expected (${JSON.stringify(fields)})`);
  const forbidden = due.forbidden.flatMap((fields) =>
    news
      .filter((told) => told.kind === fields['kind'] && differences(told, checksOf(fields)).length === 0)
      .map((told) => `forbidden: ${lineOf(told)}`),
  );
  return [...problems, ...extra, ...folded, ...shape, ...logs, ...forbidden];
}
