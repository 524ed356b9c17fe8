// SPDX-License-Identifier: Apache-2.0
// etcd is restarted while something is under way. Leading ends when the controller's Lease is not renewed for ten seconds, and one that
// leads anew writes everything anew, as does one whose watches were lost: so the parts are played one by one, and short.
import assert from 'node:assert/strict';
import { CONTROLLER_LEASE, CORE, fieldsOf, NODE_REPORTS } from '#cluster';
import { until } from '../../vm/running.ts';
import { Follower } from '../follower.ts';
import type { PlaneStage } from './plane-stage.ts';
import type { StatusWrite } from './seen-clients.ts';
import { KSP, World } from './world.ts';

/** On a busy machine etcd may be away for too long; then the part is played anew, so often. */
const ROUNDS = 3;
/** What the agent and the controller follow, and the agent enforces by. */
const FOLLOWED = [KSP, CORE.pods, NODE_REPORTS, CORE.leases];

/** Policies that come and go and pods that start, as etcd does; then all is as the API server says. */
async function changeWhileItComesBack(stage: PlaneStage, world: World): Promise<void> {
  const [, , pod] = await Promise.all([stage.comeBack(), world.change(), world.startPod()]);
  await world.isCovered(pod);
}

/** A policy comes, and what is written because of it at last is on its way when etcd goes: it is answered with an error, and written again. */
async function writeFails(stage: PlaneStage, world: World, isLast: (write: StatusWrite, policy: string) => boolean): Promise<void> {
  const { seen } = stage;
  const name = world.nextName();
  seen.keep((write) => isLast(write, name));
  try {
    await world.create(name);
    await until('the write is on its way', () => seen.waiting > 0);
    await stage.goAway();
    seen.letGo();
    await until('it fails', () => seen.failed > 0);
  } finally {
    seen.letGo();
    await stage.comeBack();
  }
  await world.converges();
}

/** Since when the controller leads. */
async function leadsSince({ api }: PlaneStage): Promise<unknown> {
  const lease = await api.get(CORE.leases, { namespace: 'kubearmor', name: CONTROLLER_LEASE });
  return fieldsOf(lease?.['spec'])['acquireTime'];
}

async function statusWriteFails(stage: PlaneStage, world: World): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const before = await leadsSince(stage);
    await writeFails(stage, world, saysEnforced);
    if ((await leadsSince(stage)) === before) return;
  }
  console.log(`a status was written again, but by a controller that led anew in each of ${ROUNDS} rounds: this machine is too busy`);
}

const saysEnforced = ({ kind, ref, body }: StatusWrite, policy: string): boolean =>
  kind === KSP && ref.name === policy && /"type":"Enforced","status":"True"/.test(JSON.stringify(body));
const reports = ({ kind, body }: StatusWrite, policy: string): boolean =>
  kind === NODE_REPORTS && JSON.stringify(body).includes(`/${policy}"`);

/** Watches are lost while etcd is away, so that their lists fail, and go on when it is back. */
async function listsFail(stage: PlaneStage, world: World): Promise<void> {
  const { seen, plane } = stage;
  seen.lost.clear();
  await stage.goAway();
  try {
    await stage.loseWatches(() => FOLLOWED.every(({ plural }) => seen.lost.has(plural)));
    using witness = plane.api(stage.farOptions);
    await using follower = new Follower(witness, KSP, {});
    // Told after its second list has failed: the programs' lists were asked before it.
    await follower.next('lost API_UNREACHABLE');
  } finally {
    await changeWhileItComesBack(stage, world);
  }
  await world.converges();
}

/**
 * Whatever of the programs' doing fails because etcd is restarted is done again by itself: the status of a policy, the report of a node,
 * lists after lost watches. What changes while it comes back is in force.
 */
export async function etcdRestarted(stage: PlaneStage): Promise<void> {
  await using world = await World.open(stage);
  await statusWriteFails(stage, world);
  await writeFails(stage, world, reports);
  await listsFail(stage, world);
  assert.deepEqual(world.enforcer.breaches, []);
}
