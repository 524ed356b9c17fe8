// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dialGrpc, policyClient, probeClient } from '#grpc';
import { PolicyStatus, REASON_TRAILER } from '#wire';
import { Alerts, KARMOR } from '../agent-process.ts';
import { isRefused, run, until } from '../running.ts';
import type { Ran } from '../running.ts';
import { OPEN } from '../inside.ts';
import type { Stage, VmCase } from '../stage.ts';

/** What the host's policies here are about: never what the guest lives on. */
interface Place {
  readonly secret: string;
  /** A copy of busybox. */
  readonly tool: string;
  readonly below: string;
}

const placeOf = ({ home }: Stage): Place => ({
  secret: join(home, 'host/secret'),
  tool: join(home, 'host/busybox'),
  below: join(home, 'host/below/deep'),
});

const HOST_ON = { enableKubeArmorHostPolicy: 'true', hostVisibility: 'none' };

interface Answered {
  readonly status: PolicyStatus;
  readonly reason: string;
}

async function sendHost(stage: Stage, event: object): Promise<Answered> {
  using transport = dialGrpc({ address: `unix://${stage.socket}`, callTimeoutMs: 180_000 });
  let reason = '';
  const onTrailer = (trailer: Headers): void => void (reason = decodeURIComponent(trailer.get(REASON_TRAILER) ?? ''));
  const policy = new Uint8Array(Buffer.from(JSON.stringify(event)));
  const { status } = await policyClient(transport).hostPolicy({ policy }, { onTrailer });
  return { status, reason };
}

const hostPolicy = (name: string, spec: object, annotations: object = {}): object => ({
  metadata: { name, annotations },
  spec: { nodeSelector: { matchLabels: { 'kubernetes.io/hostname': '*' } }, severity: 4, action: 'Block', ...spec },
});

const add = (stage: Stage, name: string, spec: object, annotations: object = {}): Promise<Answered> =>
  sendHost(stage, { type: 'ADDED', object: hostPolicy(name, spec, annotations) });

async function mustAdd(stage: Stage, name: string, spec: object): Promise<void> {
  assert.deepEqual(await add(stage, name, spec), { status: PolicyStatus.Applied, reason: '' });
}

async function mustDelete(stage: Stage, name: string): Promise<void> {
  const answer = await sendHost(stage, { type: 'DELETED', object: { metadata: { name } } });
  assert.equal(answer.status, PolicyStatus.Deleted, answer.reason);
}

const cat = (path: string): Promise<Ran> => run('cat', path);
const assertRefused = (ran: Ran): void => assert.ok(isRefused(ran), JSON.stringify(ran));
const assertDone = (ran: Ran): void => assert.equal(ran.code, 0, JSON.stringify(ran));

const karmor = (stage: Stage, verb: string, ...words: readonly string[]): Promise<Ran> =>
  run(KARMOR, 'vm', 'policy', verb, ...words, '--gRPC', `unix://${stage.socket}`);

let alerts: Alerts | undefined;

/** The host as a workload, with a container beside it. */
export const HOST: readonly VmCase[] = [
  {
    name: 'host: without a policy nothing is refused',
    async run(stage) {
      const { secret, tool, below } = placeOf(stage);
      mkdirSync(below, { recursive: true });
      writeFileSync(secret, 'secret\n');
      writeFileSync(join(below, 'file'), 'deep\n');
      copyFileSync('/bin/busybox', tool);
      if (stage.agent?.isRunning === true) await stage.agent.kill('SIGTERM');
      await stage.start(HOST_ON);
      alerts = new Alerts(stage.socket);
      assertDone(await cat(secret));
    },
  },
  {
    name: 'host: a file by path; the alert is the host’s',
    async run(stage) {
      const { secret } = placeOf(stage);
      await mustAdd(stage, 'no-secret', { file: { matchPaths: [{ path: secret }] }, message: 'hands off' });
      assertRefused(await cat(secret));
      const alert = await alerts!.until('no-secret', ({ PolicyName }) => PolicyName === 'no-secret');
      const { Type, Operation, Resource, Action, Result, NamespaceName, PodName, ContainerID, ContainerName, Severity } = alert;
      assert.deepEqual([Type, Operation, Resource, Action, Result], ['MatchedHostPolicy', 'File', secret, 'Block', 'Permission denied']);
      assert.deepEqual([NamespaceName, PodName, ContainerID, ContainerName, Severity], ['', '', '', '', '4']);
      assert.ok(alert.HostName !== '' && alert.Source.endsWith('/cat'), `${alert.HostName} ${alert.Source}`);
    },
  },
  {
    name: 'host: a directory with all below it, a program, a socket, a capability',
    async run(stage) {
      const { below, tool } = placeOf(stage);
      await mustAdd(stage, 'no-below', { file: { matchDirectories: [{ dir: `${join(below, '..')}/`, recursive: true }] } });
      assertRefused(await cat(join(below, 'file')));
      assertDone(await run(tool, 'true'));
      await mustAdd(stage, 'no-tool', { process: { matchPaths: [{ path: tool }] } });
      assertRefused(await run(tool, 'true'));
      await mustDelete(stage, 'no-tool');
      await mustAdd(stage, 'no-tcp', { network: { matchProtocols: [{ protocol: 'tcp', fromSource: [{ path: tool }] }] } });
      assert.match((await run(tool, 'nc', '127.0.0.1', '1')).output, /Permission denied/);
      await mustAdd(stage, 'no-chown', { capabilities: { matchCapabilities: [{ capability: 'chown', fromSource: [{ path: tool }] }] } });
      assert.match((await run(tool, 'chown', '1000', tool)).output, /Operation not permitted/);
      for (const [name, operation] of [
        ['no-below', 'File'],
        ['no-tool', 'Process'],
        ['no-tcp', 'Network'],
        ['no-chown', 'Capabilities'],
      ])
        assert.equal((await alerts!.until(name!, ({ PolicyName }) => PolicyName === name)).Operation, operation);
      for (const name of ['no-tcp', 'no-chown']) await mustDelete(stage, name);
      assertDone(await run(tool, 'chown', '1000', tool));
    },
  },
  {
    name: 'host: probe names the node with its policies',
    async run(stage) {
      using transport = dialGrpc({ address: `unix://${stage.socket}` });
      const { hostMap, containerMap } = await probeClient(transport).getProbeData({});
      assert.deepEqual(
        Object.values(hostMap).map(({ policyList }) => policyList.toSorted()),
        [['no-below', 'no-secret']],
      );
      assert.ok('web' in containerMap);
    },
  },
  {
    name: 'host: its rules are not a container’s',
    async run(stage) {
      await mustAdd(stage, 'no-etc', { file: { matchPaths: [{ path: OPEN }, { path: '/etc/hostname' }] } });
      assertRefused(await cat('/etc/hostname'));
      assert.deepEqual(await stage.inside('/bin/cat', OPEN), { code: 0, output: 'secret' });
      await stage.containerd.run('beside', '/bin/sleep', '1000');
      assert.deepEqual(await stage.containerd.exec('beside', '/bin/cat', OPEN), { code: 0, output: 'secret\n' });
    },
  },
  {
    name: 'host: a mount name space of one’s own changes no names of what is blocked',
    async run(stage) {
      const other = join(stage.home, 'host/other');
      writeFileSync(other, '');
      const script = `mount --bind /etc/hostname ${other} && cat ${other}`;
      assertRefused(await run('unshare', '-m', 'sh', '-c', script));
      assertRefused(await run('unshare', '-m', 'cat', '/etc/hostname'));
      await mustDelete(stage, 'no-etc');
      assertDone(await run('unshare', '-m', 'sh', '-c', script));
    },
  },
  {
    name: 'host: its rules hold while no agent runs, and are not the next agent’s',
    async run(stage) {
      const { secret } = placeOf(stage);
      // whoever reads the folder of policies must be exempt
      await mustAdd(stage, 'no-policies', { file: { matchDirectories: [{ dir: `${stage.policies}/`, recursive: true }] } });
      assertRefused(await run('ls', stage.policies));
      await stage.agent!.kill('SIGKILL');
      assertRefused(await cat(secret));
      assertRefused(await run('ls', stage.policies));
      alerts?.close();
      await stage.start(HOST_ON);
      alerts = new Alerts(stage.socket);
      assertRefused(await run('ls', stage.policies));
      assertRefused(await cat(secret));
      await mustDelete(stage, 'no-policies');
      assertDone(await run('ls', stage.policies));
    },
  },
  {
    name: 'host: under an allow-list of programs and files containers are still made, and entered',
    async run(stage) {
      const { tool } = placeOf(stage);
      const ours = `/${process.execPath.split('/')[1]}/`;
      const programs = ['/usr/', '/bin/', '/sbin/', ours].map((dir) => ({ dir, recursive: true }));
      const files = ['/run/', '/var/', '/dev/', '/proc/', '/sys/', '/etc/', '/tmp/', '/usr/', '/lib/', ours].map((dir) => ({
        dir,
        recursive: true,
      }));
      await stage.agent!.stop();
      alerts?.close();
      await stage.start({ ...HOST_ON, hostDefaultFilePosture: 'block' });
      alerts = new Alerts(stage.socket);
      await mustAdd(stage, 'only-these', { action: 'Allow', process: { matchDirectories: programs } });
      assertRefused(await run(tool, 'true'));
      const alert = await alerts.until(
        'the posture',
        ({ PolicyName, Operation }) => PolicyName === 'DefaultPosture' && Operation === 'Process',
      );
      assert.equal(alert.Type, 'MatchedHostPolicy');
      await stage.containerd.run('strict', '/bin/sleep', '1000');
      assertDone(await stage.containerd.exec('strict', '/bin/busybox-forbidden', 'true'));
      await mustAdd(stage, 'only-there', { action: 'Allow', file: { matchDirectories: [...files, { dir: '/' }] } });
      await stage.containerd.run('strict2', '/bin/sleep', '1000');
      assert.deepEqual(await stage.containerd.exec('strict2', '/bin/cat', '/etc/secret'), { code: 0, output: 'secret\n' });
      for (const name of ['only-these', 'only-there']) await mustDelete(stage, name);
      assertDone(await run(tool, 'true'));
    },
  },
  {
    name: 'host: what would stop the node is refused by name, and taken with --force',
    async run(stage) {
      const shadow = { process: { matchPaths: [{ path: '/usr/sbin/runc' }] } };
      const refused = await add(stage, 'no-runc', shadow);
      assert.equal(refused.status, PolicyStatus.Invalid);
      assert.match(
        refused.reason,
        /would stop containerd-shim-runc-v2: starting \/usr\/sbin\/runc from .* is denied by KubeArmorHostPolicy no-runc spec\.process\.matchPaths\[0\]; .*--force/,
      );
      const file = join(stage.home, 'no-runc.yaml');
      writeFileSync(
        file,
        JSON.stringify({ apiVersion: 'security.kubearmor.com/v1', kind: 'KubeArmorHostPolicy', ...hostPolicy('no-runc', shadow) }),
      );
      const plain = await karmor(stage, 'add', file);
      assert.ok(plain.code === 65 && /would stop/.test(plain.output), JSON.stringify(plain));
      assertDone(await karmor(stage, 'add', '--force', file));
      assertRefused(await run('/usr/sbin/runc', '--version'));
      assertDone(await karmor(stage, 'delete', file));
      assertDone(await run('/usr/sbin/runc', '--version'));
    },
  },
  {
    name: 'host: a published policy on /tmp is refused where the node lives there',
    async run(stage) {
      const tmp = {
        nodeSelector: { matchLabels: { 'kubernetes.io/hostname': 'guest' } },
        file: { matchDirectories: [{ dir: '/tmp/', recursive: true }] },
      };
      const refused = await add(stage, 'block-tmp', tmp);
      assert.equal(refused.status, PolicyStatus.Invalid);
      assert.match(refused.reason, /would stop (the agent|containerd\S*): reading \/tmp\//);
    },
  },
  {
    name: 'host: on trial: what was before is back by itself, confirmed it stays',
    async run(stage) {
      const { tool } = placeOf(stage);
      const file = join(stage.home, 'trial.yaml');
      const policy = hostPolicy('trial', { process: { matchPaths: [{ path: tool }] } });
      writeFileSync(file, JSON.stringify({ apiVersion: 'security.kubearmor.com/v1', kind: 'KubeArmorHostPolicy', ...policy }));
      const added = await karmor(stage, 'add', '--confirm', '15s', file);
      assert.ok(added.code === 0 && /karmor vm policy confirm trial/.test(added.output), JSON.stringify(added));
      assertRefused(await run(tool, 'true'));
      await until('it is rolled back', async () => (await run(tool, 'true')).code === 0);
      await karmor(stage, 'add', '--confirm', '60s', file);
      assertDone(await karmor(stage, 'confirm', 'trial'));
      assertRefused(await run(tool, 'true'));
      await mustDelete(stage, 'trial');
    },
  },
  {
    name: 'host: on trial, and the agent is killed: the next one rolls it back',
    async run(stage) {
      const { tool } = placeOf(stage);
      const policy = hostPolicy('trial', { process: { matchPaths: [{ path: tool }] } });
      assert.equal((await sendHost(stage, { type: 'ADDED_FOR', seconds: 5, object: policy })).status, PolicyStatus.Applied);
      await stage.agent!.kill('SIGKILL');
      alerts?.close();
      assertRefused(await run(tool, 'true'));
      await stage.start(HOST_ON);
      assertDone(await run(tool, 'true'));
      assert.match(stage.agent!.stderr, /KubeArmorHostPolicy trial was not confirmed in time: it is removed/);
    },
  },
  {
    name: 'host: the last policy gone, all is as before',
    async run(stage) {
      const { secret, below } = placeOf(stage);
      for (const name of ['no-secret', 'no-below']) await mustDelete(stage, name);
      assertDone(await cat(secret));
      assertDone(await cat(join(below, 'file')));
      await stage.containerd.run('after', '/bin/sleep', '1000');
      assertDone(await stage.containerd.exec('after', '/bin/cat', '/etc/secret'));
      const answer = await add(stage, 'elsewhere', {
        nodeSelector: { matchLabels: { 'kubernetes.io/hostname': 'another' } },
        file: { matchPaths: [{ path: secret }] },
      });
      assert.equal(answer.status, PolicyStatus.Applied);
      assertDone(await cat(secret));
      await mustDelete(stage, 'elsewhere');
      await until('no rule is left', () => stage.reasons().length === 0).catch(() => {});
    },
  },
];
