// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { GUARDED, writeBadNames } from '../inside.ts';
import { run, until } from '../running.ts';
import type { VmCase } from '../stage.ts';

const isText = (value: unknown): boolean => typeof value !== 'string' || value.isWellFormed();

/** Nothing that a container calls itself, its files or its arguments ends a stream. */
export const BAD_BYTES: readonly VmCase[] = [
  {
    name: 'arguments, paths, a working directory and a program’s name that are no UTF-8',
    async run(stage) {
      await stage.ensureGuarded();
      writeBadNames(stage.rootfs);
      const logs = stage.ensureClient();
      const seen = (field: 'Resource' | 'Source', pattern: RegExp): boolean =>
        logs.alerts().some((alert) => pattern.test(String(alert[field])));
      // again and again: the client may be connecting, and the ring is so small that an alert may be lost
      const isSeen = (field: 'Resource' | 'Source', pattern: RegExp) => async (): Promise<boolean> => {
        const ran = await stage.inside('/bin/ash', '/tmp/bytes.sh');
        assert.equal(ran.code, 0, ran.output);
        return seen(field, pattern);
      };
      await until('the alert of the path', isSeen('Resource', /^\/data\/\ufffd+$/));
      await until('the alert of the program', isSeen('Resource', /^\/data\/\ufffd+\.prog/));
      await until('the alert of the arguments', isSeen('Resource', /busybox-forbidden .*\ufffd.*a\ufffd+b/));
      await until('the alert of the program that acts', isSeen('Source', /\ufffd/));
      for (const alert of logs.alerts()) assert.ok(Object.values(alert).every(isText), JSON.stringify(alert));
    },
  },
  {
    name: 'the stream goes on: later alerts come',
    async run(stage) {
      await stage.ensureGuarded();
      const logs = stage.ensureClient();
      const before = logs.alerts().length;
      const lost = (): number => logs.stderr.split('connection lost').length;
      const lostBefore = lost();
      const later = (): boolean =>
        logs
          .alerts()
          .slice(before)
          .some(({ Resource }) => Resource === GUARDED);
      await until('a later alert', async () => (await stage.prober.ask(), later()));
      assert.ok(logs.isRunning, logs.stderr);
      assert.equal(lost(), lostBefore, logs.stderr);
    },
  },
  {
    name: 'a label that is no UTF-8 hides no container',
    async run(stage) {
      const agent = await stage.ensureGuarded();
      const away = (): number => (agent.stderr.match(/the container runtime is away/g) ?? []).length;
      const before = away();
      const ctr = `ctr --address '${stage.containerd.socket}'`;
      const ran = await run('sh', '-c', `${ctr} run -d --rootfs --label "app=$(printf '\\377')" '${stage.rootfs}' odd /bin/sleep 1000`);
      // containerd may take it or not
      if (ran.code === 0) {
        try {
          await until('it is seen', () => /detected a container name=odd/.test(agent.stderr));
          assert.equal(away(), before);
        } finally {
          await stage.containerd.remove('odd');
        }
      }
      const named = await run('sh', '-c', `${ctr} run -d --rootfs '${stage.rootfs}' "odd$(printf '\\377')" /bin/sleep 1000`);
      assert.notEqual(named.code, 0, 'containerd takes names of letters and digits only');
      assert.ok(agent.isRunning, agent.stderr);
    },
  },
];
