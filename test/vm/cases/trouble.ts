// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { PolicyStatus } from '#wire';
import { Alerts } from '../agent-process.ts';
import { OPEN } from '../inside.ts';
import { isRefused, run, until } from '../running.ts';
import { DISTINCT_FILES } from '../stage.ts';
import type { Stage, VmCase } from '../stage.ts';
import { blockPath } from './basics.ts';

const count = (text: string, pattern: RegExp): number => (text.match(pattern) ?? []).length;

/** Until nothing waits in the kernel: neither records nor repetitions. The agent may not have told the last ones yet. */
export async function settled(stage: Stage): Promise<void> {
  await until('nothing waits in the kernel', () => stage.kernel.alerts().waiting === 0);
}

/** Until a stream has all that was generated: a denial of a kind of its own comes after what is settled. */
async function settledInStream(stage: Stage, alerts: Alerts, file: string): Promise<void> {
  await settled(stage);
  assert.ok(isRefused(await stage.inside('/bin/cat', `/data/${file}`)));
  await alerts.until(`of ${file}`, ({ Resource }) => Resource === `/data/${file}`);
}

/** What runs out, goes away or stands still around the agent. */
export const TROUBLE: readonly VmCase[] = [
  {
    name: 'a disk of 1 MiB that is full: policies, state and log cannot be written; the answer is Failure, and nothing is lost',
    async run(stage) {
      const agent = await stage.ensureGuarded();
      assert.equal((await stage.send('ADDED', blockPath('kept', 'web', 'file', '/etc/secret'))).status, PolicyStatus.Applied);
      truncateSync(stage.jsonLog);
      const small = await run('mount', '-o', 'remount,size=1m', stage.disk);
      assert.equal(small.code, 0, small.output);
      const filler = join(stage.disk, 'filler');
      await run('dd', 'if=/dev/zero', `of=${filler}`, 'bs=4k');
      assert.equal((await stage.send('ADDED', blockPath('one-more', 'web', 'process', '/bin/cat'))).status, PolicyStatus.Failure);
      assert.equal((await stage.send('MODIFIED', blockPath('kept', 'web', 'process', '/bin/cat'))).status, PolicyStatus.Failure);
      assert.equal((await stage.inside('/bin/cat', OPEN)).code, 0);
      assert.ok(isRefused(await stage.inside('/bin/cat', '/etc/secret')));
      await until('the log is missed', async () => (await stage.probe(), /log file cannot be written/.test(agent.stderr)));

      rmSync(filler);
      assert.equal((await stage.send('MODIFIED', blockPath('kept', 'web', 'file', '/etc/open'))).status, PolicyStatus.Modified);
      assert.equal((await stage.send('DELETED', { metadata: { name: 'kept' } })).status, PolicyStatus.Deleted);
      const before = statSync(stage.jsonLog).size;
      await until('the log goes on', async () => (await stage.probe(), statSync(stage.jsonLog).size > before));
      assert.ok(existsSync(join(stage.stateDir, 'bpf-lsm.json')));
      await run('mount', '-o', 'remount,size=64m', stage.disk);
    },
  },
  {
    name: 'containerd goes and comes back: what is protected stays so, and new policies reach it',
    async run(stage) {
      const agent = await stage.ensureGuarded();
      const connected = (): number => count(agent.stderr, /connected to the container runtime/g);
      const before = connected();
      await stage.containerd.stop();
      await until('the agent notices', () => /the container runtime is away/.test(agent.stderr));
      await stage.probe();
      assert.equal((await stage.send('ADDED', blockPath('meanwhile', 'web', 'file', '/etc/secret'))).status, PolicyStatus.Applied);
      await stage.containerd.start();
      await until('the agent is connected again', () => connected() > before);
      assert.ok(isRefused(await stage.inside('/bin/cat', '/etc/secret')));
      assert.equal((await stage.send('DELETED', { metadata: { name: 'meanwhile' } })).status, PolicyStatus.Deleted);
    },
  },
  {
    name: `the smallest ring and a reader that stands still: ${DISTINCT_FILES} denials of distinct objects, each delivered or counted as lost`,
    async run(stage) {
      const agent = await stage.ensureGuarded();
      const alerts = new Alerts(stage.socket);
      await until('the stream is open', async () => (await stage.probe(), alerts.seen.length > 0));
      await settledInStream(stage, alerts, `${DISTINCT_FILES}`);
      const seen = { delivered: alerts.delivered, lost: alerts.lost };
      const before = stage.kernel.alerts();
      await agent.kill('SIGSTOP');
      const flood = await stage.inside('/bin/ash', '/tmp/flood.sh', String(DISTINCT_FILES));
      assert.equal(flood.output.trim(), String(DISTINCT_FILES), 'refused');
      await stage.probe();
      await agent.kill('SIGCONT');
      const generated = (): number => stage.kernel.alerts().generated - before.generated;
      const told = (): number => alerts.delivered + alerts.lost - seen.delivered - seen.lost;
      const isTold = async (): Promise<boolean> => {
        await settled(stage);
        if (told() >= generated()) return true;
        // the next alert of a stream carries the count of what was lost before it
        await stage.probe();
        return false;
      };
      await until('the stream has all', isTold).catch(() => {});
      const delivered = alerts.delivered - seen.delivered;
      const lost = alerts.lost - seen.lost;
      stage.figures.push(`reader stopped: ${generated()} denials = ${delivered} delivered + ${lost} counted as lost`);
      assert.equal(delivered + lost, generated());
      assert.ok(generated() >= DISTINCT_FILES && lost > 0 && delivered > 0);
      alerts.close();
    },
  },
];
