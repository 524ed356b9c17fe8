// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeArmorError } from '#base';
import { AGENT_DETAIL_PATH, KUBEARMOR_PROBE_PATH } from '../agent-detail.ts';
import { connectAgentPort } from '../connect-agent.ts';
import type { Io } from '../io.ts';
import type { LeftInForce } from '../ports.ts';
import { runCli } from '../run-cli.ts';
import { FakeAgent, GOOD_NODE, recordingIo } from '../testing.ts';

const agent = (): FakeAgent =>
  new FakeAgent({
    probe: {
      containers: [{ name: 'web\u001b[2J', mode: 'enabled', policies: ['a', 'b'] }],
      hosts: [{ name: 'node1', policies: [] }],
    },
  });
const files =
  (found: Record<string, unknown>): Io['agentFile'] =>
  async (path) =>
    path in found ? { json: found[path] } : { missing: `${path}: EACCES` };
const detail = {
  version: '0.1.0',
  enforcer: 'SOME-LSM',
  status: 'enforcing',
  reasons: [],
  postures: { container: { file: 'audit' }, host: { file: 'block' } },
  usage: { images: 2, mapBytes: 3 << 20 },
  startGate: 'open while no agent is there',
  proof: '2 rule sets proven by a canary',
};

test('karmor probe: the verdict is the first line', async () => {
  const { io, out } = recordingIo({ agent: agent(), agentFile: files({ [AGENT_DETAIL_PATH]: detail }) });
  assert.equal(await runCli(['probe'], io), 0);
  assert.deepEqual(out.slice(0, 3), ['ENFORCING', 'KubeArmor is running', 'Active enforcers: [SOME-LSM]']);
  const text = out.join('\n');
  assert.match(text, /version 0\.1\.0/);
  assert.match(text, /kernel 6\.12\.0-1-amd64/);
  assert.match(text, /In the kernel: 2 rule sets, 3\.0 MiB of maps/);
  assert.match(text, /Default posture of containers: file audit/);
  assert.match(text, /Default posture of the host: file block/);
  assert.match(text, /^Start gate: open while no agent is there$/m);
  assert.match(text, /^Proof: 2 rule sets proven by a canary$/m);
  assert.match(text, /web\\x1b\[2J +enabled +a, b/);
});

test('karmor probe: KubeArmor’s own file serves where ours is missing', async () => {
  const { io, out } = recordingIo({ agent: agent(), agentFile: files({ [KUBEARMOR_PROBE_PATH]: { ActiveLSM: 'X' } }) });
  assert.equal(await runCli(['probe'], io), 0);
  assert.equal(out[2], 'Active enforcers: [X]');
});

test('karmor probe: reasons with cures, exit 1 where it does not enforce', async () => {
  const audit = { ...detail, status: 'audit-only', reasons: [{ problem: 'posture', cure: 'do this' }] };
  const { io, out } = recordingIo({ agent: agent(), agentFile: files({ [AGENT_DETAIL_PATH]: audit }) });
  assert.equal(await runCli(['probe'], io), 1);
  assert.deepEqual(out.slice(0, 4), ['AUDIT-ONLY', '  - posture', '    → do this', 'KubeArmor is running']);
});

test('karmor probe without an agent: what this node could do, exit 3', async () => {
  const { io, out } = recordingIo({
    localFacts: async () => ({ ...GOOD_NODE, lsms: ['capability'] }),
    agentFile: files({ [AGENT_DETAIL_PATH]: detail }),
  });
  assert.equal(await runCli(['probe'], io), 3);
  assert.equal(out[0], 'NOT RUNNING');
  const text = out.join('\n');
  assert.match(text, /nothing listens\n +→ start the agent/);
  assert.match(text, /lsm=capability,bpf/);
  assert.match(text, /KubeArmor is not running/);
  assert.doesNotMatch(text, /Active enforcers|0\.1\.0/, 'the file of an agent that is gone says nothing');
});

test('karmor probe without an agent says whether rules of one before are in force', async () => {
  const probed = async (leftInForce: LeftInForce): Promise<string> => {
    const asked: string[] = [];
    const { io, out } = recordingIo({ leftInForce: async (bpffs) => (asked.push(bpffs), leftInForce) });
    assert.equal(await runCli(['probe'], io), 3);
    assert.deepEqual(asked, ['/sys/fs/bpf']);
    return out.join('\n');
  };
  assert.match(await probed({ programs: 41 }), /still in force[^\n]*41 programs[^\n]*\n +→ start the agent/);
  assert.match(await probed({ programs: 0 }), /Rules of an earlier agent: none in force/);
  assert.match(await probed({ unknown: 'EACCES' }), /cannot be seen: EACCES\n +→ run as root/);
});

test('karmor probe by a user whom the agent refuses does not call it dead', async () => {
  const { io, out } = recordingIo({
    connect: async () => Promise.reject(new KubeArmorError('PEER_REFUSED', 'calling S: permission denied')),
  });
  assert.equal(await runCli(['probe'], io), 1);
  assert.equal(out[0], 'DEGRADED');
  assert.match(out.join('\n'), /permission denied\n +→ run as root.*\nKubeArmor may be running: it does not answer this user/);
  const json = recordingIo({ connect: async () => Promise.reject(new KubeArmorError('PEER_REFUSED', 'no')) });
  await runCli(['probe', '-o', 'json'], json.io);
  assert.equal((JSON.parse(json.out.join('')) as { running: unknown }).running, null);
});

test('karmor probe of another machine does not judge by this one', async () => {
  const { io, out } = recordingIo({ agent: agent(), localFacts: async () => assert.fail('asked this machine') });
  assert.equal(await runCli(['probe', '--gRPC', 'node7:32767'], io), 1);
  assert.equal(out[0], 'DEGRADED');
  assert.match(out[1] ?? '', /another machine/);
  assert.ok(out.includes('Active enforcers: unknown'));
});

test('karmor probe -o json', async () => {
  const { io, out } = recordingIo({ agent: agent(), agentFile: files({ [AGENT_DETAIL_PATH]: detail }) });
  assert.equal(await runCli(['probe', '-o', 'json'], io), 0);
  const report = JSON.parse(out.join('\n')) as Record<string, unknown>;
  assert.equal(report['schemaVersion'], 1);
  assert.equal(report['verdict'], 'ENFORCING');
  assert.equal(report['running'], true);
  assert.deepEqual(report['enforcers'], ['SOME-LSM']);
});

test('karmor probe --format, as KubeArmor calls it', async () => {
  const parts = { agent: agent(), agentFile: files({ [AGENT_DETAIL_PATH]: detail }) };
  const json = recordingIo(parts);
  assert.equal(await runCli(['probe', '-f', 'json'], json.io), 0);
  assert.equal((JSON.parse(json.out.join('\n')) as { verdict: string }).verdict, 'ENFORCING');
  const plain = recordingIo({ ...parts, coloured: true });
  assert.equal(await runCli(['probe', '--format=no-color'], plain.io), 0);
  assert.equal(plain.out[0], 'ENFORCING');
});

test('karmor probe --secure without certificates is no verdict about the agent', async () => {
  for (const args of [['probe'], ['version'], ['logs']]) {
    const { io, out, err } = recordingIo({ connect: connectAgentPort });
    assert.equal(await runCli([...args, '--secure', '--tlsCertPath', '/nonexistent'], io), 2);
    assert.deepEqual(out, []);
    assert.match(err[0] ?? '', /TLS needs ca\.crt, client\.crt and client\.key in \/nonexistent: ca\.crt: no such file/);
  }
});

test('karmor version: client, agent, and why the agent’s is not known', async () => {
  const known = recordingIo({ agent: agent(), agentFile: files({ [AGENT_DETAIL_PATH]: detail }) });
  assert.equal(await runCli(['version'], known.io), 0);
  assert.match(known.out[0] ?? '', /^karmor \d+\.\d+\.\d+/);
  assert.equal(known.out[1], 'agent 0.1.0');

  const down = recordingIo();
  assert.equal(await runCli(['--version'], down.io), 0);
  assert.match(down.out[1] ?? '', /^agent unknown: connecting to .*nothing listens$/);

  const alone = recordingIo({ connect: async () => Promise.reject(new KubeArmorError('UNREACHABLE', 'asked')) });
  assert.equal(await runCli(['version', '--client', '-o', 'json'], alone.io), 0);
  assert.deepEqual(Object.keys(JSON.parse(alone.out.join('')) as object), ['schemaVersion', 'client']);
});
