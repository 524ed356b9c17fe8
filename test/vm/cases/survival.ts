// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GATE_PATIENCE_MS } from '#enforce';
import { PolicyStatus } from '#wire';
import { Agent } from '../agent-process.ts';
import { FORBIDDEN, GUARDED, Load, OPEN } from '../inside.ts';
import { isRefused, until } from '../running.ts';
import type { Stage, VmCase } from '../stage.ts';
import { blockPath } from './basics.ts';
import { settled } from './trouble.ts';

const HAMMERS = ['h1', 'h2'];
/** Rounds of each hammer that count as load. */
const ROUNDS = 3;

const policyText = (name: string, app: string): string =>
  `apiVersion: security.kubearmor.com/v1\nkind: KubeArmorPolicy\nmetadata: {name: ${name}}\nspec:\n  selector: {matchLabels: {app: ${app}}}\n  process: {matchPaths: [{path: /bin/touch}]}\n`;

let load: Load | undefined;

async function startLoad(stage: Stage): Promise<Load> {
  load = new Load(stage.rootfs, HAMMERS);
  await stage.containerd.giveWay('web');
  for (const name of HAMMERS) await stage.containerd.execDetached('web', '/bin/ash', '/tmp/hammer.sh', name, GUARDED, FORBIDDEN);
  await moreRounds(load);
  return load;
}

/** Every hammer goes on: none hangs, and none was refused what it may do. */
async function moreRounds(running: Load): Promise<void> {
  const before = running.rounds();
  await until('all hammers go on', () => running.rounds().every((rounds, i) => rounds >= (before[i] ?? 0) + ROUNDS));
}

function assertNoBreach(running: Load, when: string): void {
  const breaches = running.breaches();
  assert.equal(breaches.length, 0, `${breaches.length} breaches ${when}: ${breaches.slice(0, 5).join(', ')} …`);
}

/** Alerts that the log holds behind an offset: how many events they stand for. */
function delivered(stage: Stage, offset: number): number {
  const lines = readFileSync(stage.jsonLog).subarray(offset).toString().split('\n').slice(0, -1);
  return lines.reduce((sum, line) => sum + Math.max(1, Number((JSON.parse(line) as { count?: number }).count ?? 1)), 0);
}

interface Before {
  readonly generated: number;
  readonly lost: number;
  readonly waiting: number;
  readonly logSize: number;
}

/** Counters that hold still: the containers are frozen for the time of reading them. */
const stillCounts = (stage: Stage): Promise<Before> =>
  stage.containerd.whileFrozen(() => Promise.resolve({ ...stage.kernel.alerts(), logSize: statSync(stage.jsonLog).size }));

/** What the agent says was lost before it was there. */
function toldOfGap(stderr: string): number {
  const told = /(\d+) alerts did not fit the kernel's buffer and are lost .*while no agent read them/.exec(stderr);
  return Number(told?.[1] ?? 0);
}

/** Delivered + lost = generated, from a moment without agent to now. The load rests while this is counted. */
function accountFor(stage: Stage, before: Before): Promise<string> {
  return stage.containerd.whileFrozen(async () => {
    await settled(stage);
    const generated = stage.kernel.alerts().generated - before.generated + before.waiting;
    const lost = (): number => (Agent.probeFile(stage.stateDir)?.losses['alerts_lost'] ?? 0) - before.lost;
    const given = (): number => delivered(stage, before.logSize) + lost();
    await until('all is told', () => given() === generated).catch(() => {});
    const account = `${generated} denials = ${delivered(stage, before.logSize)} delivered + ${lost()} lost`;
    assert.equal(given(), generated, account);
    return account;
  });
}

interface Meanwhile {
  /** Flags of the new agent. */
  readonly over?: Readonly<Record<string, string>>;
  readonly inTheGap?: () => Promise<void>;
  /** As soon as the new agent says that it is ready. */
  readonly onceReady?: () => Promise<void>;
}

/** Kills the agent while the load runs, starts another while it runs, and looks at everything. */
async function killUnderLoad(stage: Stage, which: number, { over, inTheGap, onceReady }: Meanwhile): Promise<void> {
  const agent = await stage.ensureGuarded();
  const running = load ?? (await startLoad(stage));
  await agent.kill('SIGKILL');
  const before = await stillCounts(stage);
  await moreRounds(running);
  await inTheGap?.();
  assertNoBreach(running, 'in the gap');
  await stage.probe();
  const lostInGap = stage.kernel.alerts().lost - before.lost;
  const ms = await stage.start(over);
  await onceReady?.();
  assertNoBreach(running, 'while the new agent took over');
  const told = (): number => toldOfGap(stage.agent!.stderr);
  await until('the gap is told', () => told() > 0);
  assert.ok(told() >= lostInGap, `told ${told()}, lost in the gap ${lostInGap}`);
  assert.doesNotMatch(stage.agent!.stderr, /state of the agent before this one cannot be read/);
  await moreRounds(running);
  const account = await accountFor(stage, before);
  assertNoBreach(running, 'since the restart');
  stage.figures.push(`kill ${which}: ready again after ${Math.round(ms)} ms under load; ${account}; told of the gap: ${told()}`);
}

/** No agent for a while: rules hold, denials are not forgotten. */
export const SURVIVAL: readonly VmCase[] = [
  {
    name: 'the load would notice: where nothing forbids it, it counts its successes',
    async run(stage) {
      await stage.ensureGuarded();
      const client = stage.ensureClient();
      await until('karmor logs is connected', async () => (await stage.probe(), client.alerts().length > 0));
      const control = new Load(stage.rootfs, ['control']);
      await stage.containerd.execDetached('web', '/bin/ash', '/tmp/hammer.sh', 'control', OPEN, '/bin/true');
      await until('a round', () => (control.rounds()[0] ?? 0) > 0);
      control.stop();
      await until('it ends', () => control.isStopped());
      for (const kind of ['open ', 'open of a child ', 'exec '])
        assert.ok(
          control.breaches().some((line) => line.startsWith(kind)),
          kind,
        );
    },
  },
  {
    name: 'kill -9 under load: every forbidden access is denied throughout, the new agent takes over and accounts for the gap',
    async run(stage) {
      await killUnderLoad(stage, 1, {});
      assert.equal((await stage.send('ADDED', blockPath('after-1', 'web', 'file', '/etc/secret'))).status, PolicyStatus.Applied);
      assert.ok(isRefused(await stage.inside('/bin/cat', '/etc/secret')), 'new rules can be applied');
    },
  },
  {
    name: 'kill -9 again; meanwhile a policy is deleted and a container starts: both are seen to when the new agent is ready',
    async run(stage) {
      const touch = ['/bin/touch', '/tmp/touched'];
      const touches = async (): Promise<boolean> => !isRefused(await stage.inside(...touch));
      const newcomerTouches = async (): Promise<boolean> => !isRefused(await stage.containerd.exec('newcomer', ...touch));
      await stage.ensureGuarded();
      const state = join(stage.stateDir, 'bpf-lsm.json');
      await until('the state is saved', () => readFileSync(state).includes('after-1'));
      const saved = readFileSync(state);
      stage.writePolicy('new.yaml', policyText('new', 'newcomer'));
      const path = stage.writePolicy('doomed.yaml', policyText('doomed', 'web'));
      await until('doomed is in force', async () => !(await touches()));
      await killUnderLoad(stage, 2, {
        over: { alertRingBytes: '8192' },
        inTheGap: async () => {
          // as if it had been killed before it saved that doomed replaced other rules, which come into force again
          writeFileSync(state, saved);
          rmSync(path);
          assert.ok(!(await touches()), 'a policy that is deleted meanwhile holds until an agent is there');
          await sleep(GATE_PATIENCE_MS); // before that it would wait for the next agent
          await stage.containerd.run('newcomer', '/bin/sleep', '1000');
          assert.ok(await newcomerTouches(), 'a new container is not protected yet');
        },
        onceReady: async () => {
          assert.ok(!(await newcomerTouches()), 'the container of the gap is protected');
          assert.ok(await touches(), 'the deleted policy has ended');
          assert.deepEqual(await stage.policiesOf('newcomer'), ['new']);
          const ofWeb = await stage.policiesOf('web');
          assert.ok(ofWeb.includes('guard') && ofWeb.includes('after-1'), ofWeb.join(', '));
        },
      });
      assert.match(stage.agent?.stderr ?? '', /the ring of alerts keeps its 4096 bytes, not 8192/);
    },
  },
  {
    name: 'karmor logs is there again by itself, and says how long it was not',
    async run(stage) {
      const client = stage.ensureClient();
      await until('it is connected again', () => /connected again after \d/.test(client.stderr)).catch(() => {
        assert.fail(`not connected again: ${client.stderr}`);
      });
      const before = client.alerts().length;
      await until('later alerts', () => client.alerts().length > before);
    },
  },
  {
    name: 'the load to its end: not one breach',
    async run(stage) {
      assert.ok(load !== undefined);
      load.stop();
      await until('the hammers end', () => load!.isStopped());
      stage.figures.push(
        `load: ${load.rounds().reduce((sum, n) => sum + n, 0)} rounds of 4 forbidden accesses, ${load.breaches().length} breaches`,
      );
      assertNoBreach(load, 'to the end');
    },
  },
];
