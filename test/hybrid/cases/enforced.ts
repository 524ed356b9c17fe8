// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { isRefused } from '../../vm/running.ts';
import { forbid, policyObject } from '../case.ts';
import type { HybridCase, Stage } from '../case.ts';

const AT_ONCE = 10;

/** What was forbidden and read all the same, of files that are opened for the first time. */
async function breaches(stage: Stage, numbers: readonly number[]): Promise<string[]> {
  const script = numbers.map((n) => `if read x < /data/${n}; then echo ${n}; fi`).join('\n');
  const output = await stage.script('web', `exec 2>&1\n${script}`);
  const refused = output.split('\n').filter((line) => /ermission denied/.test(line));
  assert.equal(refused.length + breachLines(output).length, numbers.length, output);
  return breachLines(output);
}

const breachLines = (output: string): string[] => output.split('\n').filter((line) => /^\d+$/.test(line));

/** `Enforced` is a promise about the very next access. */
export const ENFORCED: readonly HybridCase[] = [
  {
    name: 'a policy that kubectl applies refuses a program, and its status, alert and log say so',
    async run(stage) {
      await stage.pod('web', { app: 'web' });
      assert.equal((await stage.exec('web', '/bin/ls', '/')).code, 0);
      await stage.enforce('no-ls', { selector: { matchLabels: { app: 'web' } }, process: { matchPaths: [{ path: '/bin/ls' }] } });
      const ran = await stage.exec('web', '/bin/ls', '/');
      assert.ok(isRefused(ran), ran.output);
      const log = (): Promise<string> => stage.cluster.must('logs', '-n', 'kubearmor', '-l', 'app=kubearmor', '--tail=-1');
      await stage.until('the agent prints the alert', async () =>
        (await log()).split('\n').some((line) => line.startsWith('Blocked') && line.includes(`${stage.namespace}/no-ls`)),
      );
    },
  },
  {
    name: 'first accesses after kubectl wait returned are denied, each of them',
    async run(stage) {
      const total = stage.full ? 100 : 2 * AT_ONCE;
      const files = Array.from({ length: total }, (_, n) => `echo ${n} > /data/${n}`).join('; ');
      const command = ['/bin/sh', '-c', `mkdir -p /data; ${files}; touch /ready; exec sleep 100000`];
      await stage.pod(
        'web',
        { app: 'web' },
        {},
        { command, readinessProbe: { exec: { command: ['/bin/cat', '/ready'] }, periodSeconds: 1 } },
      );
      const passed: string[] = [];
      for (let first = 0; first < total; first += AT_ONCE) {
        const numbers = Array.from({ length: AT_ONCE }, (_, i) => first + i);
        await stage.apply(...numbers.map((n) => policyObject(`no-${n}`, forbid('web', `/data/${n}`))));
        await stage.isEnforced(...numbers.map((n) => `no-${n}`));
        passed.push(...(await breaches(stage, numbers)));
      }
      assert.deepEqual(passed, []);
      stage.figures.push(`${total} of ${total} first accesses denied after kubectl wait returned`);
    },
  },
];
