// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { dialGrpc, healthClient } from '#grpc';
import { isBpffs } from '#libbpf';
import { PolicyStatus, ServingStatus } from '#wire';
import { Agent, Alerts } from '../agent-process.ts';
import { isRefused, until } from '../running.ts';
import type { VmCase } from '../stage.ts';

export const blockPath = (name: string, container: string, section: 'process' | 'file', path: string): object => ({
  metadata: { name },
  spec: {
    severity: 5,
    message: `no ${path}`,
    selector: { matchLabels: { 'kubearmor.io/container.name': container } },
    [section]: { matchPaths: [{ path }] },
    action: 'Block',
  },
});

let alerts: Alerts | undefined;

/** The main line: start, policies by RPC and from the folder, alerts, probe. */
export const BASICS: readonly VmCase[] = [
  {
    name: 'the agent starts, with a container that runs already; it mounts the BPF file system that is missing and pins its rules there',
    async run(stage) {
      assert.ok(!isBpffs(stage.bpfFs));
      const ms = await stage.start();
      assert.ok(isBpffs(stage.bpfFs));
      assert.equal(stage.kernel.alerts().lost, 0, 'the maps are pinned below it');
      stage.figures.push(`programs loaded, ready after ${Math.round(ms)} ms`);
      assert.match(stage.agent?.stdout ?? '', /1 containers protected/);
      alerts = new Alerts(stage.socket);
      stage.ensureClient();
    },
  },
  {
    name: 'nothing is refused without a policy',
    async run(stage) {
      assert.deepEqual(await stage.inside('/bin/sh', '-c', 'cat /etc/secret'), { code: 0, output: 'secret' });
      assert.deepEqual(await stage.prober.ask(), { refused: '', passed: 'open exec' });
    },
  },
  {
    name: 'a policy of the folder is in force for what runs already',
    async run(stage) {
      await stage.ensureGuarded();
    },
  },
  {
    name: 'a policy by RPC: once it is answered the next exec is refused',
    async run(stage) {
      assert.equal((await stage.send('ADDED', blockPath('no-shell', 'web', 'process', '/bin/sh'))).status, PolicyStatus.Applied);
      const ran = await stage.containerd.exec('web', '/bin/sh', '-c', 'true');
      assert.ok(isRefused(ran), JSON.stringify(ran));
      assert.equal((await stage.inside('/bin/true')).code, 0, 'another program runs');
    },
  },
  {
    name: 'the alert names policy, rule and container; the line says Blocked',
    async run(stage) {
      const alert = await alerts!.until('no-shell', (a) => a.PolicyName === 'no-shell' && a.Action === 'Block');
      assert.deepEqual(
        [alert.Operation, alert.Result, alert.ContainerName, alert.RuleField, alert.Severity, alert.Message],
        ['Process', 'Permission denied', 'web', 'spec.process.matchPaths[0]', '5', 'no /bin/sh'],
      );
      await until('a line with Blocked', () => /^Blocked: .*no-shell/m.test(stage.agent?.stdout ?? ''));
    },
  },
  {
    name: 'a file, for reading',
    async run(stage) {
      assert.equal((await stage.send('ADDED', blockPath('no-secret', 'web', 'file', '/etc/secret'))).status, PolicyStatus.Applied);
      const ran = await stage.inside('/bin/cat', '/etc/secret');
      assert.ok(isRefused(ran), JSON.stringify(ran));
      await alerts!.until('no-secret', (a) => a.PolicyName === 'no-secret' && a.Operation === 'File');
    },
  },
  {
    name: 'a container that starts later is under a policy of the folder',
    async run(stage) {
      const yaml = `apiVersion: security.kubearmor.com/v1\nkind: KubeArmorPolicy\nmetadata: {name: no-touch}\nspec:\n  selector: {matchLabels: {app: late}}\n  process: {matchPaths: [{path: /bin/touch}]}\n`;
      stage.writePolicy('touch.yaml', yaml);
      await until('the policy is read', () => /policies were read.*policies=4/.test(stage.agent?.stderr ?? ''));
      await stage.containerd.run('late', '/bin/sleep', '1000');
      await until('it is refused', async () => isRefused(await stage.containerd.exec('late', '/bin/touch', '/tmp/x')));
      assert.equal((await stage.containerd.exec('late', '/bin/sh', '-c', 'true')).code, 0, 'other containers’ policies are not its');
    },
  },
  {
    name: 'probe: containers with their policies, and the file',
    async run(stage) {
      using transport = dialGrpc({ address: `unix://${stage.socket}` });
      assert.deepEqual(await stage.policiesOf('web'), ['guard', 'no-secret', 'no-shell']);
      assert.deepEqual(await stage.policiesOf('late'), ['no-touch']);
      assert.equal((await healthClient(transport).check({ service: '' })).status, ServingStatus.SERVING);
      await until('probe.json', () => Agent.probeFile(stage.stateDir) !== undefined);
      const detail = Agent.probeFile(stage.stateDir);
      assert.equal(detail?.enforcer, 'BPFLSM', JSON.stringify(detail?.reasons));
    },
  },
  {
    name: 'a deleted policy ends when it is answered',
    async run(stage) {
      const object = { metadata: { name: 'no-secret' } };
      assert.equal((await stage.send('DELETED', object)).status, PolicyStatus.Deleted);
      assert.deepEqual(await stage.inside('/bin/cat', '/etc/secret'), { code: 0, output: 'secret' });
      assert.equal((await stage.send('DELETED', object)).status, PolicyStatus.NotExist);
    },
  },
  {
    name: 'the stream of alerts lasts',
    async run() {
      assert.equal(await Promise.race([alerts?.done, Promise.resolve('lasts')]), 'lasts');
      alerts?.close();
    },
  },
];
