// SPDX-License-Identifier: Apache-2.0

/** `warning`: a rule does not do what it says; `note`: it does, and there is something to know. */
export type LintSeverity = 'warning' | 'note';

/** What `karmor policy lint` finds besides the issues of a check. Codes are stable: CI configurations name them. */
export const LINT_CODES = {
  RULE_SHADOWED: {
    severity: 'warning',
    meaning: 'No access exists that this rule decides: others decide each one that it matches. Exact, from the automata.',
  },
  RULE_DUPLICATE: { severity: 'warning', meaning: 'Another rule says the same: object, subjects, conditions and action.' },
  RULE_MATCHES_NOTHING: {
    severity: 'warning',
    meaning: 'No access exists that this rule matches, for example a pattern that no path can have.',
  },
  ALLOW_BESIDE_BLOCK: {
    severity: 'warning',
    meaning:
      'Block rules and Allow rules stand in one family, and the Allow rules are no exceptions to the Block rules: they make the family an allow-list, so what no rule names falls to the default posture.',
  },
  FAMILY_DEFAULT_DENY: {
    severity: 'note',
    meaning: 'Allow rules with the posture `block`: what no Allow rule of the family matches is denied.',
  },
  BLOCK_EXCEPTED: { severity: 'note', meaning: 'A more specific Allow rule, for every program, takes something out of a Block rule.' },
  ONE_OF_MERGED_USR: {
    severity: 'note',
    meaning:
      'A rule names `/bin/x` (or /sbin, /lib) and none names `/usr/bin/x`, or the other way round. Where the one directory is a link to the other both are covered; where it is none, and with KubeArmor’s own enforcers, only the name that is written.',
  },
  NET_RAW_AROUND_PORTS: {
    severity: 'note',
    meaning: 'Rules on ports or addresses, and nothing keeps programs from CAP_NET_RAW: with it they send packets around these rules.',
  },
  COPIES_RUN: {
    severity: 'note',
    meaning: 'Programs are blocked by their names: a copy under another name runs. An allow-list of programs has no such gap.',
  },
  LINT_INCOMPLETE: { severity: 'note', meaning: 'The rules are too many to look at every access: shadowed rules were not looked for.' },
} as const satisfies Record<string, { severity: LintSeverity; meaning: string }>;

export type LintCode = keyof typeof LINT_CODES;
