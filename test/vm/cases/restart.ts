// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PolicyStatus } from '#wire';
import { OPEN, writeBadNames } from '../inside.ts';
import { isRefused, until } from '../running.ts';
import type { VmCase } from '../stage.ts';

/** A file that nobody touches but while no agent runs. */
const GAP_FILE = '/data/gap';

const isText = (value: unknown): boolean => typeof value !== 'string' || value.isWellFormed();

/** One restart, with other flags, and what comes of it. */
export const RESTART: readonly VmCase[] = [
  {
    name: 'kill -9, and a denial while no agent runs: a karmor logs that was connected before tells it once it is connected again',
    async run(stage) {
      const agent = await stage.ensureGuarded();
      writeFileSync(join(stage.rootfs, GAP_FILE), '');
      const client = stage.ensureClient();
      const hasGap = (): boolean => client.alerts().some(({ Resource }) => Resource === GAP_FILE);
      const before = client.alerts().length;
      await until('karmor logs is connected', async () => (await stage.probe(), client.alerts().length > before));
      await agent.kill('SIGKILL');
      assert.ok(isRefused(await stage.inside('/bin/cat', GAP_FILE)));
      assert.ok(!hasGap());
      await stage.start({ visibility: 'process,file', defaultFilePosture: 'block' });
      await until('karmor logs is connected again', () => /connected again after \d/.test(client.stderr));
      await until('it tells the denial of the gap', hasGap, 30_000).catch(() => {
        const told = client
          .alerts()
          .slice(-5)
          .map(({ Resource }) => Resource);
        throw new Error(`no alert of ${GAP_FILE}; ${client.stderr}; last: ${told.join(', ')}`);
      });
    },
  },
  {
    name: 'telemetry of arguments, paths and programs that are no UTF-8, and the stream goes on',
    async run(stage) {
      await stage.ensureGuarded();
      writeBadNames(stage.rootfs);
      const client = stage.ensureClient();
      const lost = (): number => client.stderr.split('connection lost').length;
      const lostBefore = lost();
      const isSeen = (Operation: string, field: 'Resource' | 'Source', pattern: RegExp) => async (): Promise<boolean> => {
        const ran = await stage.inside('/bin/ash', '/tmp/bytes.sh');
        assert.equal(ran.code, 0, ran.output);
        return client.logs().some((log) => log['Operation'] === Operation && pattern.test(String(log[field])));
      };
      await until('the log of the arguments', isSeen('Process', 'Resource', /true \ufffd+ c\ufffd+d/));
      await until('the log of the program', isSeen('Process', 'Resource', /^\/tmp\/\ufffd+\/busybox\ufffd+/));
      await until('the log of the path', isSeen('File', 'Resource', /^\/tmp\/\ufffd+\/busybox\ufffd+$/));
      await until('the log of the program that acts', isSeen('File', 'Source', /^\/tmp\/\ufffd+\/busybox\ufffd+/));
      for (const record of client.records()) assert.ok(Object.values(record).every(isText), JSON.stringify(record));
      const before = client.logs().length;
      const later = (): boolean =>
        client
          .logs()
          .slice(before)
          .some(({ Resource }) => Resource === OPEN);
      await until('a later log', async () => (await stage.probe(), later()));
      assert.equal(lost(), lostBefore, client.stderr);
    },
  },
  {
    name: 'the posture of the agent’s flag: an allow-list of files that names none of its own denies what is not on it',
    async run(stage) {
      await stage.ensureGuarded();
      const selector = { matchLabels: { 'kubearmor.io/container.name': 'web' } };
      const file = { matchDirectories: [{ dir: '/tmp/', recursive: true }], matchPaths: [{ path: OPEN }] };
      const object = { metadata: { name: 'few-files' }, spec: { selector, file, action: 'Allow' } };
      const unlisted = '/etc/unlisted';
      writeFileSync(join(stage.rootfs, unlisted), 'x');
      assert.deepEqual(await stage.inside('/bin/cat', unlisted), { code: 0, output: 'x' });
      assert.equal((await stage.send('ADDED', object)).status, PolicyStatus.Applied);
      const isTold = (): boolean =>
        stage
          .ensureClient()
          .alerts()
          .some(({ PolicyName, Resource, Action }) => PolicyName === 'DefaultPosture' && Resource === unlisted && Action === 'Block');
      await until('the alert of the posture', async () => {
        const ran = await stage.inside('/bin/cat', unlisted);
        assert.ok(isRefused(ran), JSON.stringify(ran));
        return isTold();
      });
      await stage.probe();
      assert.equal((await stage.send('DELETED', object)).status, PolicyStatus.Deleted);
    },
  },
];
