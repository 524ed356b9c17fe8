// SPDX-License-Identifier: Apache-2.0
import { shBlocks } from '../docs/sh-blocks.ts';
import { isRefused } from '../vm/running.ts';
import type { OtherTerminal, Terminal } from './terminal.ts';

const PAGE = 'docs/guide/getting-started-kubernetes.md';

/** Our own page about a cluster, where KubeArmor is installed: every line of its blocks as it stands. */
export async function playOwnPage(terminal: Terminal): Promise<void> {
  terminal.step('Our own page: getting started in a cluster, line by line');
  let logs: OtherTerminal | undefined;
  try {
    for (const line of shBlocks(PAGE).flatMap(({ lines }) => lines)) {
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
