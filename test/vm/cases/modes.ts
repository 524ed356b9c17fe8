// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Alerts } from '../agent-process.ts';
import { isRefused, until } from '../running.ts';
import type { Stage, VmCase } from '../stage.ts';

const NO_TOUCH = `apiVersion: security.kubearmor.com/v1\nkind: KubeArmorPolicy\nmetadata: {name: mode-touch}\nspec:\n  selector: {matchLabels: {modes: 'yes'}}\n  process: {matchPaths: [{path: /bin/touch}]}\n`;

async function touch(stage: Stage, container: string): Promise<'done' | 'refused'> {
  const ran = await stage.containerd.exec(container, '/bin/touch', '/tmp/x');
  assert.ok(ran.code === 0 || isRefused(ran), JSON.stringify(ran));
  return ran.code === 0 ? 'done' : 'refused';
}

/** The mode of a container is its maker's and the configuration's to say, never its image's. */
export const MODES: readonly VmCase[] = [
  {
    name: 'modes: by annotation, not by label',
    async run(stage) {
      await stage.ensureAgent();
      const alerts = new Alerts(stage.socket);
      stage.writePolicy('mode.yaml', NO_TOUCH);
      const annotated = (mode: string): string[] => ['--label', 'modes=yes', '--annotation', `kubearmor-policy=${mode}`];
      // ctr writes the labels that it is given at the start into the annotations too; those of images become labels alone, as later ones do
      await stage.containerd.runWith(['--label', 'modes=yes'], 'labelled', '/bin/sleep', '1000');
      assert.equal((await stage.containerd.ctr('container', 'label', 'labelled', 'kubearmor-policy=disabled')).code, 0);
      await stage.containerd.runWith(annotated('audited'), 'watched', '/bin/sleep', '1000');
      await stage.containerd.runWith(annotated('disabled'), 'free', '/bin/sleep', '1000');
      await until('the label changes nothing', async () => (await touch(stage, 'labelled')) === 'refused');
      assert.equal(await touch(stage, 'watched'), 'done');
      const alert = await alerts.until('what would have been denied', ({ ContainerName }) => ContainerName === 'watched');
      assert.deepEqual([alert.PolicyName, alert.Action, alert.Result], ['mode-touch', 'Audit (Block)', 'Passed']);
      assert.equal(await touch(stage, 'free'), 'done');
      assert.ok(!alerts.seen.some(({ ContainerName }) => ContainerName === 'free'));
      alerts.close();
    },
  },
];
