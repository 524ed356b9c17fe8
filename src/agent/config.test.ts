// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIssue } from '#base';
import { helpText, readConfig } from './config.ts';
import type { AgentConfig, ConfigInputs } from './config.ts';
import { SETTINGS } from './settings.ts';

const read = (given: Partial<ConfigInputs> & { file?: string }) =>
  readConfig({
    argv: [],
    env: {},
    readFile: (path) => (path === 'kubearmor.yaml' ? given.file : undefined),
    ...given,
  });
function config(given: Parameters<typeof read>[0]): AgentConfig {
  const result = read(given);
  assert.ok('config' in result, JSON.stringify(result));
  return result.config;
}
function issues(given: Parameters<typeof read>[0]): string[] {
  const result = read(given);
  assert.ok('issues' in result, JSON.stringify(result));
  return result.issues.map(formatIssue);
}

test('no setting at all: the defaults, no TCP', () => {
  const found = config({});
  assert.deepEqual([found.cluster, found.logPath, found.tcp, found.runtimeSocket], ['default', 'none', undefined, undefined]);
  assert.deepEqual([found.socket, found.policyDir], ['/run/kubearmor/kubearmor.sock', '/opt/kubearmor/policies']);
  assert.deepEqual(found.postures, { file: 'audit', network: 'audit', capabilities: 'audit' });
  assert.deepEqual([...found.visibility], ['process', 'file', 'network', 'capabilities']);
});

test('every KubeArmor key at its default is accepted, from each source', () => {
  const given = SETTINGS.filter(({ key, fallback }) => fallback !== '' && key !== 'gRPC');
  config({ argv: given.map(({ key, fallback }) => `-${key}=${fallback}`) });
  config({ env: Object.fromEntries(given.map(({ env, fallback }) => [env[0] ?? '', fallback])) });
  config({ file: given.map(({ key, fallback }) => `${key}: ${fallback}`).join('\n') });
});

test('flags as Go reads them', () => {
  for (const argv of [['-cluster=a'], ['--cluster=a'], ['-cluster', 'a'], ['--cluster', 'a'], ['-cluster=b', '-cluster', 'a']]) {
    assert.equal(config({ argv }).cluster, 'a', argv.join(' '));
  }
  assert.equal(config({ argv: ['-debug'] }).debug, true);
  assert.equal(config({ argv: ['-debug=F'] }).debug, false);
  assert.equal(config({ argv: ['-visibility', 'process, network'] }).visibility.size, 2);
  assert.equal(config({ argv: ['-runtimeSocket=unix:///a.sock'] }).runtimeSocket, '/a.sock');
});

test('flag before environment before file before default', () => {
  const file = 'cluster: file\nhost: file\nlogPath: stdout\n';
  const found = config({ argv: ['-cluster=flag'], env: { CLUSTER: 'env', HOST: 'env' }, file });
  assert.deepEqual([found.cluster, found.host, found.logPath], ['flag', 'env', 'stdout']);
});

test('the file: case of keys, KUBEARMOR_CFG, an empty one', () => {
  assert.equal(config({ file: 'CLUSTER: c\n# nothing\n' }).cluster, 'c');
  assert.equal(config({ file: '' }).cluster, 'default');
  assert.equal(config({ file: 'host: 007' }).host, '007', 'as written, not as a number');
  const readFile = (path: string): string | undefined => (path === '/etc/k.yaml' ? 'cluster: named' : undefined);
  assert.equal(config({ env: { KUBEARMOR_CFG: '/etc/k.yaml' }, readFile }).cluster, 'named');
  assert.match(issues({ env: { KUBEARMOR_CFG: '/etc/none.yaml' } }).join(), /there is no file \/etc\/none\.yaml/);
});

test('ending enforcement is asked for by plain flags, and confirmed with nothing else', () => {
  const removal = (...argv: string[]): unknown => {
    const result = read({ argv });
    return 'config' in result ? result.remove : undefined;
  };
  assert.deepEqual(removal('-remove'), { confirmed: false });
  assert.deepEqual(removal('--yes', '-remove'), { confirmed: true });
  assert.match(issues({ argv: ['-remove=maybe'] }).join(), /-remove=maybe: this flag takes no value/);
  assert.match(issues({ argv: ['-yes'] }).join(), /-yes: there is nothing to confirm \(write -remove -yes\)/);
});

test('all problems at once, each with its place, what is allowed and the nearest name', () => {
  const found = issues({
    argv: ['-clutser=x', '-debug=maybe', 'stray', '-gRPC'],
    env: { VISIBILITY: 'process,screens', CRI_SOCKET: '/run/x.sock' },
    file: 'defaultFilePosture: allow\nmaxalertpersec: 5\nlogPth: a\nhost: [a]\n',
  });
  assert.deepEqual(found, [
    'error: -clutser: there is no flag `clutser` (did you mean `cluster`?)',
    'error: stray: is no flag (write -flag=value)',
    'error: -gRPC: has no value (write -gRPC=value)',
    'error: -debug: `maybe` is no value for it (write true or false)',
    'error: environment variable CRI_SOCKET: `/run/x.sock` is no value for it (write unix:///path/to/socket, or empty)',
    'error: environment variable VISIBILITY: `process,screens` is no value for it (write a comma list of process, file, network, capabilities, none)',
    'kubearmor.yaml:3:1: error: logPth: there is no setting `logPth` (did you mean `logPath`?)',
    'kubearmor.yaml:4:1: error: host: is a list or a map (write a single value; lists are separated by commas)',
    'kubearmor.yaml:1:1: error: defaultFilePosture: `allow` is no value for it (write one of audit, block)',
    'kubearmor.yaml:2:1: error: maxalertpersec: `5` is not possible: repeated alerts are folded into one with a count, none is dropped and no rate is set (remove it, or write `10`)',
  ]);
});

const refused: readonly (readonly [name: string, given: Parameters<typeof read>[0], says: RegExp])[] = [
  ['a duration', { argv: ['-initTimeout=60'] }, /initTimeout: `60` is no value for it.*a duration like 60s/],
  ['USB devices', { env: { ENABLEUSBDEVICEHANDLER: 'true' } }, /USB devices are not watched yet/],
  ['labels that are none', { argv: ['-nodeLabels=a=b,c'] }, /write key=value,key=value/],
  ['another enforcer', { argv: ['-lsm=apparmor'] }, /the only enforcer is bpf/],
  ['no enforcer', { argv: ['-lsm=none'] }, /the only enforcer is bpf/],
  ['TCP without TLS', { argv: ['-gRPC=32767'] }, /TCP needs TLS/],
  ['TLS without TCP', { argv: ['-tlsEnabled'] }, /no TCP port/],
  ['plaintext and TLS', { argv: ['-gRPC=1', '-tlsEnabled', '-grpcInsecure'] }, /contradicts tlsEnabled/],
  ['a CA key on the node', { argv: ['-gRPC=1', '-tlsEnabled', '-tlsCertProvider=self'] }, /private key of the CA/],
  ['a port that is none', { argv: ['-gRPC=65536'] }, /whole number from 0 to 65535/],
  ['a ring that is no power of two', { argv: ['-alertRingBytes=5000'] }, /write 8192/],
  ['a relative log path', { argv: ['-logPath=x.log'] }, /none, stdout or an absolute path/],
  ['a wrong value that a flag overrides', { argv: ['-debug'], env: { DEBUG: 'express:*' } }, /environment variable DEBUG/],
  ['a key twice', { file: 'host: a\nHost: b' }, /kubearmor.yaml:2:1: .*given twice/],
  ['both names of one setting', { file: 'criSocket: unix:///a\nruntimeSocket: unix:///b' }, /given twice/],
  ['broken YAML', { file: 'a: b: c' }, /^kubearmor.yaml:1:4: error: Nested mappings are not allowed in compact mappings \(quote/],
  ['YAML without an end', { file: 'cluster: [a\nhost: b\n' }, /^kubearmor.yaml:2:1: error: .* end with a \] \(close the list with `\]`/],
  ['a loose boolean', { argv: ['-debug', 'true', '-cluster=a'] }, /^error: -debug true: .*only behind `=` \(write -debug=true\)$/],
  ['a loose boolean, other spelling', { argv: ['--debug', '0'] }, /write --debug=0/],
  ['a stray word', { argv: ['-debug', 'yes'] }, /^error: yes: is no flag/],
  ['swapped letters', { file: 'debgu: true\n' }, /did you mean `debug`/],
  ['a longer name', { file: 'hostname: x\n' }, /there is no setting `hostname` \(did you mean `host`\?\)/],
  ['a shorter name', { argv: ['-runtime=x'] }, /did you mean `runtimeSocket`/],
  ['a near value', { file: 'defaultFilePosture: blok\n' }, /did you mean `block`\? write one of audit, block/],
  ['a near value in a list', { argv: ['-visibility=process,flie'] }, /did you mean `file`\? write a comma list/],
  [
    'an unknown variable',
    { env: { KUBEARMOR_POLICY_DIR: '/p' } },
    /variable KUBEARMOR_POLICY_DIR: there is no setting .*did you mean `KUBEARMOR_POLICYDIR`/,
  ],
  ['a variable with a prefix too many', { env: { KUBEARMOR_CLUSTER: 'c' } }, /KUBEARMOR_CLUSTER.*did you mean `CLUSTER`/],
  ['a variable like nothing', { env: { KUBEARMOR_XYZZY: '1' } }, /KUBEARMOR_XYZZY.*lists them all/],
  ['a list as file', { file: '- a' }, /no map of settings/],
];
for (const [name, given, says] of refused) {
  test(`refused: ${name}`, () => assert.match(issues(given).join('\n'), says));
}

test('TCP where it is asked for', () => {
  assert.deepEqual(config({ argv: ['-gRPC=0', '-grpcInsecure'] }).tcp, { port: 0, healthPort: 32_766, tlsCertPath: undefined });
  assert.equal(config({ argv: ['-gRPC=32767', '-tlsEnabled'] }).tcp?.tlsCertPath, '/var/lib/kubearmor/tls');
});

test('what is possible beside the default is named', () => {
  assert.match(
    issues({ argv: ['-lsm=apparmor'] }).join(),
    /write `bpf,apparmor,selinux`, or any list of bpf, apparmor and selinux with bpf/,
  );
  config({ argv: ['-lsm=selinux,bpf'] });
});

test('the host: nothing is told of it without host policies, and everything by default with them', () => {
  assert.equal(config({ argv: ['-hostVisibility=process'] }).hostVisibility.size, 0);
  const on = config({ argv: ['-enableKubeArmorHostPolicy', '-hostDefaultFilePosture=block', '-nodeLabels=zone=a, disk = ssd'] });
  assert.deepEqual([...on.hostVisibility], ['process', 'file', 'network', 'capabilities']);
  assert.deepEqual(on.hostPostures, { file: 'block', network: 'audit', capabilities: 'audit' });
  assert.deepEqual(on.nodeLabels, { zone: 'a', disk: 'ssd' });
  assert.deepEqual([...config({ argv: ['-enableKubeArmorHostPolicy', '-hostVisibility=none'] }).hostVisibility], []);
  assert.deepEqual(
    [...config({}).untrackedNamespaces, ...config({ argv: ['-untrackedNs='] }).untrackedNamespaces],
    ['kube-system', 'kubearmor'],
  );
});

test('variables that others set for us are no settings', () => {
  const names = `KUBEARMOR_SEED KUBEARMOR_SERVICE KUBEARMOR_SERVICE_HOST KUBEARMOR_SERVICE_PORT KUBEARMOR_SERVICE_PORT_GRPC KUBEARMOR_PORT
    KUBEARMOR_PORT_32767_TCP KUBEARMOR_PORT_32767_TCP_PROTO KUBEARMOR_PORT_32767_TCP_PORT KUBEARMOR_PORT_32767_TCP_ADDR
    KUBEARMOR_CONTROLLER_WEBHOOK_SERVICE_SERVICE_HOST KUBEARMOR_RELAY_PORT_9091_UDP`.split(/\s+/);
  config({ env: Object.fromEntries(names.map((name) => [name, 'x'])) });
  config({ env: { KUBEARMOR_XYZZY: '' } });
});

test('help names what a setting may be', () => {
  assert.match(helpText(), /-defaultFilePosture\n.*\n +one of audit, block; default audit; environment DEFAULTFILEPOSTURE/);
  assert.match(helpText(), /-debug\n.*\n +true or false; default false/);
});

test('help names every setting', () => {
  for (const { key } of SETTINGS) assert.ok(helpText().includes(key), key);
  assert.deepEqual(read({ argv: ['-debug', '--help'] }), { text: 'help' });
});

test('inside Kubernetes: by flag, else in a pod; its own settings', () => {
  const kube = (given: Parameters<typeof read>[0]) => {
    const result = read(given);
    assert.ok('config' in result, JSON.stringify(result));
    return result.config.kube;
  };
  assert.equal(kube({}), undefined);
  assert.equal(kube({ argv: ['-k8s=false'], env: { KUBERNETES_SERVICE_HOST: '10.0.0.1' } }), undefined);
  const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBEARMOR_NODENAME: 'n1', KUBEARMOR_NAMESPACE: 'kube-system', INITTIMEOUT: '1m30s' };
  assert.deepEqual(kube({ env }), { nodeName: 'n1', namespace: 'kube-system', kubeconfig: undefined, initTimeoutMs: 90_000, env });
  assert.deepEqual(kube({ argv: ['-k8s', '-kubeconfig=/k'] })?.kubeconfig, '/k');
  assert.equal('config' in read({ argv: ['-k8s', '-procfsMount=/host/procfs'] }), true);
});
