// SPDX-License-Identifier: Apache-2.0
import { shBlocks } from '../docs/sh-blocks.ts';
import { isRefused } from '../vm/running.ts';
import type { OtherTerminal, Terminal } from './terminal.ts';

const START = 'docs/guide/getting-started-kubernetes.md';
/** Blocks of other pages that may be typed where that page's policy is in force, and what their lines may exit with beside 0. */
const BESIDE: readonly { readonly key: string; readonly exits?: readonly number[] }[] = [
  { key: 'docs/guide/operations.md: kubectl get ksp,csp,hsp,nsp -A' },
  { key: 'docs/guide/operations.md: karmor probe' },
  { key: 'docs/guide/operations.md: kubectl get ksp,csp,hsp,nsp -A -o yaml > policies.yaml' },
  { key: 'docs/guide/migrate.md: karmor migrate --backup before.json' },
  { key: 'docs/guide/migrate.md: karmor migrate --check cluster', exits: [1] }, // verdicts differ
  {
    key: 'docs/guide/install.md: kubectl annotate kubearmorconfig -n kubearmor kubearmorconfig-default kubearmor.io/take-over=true',
  },
];

/** Our own pages about a cluster, where KubeArmor is installed: every line of their blocks as it stands. */
export async function playOwnPages(terminal: Terminal): Promise<void> {
  terminal.step('Our own pages: getting started in a cluster, and what may be typed there, line by line');
  let logs: OtherTerminal | undefined;
  try {
    for (const line of shBlocks(START).flatMap(({ lines }) => lines)) {
      if (line.startsWith('kubectl delete -f')) await beside(terminal);
      if (line.startsWith('karmor logs')) logs = terminal.open(line);
      else if (line.startsWith('kubectl exec')) await refused(terminal, line, logs);
      else terminal.claim(line, (await terminal.type(line)).code === 0);
    }
  } finally {
    await logs?.[Symbol.asyncDispose]();
  }
}

async function refused(terminal: Terminal, line: string, logs: OtherTerminal | undefined): Promise<void> {
  terminal.claim('what the page says is refused', isRefused(await terminal.type(line)));
  terminal.claim('the other terminal tells of it', (await logs?.shows(/MatchedPolicy - Block .*block-shells/)) === true);
}

async function beside(terminal: Terminal): Promise<void> {
  for (const { key, exits = [] } of BESIDE) {
    const block = shBlocks(key.slice(0, key.indexOf(': '))).find((one) => one.key === key);
    if (block === undefined) throw new Error(`there is no block ${key}`);
    for (const line of block.lines) terminal.claim(line, [0, ...exits].includes((await terminal.type(line)).code));
  }
}
