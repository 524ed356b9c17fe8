// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NODE_REPORTS } from '#cluster';
import { cacheText, parseCache } from '../../../src/agent/kube/cache.ts';
import { eventually } from '../../../src/agent/testing/cluster-agent.ts';
import { kernelEvent } from '../../../src/agent/testing/samples.ts';
import { Account, RelayReader } from './relayed-alerts.ts';
import type { Stage } from './stage.ts';
import { BY, World } from './world.ts';

const EVERY_MS = 100;
const [OLD, NEW] = ['1.0.0', '1.1.0'];

/** Policies and pods come and go, and accesses are denied, all the time. */
class Load implements AsyncDisposable {
  /** Accesses that were denied. */
  denied = 0;
  readonly #world: World;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(world: World) {
    this.#world = world;
    this.#done = this.#run();
    this.#done.catch(() => {}); // told when it is disposed
  }

  /** Each of another program, so that none is folded into another. */
  deny(): void {
    const { enforcer, web } = this.#world;
    const scope = enforcer.scopeOf(web.key);
    enforcer.emit(kernelEvent({ scopeId: scope, imageId: scope, path: `/bin/denied-${++this.denied}` }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    for (let turn = 0; !this.#stop.signal.aborted; turn++) {
      this.deny();
      if (turn % 4 === 0) await this.#world.change();
      if (turn % 4 === 2) this.#world.end(await this.#world.startPod());
      await sleep(EVERY_MS);
    }
  }
}

/**
 * Leaves a report and a cache as a later version might have: with words of its own. A state that nobody here knows is no proof: the policy
 * is not called enforced while that report is the node's.
 */
async function leaveAsLater(world: World): Promise<void> {
  const policies = { [`ksp/${world.namespace}/stands-1`]: { generation: 1, state: 'Quarantined', later: { field: 1 } } };
  const status = { later: 'word', agent: { version: '9.0.0', later: true }, policies };
  await world.stage.api.patch(NODE_REPORTS, { name: world.nodeName }, { status }, { ...BY, subresource: 'status' });
  // `Unknown` would come of a Lease that nobody renews, whatever the report says.
  await eventually(
    () => world.enforced('stands-1'),
    (word) => word === 'False',
    world.stage.convergeMs,
  );
  const file = join(world.directory, 'cluster.json');
  const state = existsSync(file) ? parseCache(readFileSync(file, 'utf8')) : 'there is none';
  if (typeof state === 'string') assert.fail(`the cache: ${state}`);
  const later = { ...state, later: { field: 1 }, pods: state.pods.map((pod) => ({ ...pod, later: 1 })) };
  writeFileSync(file, cacheText(later));
}

/** The agent is replaced; what stands has to be in force before, between and after. */
async function replaceAgent(world: World, version: string, between?: () => Promise<void>): Promise<void> {
  await world.stopAgent();
  await between?.();
  await world.startAgent({ version, runId: `run-${version}-${performance.now()}` });
}

/** One of another version starts before the one before ends, as a Deployment replaces its pods. */
async function replaceController(world: World, holder: string): Promise<void> {
  const next = await world.stage.startController(holder);
  await world.stopController();
  world.takeController(next);
}

async function isReportedBy(world: World, version: string): Promise<void> {
  const look = async (): Promise<string> => JSON.stringify(await world.report());
  await eventually(look, (text) => text.includes(`"version":"${version}"`) && !/later|Quarantined/.test(text), world.stage.convergeMs);
}

/**
 * Agent, controller and relay are replaced by those of another version and back, while policies and pods change and accesses are denied.
 * What one version wrote the other reads; every denial is told, or counted.
 */
export async function upgradeUnderLoad(stage: Stage): Promise<void> {
  await using world = await World.open(stage);
  const account = new Account();
  await replaceAgent(world, OLD);
  const { socket } = world.agent;
  await isReportedBy(world, OLD);
  const first = await RelayReader.open(socket, account, 'relay-old');
  await using load = new Load(world);
  await eventually(
    () => account.received,
    (received) => received > 0,
    stage.convergeMs,
  );
  await replaceController(world, 'new');
  await replaceAgent(world, NEW);
  await isReportedBy(world, NEW);
  await using _second = await RelayReader.open(socket, account, 'relay-new');
  await sleep(stage.faultMs);
  await first[Symbol.asyncDispose]();
  await replaceAgent(world, OLD, () => leaveAsLater(world));
  await replaceController(world, 'old');
  await isReportedBy(world, OLD);
  await sleep(stage.faultMs);
  await load[Symbol.asyncDispose]();
  load.deny();
  const accounted = (): number => account.received + account.missing;
  await eventually(accounted, (count) => count >= load.denied, stage.convergeMs);
  assert.equal(accounted(), load.denied, 'told, or missing among the numbers of those that were told');
  await world.converges();
}
