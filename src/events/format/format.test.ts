// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  formatAgentJson,
  formatAgentLine,
  formatJson,
  formatLine,
  formatMessage,
  formatPrettyJson,
  formatText,
  formatWide,
  printable,
} from '../index.ts';
import type { Alert, Log } from '../index.ts';
import { ALERT_KEYS, LOG_KEYS, MESSAGE_KEYS } from './fields.ts';

const NUMBERS = new Set(['HostPPID', 'HostPID', 'PPID', 'PID', 'UID', 'MaxAlertsPerSec', 'DroppingAlertsInterval', 'ImageID', 'Count']);
const BIG = new Set(['Timestamp', 'LostKernel', 'LostQueue', 'BootNs', 'Sequence']);
const OPTIONAL = new Set(['Owner', 'ExecEvent', 'RuleID']);

function emptyOf(key: string): unknown {
  if (NUMBERS.has(key)) return 0;
  if (BIG.has(key)) return 0n;
  if (key === 'ATags') return [];
  return key === 'EventData' ? {} : '';
}
function record<T>(keys: readonly string[], fields: object): T {
  return { ...Object.fromEntries(keys.filter((key) => !OPTIONAL.has(key)).map((key) => [key, emptyOf(key)])), ...fields } as T;
}
const alertWith = (fields: Partial<Alert> = {}): Alert => record(ALERT_KEYS, fields);
const logWith = (fields: Partial<Log> = {}): Log => record(LOG_KEYS, fields);

const alert = alertWith({
  Timestamp: 1795251911n,
  UpdatedTime: '2026-11-21T09:05:11.940319Z',
  HostName: 'node1',
  NamespaceName: 'default',
  PodName: 'web-0',
  ContainerID: 'c1',
  ContainerName: 'nginx',
  Owner: { Ref: 'Deployment', Name: 'web', Namespace: '' },
  HostPID: 1080,
  UID: 33,
  ATags: ['T1', 'T<2>'],
  PolicyName: 'no-shell',
  PolicyNamespace: 'default',
  PolicyKind: 'KubeArmorPolicy',
  RuleField: 'spec.process.matchPaths[0]',
  RuleID: 0,
  Type: 'MatchedPolicy',
  Source: '/usr/sbin/nginx',
  Operation: 'Process',
  Resource: '/bin/sh -c a&b',
  Data: 'lsm=SECURITY_BPRM_CHECK',
  EventData: { Lsm: 'SECURITY_BPRM_CHECK', A: 'b' },
  Action: 'Block',
  Result: 'Permission denied',
  ExecEvent: { ExecID: '0', ExecutableName: 'nginx' },
  Count: 3,
  BootNs: 9_007_199_254_740_993n,
});

test('KubeArmor JSON', () => {
  assert.equal(
    formatJson(alert),
    '{"Timestamp":1795251911,"UpdatedTime":"2026-11-21T09:05:11.940319Z","HostName":"node1","NamespaceName":"default",' +
      '"Owner":{"Ref":"Deployment","Name":"web"},"PodName":"web-0","ContainerID":"c1","ContainerName":"nginx","HostPID":1080,"PPID":0,"UID":33,' +
      '"PolicyName":"no-shell","ATags":["T1","T\\u003c2\\u003e"],"Type":"MatchedPolicy","Source":"/usr/sbin/nginx","Operation":"Process",' +
      '"Resource":"/bin/sh -c a\\u0026b","Data":"lsm=SECURITY_BPRM_CHECK","EventData":{"A":"b","Lsm":"SECURITY_BPRM_CHECK"},"Action":"Block",' +
      '"Result":"Permission denied","ExecEvent":{"ExecID":"0","ExecutableName":"nginx"},"PolicyKind":"KubeArmorPolicy","PolicyNamespace":"default",' +
      '"RuleField":"spec.process.matchPaths[0]","RuleID":0,"Count":3,"BootNs":9007199254740993}',
  );
  assert.equal(formatJson(alertWith()), '{"PPID":0,"UID":0,"ExecEvent":{}}');
  assert.equal(formatJson(logWith({ Type: 'HostLog' })), '{"PPID":0,"UID":0,"Type":"HostLog","ExecEvent":{}}');
});

test('pretty JSON is the same by two spaces', () => {
  const pretty = formatPrettyJson(alert);
  assert.deepEqual(JSON.parse(pretty), JSON.parse(formatJson(alert)));
  assert.match(pretty, /^\{\n  "Timestamp": 1795251911,\n/);
  assert.match(pretty, /\n  "ATags": \[\n    "T1",\n    "T\\u003c2\\u003e"\n  \],\n/);
  assert.match(pretty, /\n  "ExecEvent": \{\n    "ExecID": "0",\n    "ExecutableName": "nginx"\n  \},\n/);
  assert.match(pretty, /\n\}$/);
});

test('text', () => {
  assert.equal(
    formatText({ ...alert, BootNs: 0n }),
    [
      '== Alert / 2026-11-21 09:05:11.940319 ==',
      'HostName: node1',
      'NamespaceName: default',
      'PodName: web-0',
      'ContainerName: nginx',
      'ContainerID: c1',
      'Type: MatchedPolicy',
      'PolicyName: no-shell',
      'Source: /usr/sbin/nginx',
      'Resource: /bin/sh -c a&b',
      'Operation: Process',
      'Action: Block',
      'Data: lsm=SECURITY_BPRM_CHECK',
      'EventData: map[A:b Lsm:SECURITY_BPRM_CHECK]',
      'Result: Permission denied',
      'ATags: [T1 T<2>]',
      'Count: 3',
      'ExecEvent: map[ExecID:0 ExecutableName:nginx]',
      'HostPID: 1080',
      'Owner: map[Name:web Ref:Deployment]',
      'PPID: 0',
      'PolicyKind: KubeArmorPolicy',
      'PolicyNamespace: default',
      'RuleField: spec.process.matchPaths[0]',
      'RuleID: 0',
      'UID: 33',
    ].join('\n'),
  );
  assert.match(formatText(logWith({ UpdatedTime: '2026-11-21T09:05:11.940319Z' })), /^== Log \/ 2026-11-21 09:05:11\.940319 ==\n/);
  const message = {
    Timestamp: 1n,
    UpdatedTime: 'T',
    ClusterName: 'c',
    HostName: 'h',
    HostIP: '',
    Type: 'Message',
    Level: 'INFO',
    Message: 'a\u001bb',
  };
  assert.equal(formatMessage(message), 'T  c  h  [INFO]  a\\x1bb');
  assert.equal(
    formatJson(message),
    '{"Timestamp":1,"UpdatedTime":"T","ClusterName":"c","HostName":"h","Type":"Message","Level":"INFO","Message":"a\\u001bb"}',
  );
});

test('one line', () => {
  const line =
    'MatchedPolicy - Block - Process /bin/sh -c a&b - rule default/no-shell/spec.process.matchPaths[0] - ' +
    '2026-11-21T09:05:11.940319Z default/web-0/nginx by /usr/sbin/nginx (pid 1080, uid 33) x3';
  assert.equal(formatLine(alert), line);
  assert.equal(formatLine({ ...alert, LostKernel: 2n, LostQueue: 5n }), `${line} - 7 events lost before this`);
  assert.equal(formatAgentLine(alert), `Blocked: ${line}`);
  assert.doesNotMatch(formatAgentLine({ ...alert, Action: 'Audit' }), /Blocked/);
  assert.match(formatAgentLine({ ...alert, Action: 'Audit (Block)' }), /^Would block: MatchedPolicy - Audit \(Block\) - /);
  assert.match(formatLine({ ...alert, RuleField: '', PolicyName: 'DefaultPosture' }), / - rule DefaultPosture - /);
  assert.match(formatLine({ ...alert, PodName: 'nginx' }), / default\/nginx by /);
  assert.match(formatLine({ ...alert, PodName: '', ContainerID: '' }), / host node1 by /);
  const connect = { Operation: 'Network', Resource: 'protocol=TCP type=SOCK_STREAM', EventData: { Remoteip: '2001:db8::1', Port: '443' } };
  assert.match(formatLine({ ...alert, ...connect }), / - Network protocol=TCP type=SOCK_STREAM to \[2001:db8::1\]:443 - /);
  assert.match(
    formatLine(logWith({ Type: 'ContainerLog', Result: 'Passed', Operation: 'File', Resource: '/x' })),
    /^ContainerLog - Passed - File \/x - /,
  );
});

test('wide: the line and the rest', () => {
  const wide = formatWide({ ...alert, Message: 'no "shells" here', Severity: '7' });
  assert.ok(wide.startsWith(`${formatLine(alert)} `));
  assert.match(wide, / Severity=7 ATags=T1,T<2> Message="no \\"shells\\" here" /);
});

test('the agent’s own JSON', () => {
  const json = JSON.parse(formatAgentJson({ ...alert, BootNs: 5n })) as object;
  assert.deepEqual(Object.keys(json), [
    'timestamp',
    'updatedTime',
    'hostName',
    'namespaceName',
    'owner',
    'podName',
    'containerID',
    'containerName',
    'hostPPid',
    'hostPid',
    'ppid',
    'pid',
    'uid',
    'execEvent',
    'parentProcessName',
    'processName',
    'policyName',
    'atags',
    'type',
    'source',
    'operation',
    'resource',
    'cwd',
    'oid',
    'data',
    'eventData',
    'action',
    'result',
    'policyKind',
    'policyNamespace',
    'ruleField',
    'ruleID',
    'count',
    'bootNs',
  ]);
  const log = JSON.parse(formatAgentJson(logWith({ Type: 'HostLog' }))) as Record<string, unknown>;
  assert.deepEqual([log['atags'], log['execEvent'], log['type'], log['pid'], log['action']], [null, {}, 'HostLog', 0, undefined]);
});

test('no form lets a container’s control characters through', () => {
  const evil = '\u001b[2J\u009b31m\r\nMatchedPolicy - Block\u0000\u007f\u202e\u2028\u2066\ud800\u00ad\u{e0041}';
  const hostile = alertWith({
    Resource: evil,
    Source: evil,
    ProcessName: evil,
    Cwd: evil,
    PodName: evil,
    ContainerName: evil,
    HostName: evil,
    Message: evil,
    UpdatedTime: evil,
    ATags: [evil],
    EventData: { [evil]: evil, Remoteip: evil },
    Owner: { Ref: evil, Name: evil, Namespace: evil },
    Action: 'Block',
    Operation: evil,
    ExecEvent: { ExecID: evil, ExecutableName: evil },
    PolicyName: evil,
    RuleField: evil,
    Type: evil,
    Labels: evil,
  });
  const controls = /[\p{Cc}\p{Cs}\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\u{e0000}-\u{e007f}]/u;
  for (const format of [formatJson, formatAgentJson, formatLine, formatWide, formatAgentLine])
    assert.doesNotMatch(format(hostile), controls, format.name);
  for (const format of [formatText, formatPrettyJson]) assert.doesNotMatch(format(hostile).replaceAll('\n', ''), controls, format.name);
  assert.equal(formatText(hostile).split('\n').length, formatText(alertWith({ ...hostile, Resource: 'x' })).split('\n').length);
  assert.equal((JSON.parse(formatJson(hostile)) as Alert).Resource, evil.toWellFormed());
  assert.equal(printable('a\tb\u001b\u202e'), 'a\\tb\\x1b\\u{202e}');
});

test('keys are the protocol’s, in its order', () => {
  const proto = readFileSync(new URL('../../../api/proto/kubearmor.proto', import.meta.url), 'utf8');
  const declared = (message: string): string[] => {
    const body = new RegExp(`^message ${message} \\{\\n([^}]*)^\\}`, 'm').exec(proto)?.[1] ?? '';
    return [...body.matchAll(/^ {2}[^/\n]*?(\w+) = \d+;$/gm)].map((match) => match[1] ?? '');
  };
  assert.deepEqual(ALERT_KEYS, declared('Alert'));
  assert.deepEqual(LOG_KEYS, declared('Log'));
  assert.deepEqual(MESSAGE_KEYS, declared('Message'));
});

for (const [name, keys] of [
  ['kubearmor-alerts', ALERT_KEYS],
  ['kubearmor-logs', LOG_KEYS],
] as const) {
  const recorded = fileURLToPath(new URL(`../../../../shared/reference/${name}.jsonl`, import.meta.url));
  test(
    `${name}: byte for byte what KubeArmor prints`,
    { skip: existsSync(recorded) ? false : `absent: ../shared/reference/${name}.jsonl` },
    () => {
      for (const line of readFileSync(recorded, 'utf8').trimEnd().split('\n')) {
        const fields = JSON.parse(line) as Record<string, unknown>;
        assert.equal(formatJson(record(keys, { ...fields, Timestamp: BigInt(fields['Timestamp'] as number) })), line);
      }
    },
  );
}
