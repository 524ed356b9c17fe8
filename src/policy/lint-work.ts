// SPDX-License-Identifier: Apache-2.0
import type { Policy, Rule } from './model.ts';

/** Kinds of access to a path, and of questions about a peer: see `universeOf`. */
const [PATH_KINDS, PEER_KINDS] = [6, 3] as const;
/** What compiling one rule takes, in look-ups. */
const RULE_LOOKS = 40;
/** Rules on sockets are looked at one by one, so many in the time of one look-up of a path. */
const SOCKET_RULES_PER_LOOK = 8;

/**
 * How much work `lintAmong` is with these policies, in look-ups of some microseconds: an estimate from above, by counting alone. Where rules
 * name programs, or ports and networks, it grows with the square of the rules.
 */
export function lintWork(policies: readonly Policy[]): number {
  const rules = policies.flatMap((policy) => policy.rules);
  const subjects = distinct(rules, ({ subjects: all }) => all) + 1;
  const paths = rules.filter(({ family }) => family === 'process' || family === 'file').length;
  return rules.length * RULE_LOOKS + paths * PATH_KINDS * subjects + socketWork(rules) * subjects;
}

function socketWork(rules: readonly Rule[]): number {
  const mine = rules.filter((rule) => rule.family === 'network');
  // each bound of a range has two sides
  const ports = 2 * distinct(mine, ({ port, endPort }) => (port === undefined ? [] : [`${port}-${endPort}`])) + 1;
  const addresses = 2 * distinct(mine, ({ cidr }) => (cidr === undefined ? [] : [cidr])) + 1;
  const kinds = distinct(mine, ({ protocol }) => [protocol]) + 1;
  return mine.length === 0 ? 0 : kinds * PEER_KINDS * ports * addresses * Math.ceil(mine.length / SOCKET_RULES_PER_LOOK);
}

const distinct = <T>(rules: readonly T[], of: (rule: T) => readonly unknown[]): number =>
  new Set(rules.flatMap((rule) => of(rule).map((one) => JSON.stringify(one)))).size;
