// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeArmorError } from '#base';
import { COMMANDS, GROUPS, PLANNED } from './command-table.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { runCli } from './run-cli.ts';
import { FakeAgent, recordingIo } from './testing.ts';

const wrong: readonly { readonly args: string; readonly says: RegExp }[] = [
  { args: 'logz', says: /^karmor: unknown command 'logz' \(did you mean logs\?\)$/ },
  { args: 'zzzzz', says: /^karmor: unknown command 'zzzzz' \(see `karmor --help`\)$/ },
  { args: 'policy chek', says: /^karmor policy: unknown command 'chek' \(did you mean check\?\)$/ },
  { args: 'logs --logfilter all', says: /unknown option '--logfilter' \(did you mean --logFilter\?\)/ },
  { args: 'vm policy list --grpc=x', says: /unknown option '--grpc=x' \(did you mean --gRPC\?\)/ },
  { args: 'logs -z', says: /^karmor logs: unknown option '-z' \(see `karmor logs --help`\)$/ },
  { args: 'logs -o xml', says: /^karmor logs: -o, --output does not take 'xml': write one of line, text, json, pretty-json, wide \(see/ },
  { args: 'logs --logFilter alerts', says: /--logFilter does not take 'alerts': write one of policy, system, all/ },
  { args: 'logs --limit -1', says: /does not take '-1'|argument missing/ },
  { args: 'logs --limit many', says: /whole number/ },
  { args: 'logs --logPath none', says: /leave nothing to show/ },
  { args: 'logs surplus', says: /too many arguments/ },
  { args: 'policy check', says: /missing required argument 'file'/ },
  { args: 'policy check /no/such/file', says: /no such file or folder \(see `karmor policy check --help`\)$/ },
  { args: 'vm policy add', says: /missing required argument 'file'/ },
  { args: 'vm policy delete', says: /missing required argument 'file'/ },
  { args: 'vm policy list extra', says: /too many arguments/ },
  { args: 'completion tcsh', says: /^karmor completion: there is no shell 'tcsh' here: write one of bash, zsh, fish \(see/ },
  { args: 'probe -o yaml', says: /-o, --output does not take 'yaml': write one of text, json/ },
  { args: 'version extra', says: /too many arguments/ },
  { args: 'logs --operation exec', says: /--operation exec: it is one of Process, File, .*, in any case/ },
  { args: 'logs --operation proces', says: /did you mean Process\?/ },
  { args: 'logs --logType ^MatchedP.*$', says: /did you mean MatchedP\*\? it is one of MatchedPolicy/ },
  { args: 'logs -l foo', says: /-l foo: a label is key=value; write -l foo=VALUE/ },
  { args: 'logs -l app:web', says: /-l app:web: a label is key=value; write -l app=web/ },
  { args: 'logs -l app=web,=x', says: /-l =x: a label is key=value/ },
  { args: '--kubeconfig=/x policy check y', says: /^karmor policy check: --kubeconfig: this command does not speak to a cluster/ },
  { args: 'vm policy list --context c', says: /^karmor vm policy list: --context: this command does not speak to a cluster/ },
  { args: 'logs --context c --gRPC :1', says: /--gRPC names an address, --kubeconfig and --context a cluster: give one/ },
  { args: '--context c logs', says: /looking for a cluster: there is none in this test/ },
  { args: 'logs --tlsCertProvider=selv', says: /write one of self, external/ },
  { args: 'logs --readCAFromSecret=false', says: /nobody but the operator has the key of the authority/ },
  { args: 'probe -n kubearmor', says: /^karmor probe: -n: this is the agent of one machine; it has no namespace: leave it out/ },
  { args: 'probe -nkubearmor', says: /leave it out/ },
  { args: 'probe --full', says: /of one machine everything is always told: leave it out/ },
  { args: 'vm policy add --kvms x', says: /there is no KVM service/ },
  {
    args: 'get -n default',
    says: /^karmor: unknown command 'get' \(use `karmor policy list`, or without Kubernetes `karmor vm policy list`\)$/,
  },
  { args: 'insight --source all', says: /use `karmor logs --logFilter=all`/ },
  { args: 'observe file', says: /use `karmor logs --logFilter=all`/ },
  { args: 'vm add x.yaml', says: /^karmor vm: unknown command 'add' \(use `karmor vm policy add`\)$/ },
  { args: 'vm policy apply x.yaml', says: /use `karmor vm policy add`/ },
  { args: 'vm policy get', says: /use `karmor vm policy list`/ },
  { args: 'vm policy remove x', says: /use `karmor vm policy delete`/ },
  { args: 'policy add x.yaml', says: /use `karmor vm policy add`/ },
  { args: 'policy ls', says: /use `karmor policy list`/ },
  { args: 'policy list', says: /looking for a cluster: there is none in this test/ },
  { args: 'policy list -A -n x', says: /-A and -n contradict each other/ },
  { args: 'policy diff a b --watch', says: /--watch is for comparing files with a cluster: name one set of files/ },
  { args: 'probe -o text -f json', says: /-o text and -f json contradict each other/ },
  { args: 'vm policy add /dev/zero', says: /\/dev\/zero: it is a device; name a file/ },
];
for (const { args, says } of wrong) {
  test(`karmor ${args}: one line and exit 2`, async () => {
    const { io, out, err, addresses } = recordingIo();
    assert.equal(await runCli(args.split(' '), io), EXIT_CODES.usage.code);
    assert.deepEqual(out, []);
    assert.equal(err.length, 1);
    assert.match(err[0] ?? '', says);
    assert.deepEqual(addresses, []);
  });
}

for (const { words, instead } of PLANNED) {
  test(`karmor ${words.join(' ')}: planned, whatever follows`, async () => {
    const { io, out, err } = recordingIo();
    assert.equal(await runCli([...words, '-n', 'prod', '--deployment=x', '--help'], io), EXIT_CODES.usage.code);
    assert.deepEqual(out, []);
    const hint = instead === undefined ? 'see `karmor --help` for what is' : `until then: ${instead}`;
    assert.deepEqual(err, [`karmor ${words.join(' ')}: planned, not in this version; ${hint}`]);
  });
}

for (const { words } of [{ words: [] }, ...GROUPS, ...COMMANDS]) {
  for (const args of [
    [...words, '--help'],
    [...words, '-h'],
    ['help', ...words],
  ]) {
    test(`karmor ${args.join(' ')}: help on stdout, exit 0`, async () => {
      const { io, out, err } = recordingIo();
      assert.equal(await runCli(args, io), EXIT_CODES.ok.code);
      assert.match(out[0] ?? '', new RegExp(`^Usage: karmor ${words.join(' ')}`));
      assert.deepEqual(err, []);
    });
  }
}

test('help names the exit codes and what is planned', async () => {
  const { io, out } = recordingIo({ width: 1_000 });
  await runCli([], io);
  const text = out.join('\n');
  for (const { code, meaning } of Object.values(EXIT_CODES)) assert.ok(text.includes(`${code}`) && text.includes(meaning));
  for (const { words } of PLANNED) assert.ok(text.includes(words.join(' ')));
});

test('a group without a command is wrong usage, with its help on stderr', async () => {
  const { io, out, err } = recordingIo();
  assert.equal(await runCli(['policy'], io), EXIT_CODES.usage.code);
  assert.deepEqual(out, []);
  assert.match(err.join('\n'), /check/);
});

for (const args of ['vm --gRPC=unix:///x policy list', 'vm policy --gRPC unix:///x list', 'vm policy list --gRPC=unix:///x']) {
  test(`the address may stand anywhere: ${args}`, async () => {
    const { io, addresses } = recordingIo({ agent: new FakeAgent() });
    assert.equal(await runCli(args.split(' '), io), EXIT_CODES.ok.code);
    assert.deepEqual(addresses, [{ address: 'unix:///x', tlsCertPath: undefined }]);
  });
}

test('KUBEARMOR_SERVICE stands in for --gRPC, and yields to it', async () => {
  const { io, addresses } = recordingIo({ agent: new FakeAgent(), env: { KUBEARMOR_SERVICE: 'relay:32767' } });
  await runCli(['vm', 'policy', 'list'], io);
  await runCli(['vm', 'policy', 'list', '--gRPC', 'other:1', '--secure', '--tlsCertPath', '/certs'], io);
  assert.deepEqual(addresses, [
    { address: 'relay:32767', tlsCertPath: undefined },
    { address: 'other:1', tlsCertPath: '/certs' },
  ]);
});

test('an agent that does not answer: one line with the cure, exit 3', async () => {
  for (const args of [['logs'], ['vm', 'policy', 'list']]) {
    const { io, err } = recordingIo();
    assert.equal(await runCli(args, io), EXIT_CODES.unreachable.code);
    assert.equal(err.length, 1);
    assert.match(err[0] ?? '', /connecting to unix:\/\/\/run\/kubearmor\/kubearmor\.sock: nothing listens \(.*karmor probe/);
  }
});

test('an interrupt in the middle is not an error message about the connection', async () => {
  const { io, err, stop } = recordingIo({
    connect: async () => {
      stop.abort();
      throw new KubeArmorError('UNREACHABLE', 'connecting: aborted');
    },
  });
  assert.equal(await runCli(['vm', 'policy', 'list'], io), EXIT_CODES.partial.code);
  assert.deepEqual(err, ['karmor vm policy list: interrupted']);
});

for (const [name, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`a command that waits for its input is ended by ${name} with ${code}`, async () => {
    const { io, err, stop } = recordingIo({
      readStdin: async () => {
        stop.abort(name);
        throw new KubeArmorError('HOST_IO', 'reading standard input: interrupted');
      },
    });
    assert.equal(await runCli(['policy', 'check', '-'], io), code);
    assert.deepEqual(err, ['karmor policy check: interrupted']);
  });
}

test('a reader of stdout that left is no interrupt to speak of', async () => {
  const { io, err, stop } = recordingIo({
    readStdin: async () => {
      stop.abort('EPIPE');
      throw new KubeArmorError('HOST_IO', 'reading standard input: interrupted');
    },
  });
  assert.equal(await runCli(['policy', 'check', '-'], io), EXIT_CODES.partial.code);
  assert.deepEqual(err, []);
});

test('help and completion name -h, -v and --version', async () => {
  const { io, out } = recordingIo();
  await runCli(['--help'], io);
  assert.match(out.join('\n'), /-h, --help +print this help\n +-v, --version +as `karmor version`/);
  const bash = recordingIo();
  await runCli(['completion', 'bash'], bash.io);
  assert.match(bash.out.join('\n'), /-h --help -v --version/);
  for (const flag of ['-v', '--version']) {
    const version = recordingIo();
    await runCli([flag, '--client'], version.io);
    assert.match(version.out[0] ?? '', /^karmor \d/);
  }
});

test('a bug is not dressed up as a failure', async () => {
  const { io } = recordingIo({ connect: async () => Promise.reject(new TypeError('bug')) });
  await assert.rejects(runCli(['vm', 'policy', 'list'], io), TypeError);
});
