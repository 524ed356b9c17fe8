// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeKubeApi } from '#k8s/testing';
import { fakeCluster } from '../cluster/testing-cluster.ts';
import { runCli } from '../run-cli.ts';
import { recordingIo } from '../testing.ts';

const wrong: readonly (readonly [args: string, says: RegExp])[] = [
  ['--block nonsense', /--block does not take 'nonsense': it is one of all, file, network, capabilities/],
  ['--audit file,proces', /--audit does not take 'proces'/],
  ['--viz all', /--viz does not take 'all': it is one of process, file, network, capabilities, none/],
  ['--audit all --block file', /--audit and --block both mean file: give one of them/],
];
for (const [args, says] of wrong) {
  for (const command of ['install', 'upgrade']) {
    test(`karmor ${command} ${args}: refused before anything is asked`, async () => {
      const api = new FakeKubeApi();
      const { io, err } = recordingIo({ cluster: fakeCluster(api) });
      assert.equal(await runCli([command, ...args.split(' ')], io), 2);
      assert.match(err.join('\n'), says);
      assert.deepEqual(api.calls, []);
    });
  }
}

for (const command of ['install', 'upgrade', 'uninstall'])
  for (const name of ['Bad_NS', '-x', `a${'b'.repeat(63)}`, 'a.b', ''])
    test(`karmor ${command} -n ${name}: refused before anything is asked`, async () => {
      const api = new FakeKubeApi();
      const { io, err } = recordingIo({ cluster: fakeCluster(api) });
      assert.equal(await runCli([command, `--namespace=${name}`], io), 2);
      assert.match(err.join('\n'), /is no name of a namespace: at most 63 of a-z, 0-9 and -/);
      assert.deepEqual(api.calls, []);
    });
