// SPDX-License-Identifier: Apache-2.0
// Faults between the programs and the API server. In each, what stands has to be in force at every moment (`GuardedEnforcer`), and all has
// to be as the API server says within the stage's bound once the fault is over (`World.converges`).
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { CORE, nodeLeaseName } from '#cluster';
import type { Container } from '#runtimes';
import { eventually } from '../../../src/agent/testing/cluster-agent.ts';
import { shiftClock } from './shifted-clock.ts';
import type { Stage } from './stage.ts';
import { World } from './world.ts';

/** Pods that start and end in the runtime at this pace. */
const CHURN_EVERY_MS = 250;
/** Of pods that live at the same time. */
const LIVE_MAX = 20;
/** The Lease is renewed every 15 s. */
const RENEWED_WITHIN_MS = 40_000;

/** Acts again and again for a while, in any case once. */
async function forAWhile(ms: number, everyMs: number, act: () => Promise<void> | void): Promise<void> {
  const endMs = performance.now() + ms;
  do {
    await act();
    await sleep(everyMs);
  } while (performance.now() < endMs);
}

/** Every pod that starts while the API server is away is under the rules that were known, and those that run stay so. */
export async function serverAwayUnderChurn(stage: Stage): Promise<void> {
  await using world = await World.open(stage);
  const live: Container[] = [];
  await stage.goAway();
  try {
    await forAWhile(stage.faultMs, CHURN_EVERY_MS, async () => {
      const container = world.startPodUnseen();
      live.push(container);
      await world.isCovered(container);
      if (live.length > LIVE_MAX) world.end(live.shift() ?? container);
    });
    for (const container of live) world.end(container);
  } finally {
    await stage.comeBack(); // what comes next needs it, whatever was found
  }
  await world.change();
  await world.converges();
}

/** Connections are cut again and again while policies come and go. */
export async function watchesCut(stage: Stage): Promise<void> {
  await using world = await World.open(stage);
  await forAWhile(stage.faultMs, stage.cutEveryMs, async () => {
    await world.change();
    stage.cut();
    await world.change();
  });
  await world.converges();
}

/** What was deleted while the server forgot (410) is gone, what was made is there, what stands was never away. */
export async function versionsForgotten(stage: Stage): Promise<void> {
  await using world = await World.open(stage);
  await world.change();
  await world.converges();
  await stage.forget(() => world.change());
  await world.converges();
}

/** A clock that is set changes nothing that is in force, keeps the Lease renewed, and policies reach their status. */
export async function clockJumps(stage: Stage): Promise<void> {
  await using world = await World.open(stage);
  const lease = { namespace: 'kubearmor', name: nodeLeaseName(world.nodeName) };
  const version = async (): Promise<string> => (await stage.api.get(CORE.leases, lease))?.metadata.resourceVersion ?? '';
  for (const byMs of [3_600_000, -7_200_000]) {
    using _clock = shiftClock(byMs);
    const before = await version();
    await world.change();
    await world.converges();
    if (stage.isSlow) await eventually(version, (now) => now !== before, RENEWED_WITHIN_MS);
    assert.deepEqual(world.enforcer.breaches, []);
  }
  await world.change();
  await world.converges();
}
