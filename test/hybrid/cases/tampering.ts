// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { buildNative } from '../../kernel/native.ts';
import { isRefused } from '../../vm/running.ts';
import type { HybridCase, Stage } from '../case.ts';

const ROOT = join(import.meta.dirname, '../../..');
/** What the status may take to say so. */
const SEEN_WITHIN_MS = 60_000;

async function guarded(stage: Stage): Promise<void> {
  await stage.pod('web', { app: 'web' });
  await stage.enforce('no-ls', { selector: { matchLabels: { app: 'web' } }, process: { matchPaths: [{ path: '/bin/ls' }] } });
  assert.ok(isRefused(await stage.exec('web', '/bin/ls')));
}

/** Tampers, and waits until the policy's own status tells. @returns what it says */
async function tampered(stage: Stage, deed: string): Promise<string> {
  const words = [join(ROOT, 'tools/node'), join(ROOT, 'test/hybrid/tamper.ts'), deed, buildNative().closeFd];
  // The status is False for ten seconds at least: somebody who waits sees it, whoever asks now and then may not.
  const waiting = stage.kubectl('wait', '--for=condition=Enforced=False', '--timeout=170s', 'ksp/no-ls');
  waiting.catch(() => {}); // told below, unless the deed itself fails
  const ran = await stage.cluster.guest.run(words.join(' '));
  const startMs = performance.now();
  assert.equal(ran.code, 0, ran.output);
  await waiting;
  const tookMs = performance.now() - startMs;
  const { message } = await stage.condition('no-ls', 'Enforced');
  stage.figures.push(`Enforced=False ${Math.max(0, tookMs / 1_000).toFixed(1)} s after: ${deed}`);
  assert.ok(tookMs < SEEN_WITHIN_MS, `it took ${tookMs} ms`);
  return message;
}

/** `Enforced` is what a canary was refused just now, and no memory of what was loaded. */
export const TAMPERING: readonly HybridCase[] = [
  {
    name: 'containers are unbound in the kernel: Enforced is False within a minute, and True again once they are bound',
    async run(stage) {
      await guarded(stage);
      await tampered(stage, 'unbind');
      await stage.isEnforced('no-ls');
      assert.ok(isRefused(await stage.exec('web', '/bin/ls')));
    },
  },
  {
    name: 'images are taken out of the kernel: Enforced is False within a minute, and True again once they are back',
    async run(stage) {
      await guarded(stage);
      await tampered(stage, 'image');
      await stage.isEnforced('no-ls');
      assert.ok(isRefused(await stage.exec('web', '/bin/ls')));
    },
  },
  {
    name: 'one link is detached: Enforced is False within a minute, and True again once the agent was started anew',
    async run(stage) {
      await guarded(stage);
      await tampered(stage, 'link');
      assert.equal((await stage.exec('web', '/bin/ls')).code, 0, 'the hook is gone indeed');
      await stage.cluster.must('-n', 'kubearmor', 'delete', 'pod', '-l', 'kubearmor-app=kubearmor');
      await stage.until('it is refused again', async () => isRefused(await stage.exec('web', '/bin/ls')));
      await stage.isEnforced('no-ls');
    },
  },
];
