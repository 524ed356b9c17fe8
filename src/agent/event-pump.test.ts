// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noLogger } from '#base';
import type { Alert, KernelEvent, Log } from '#events';
import type { Lost } from '#grpc';
import { pumpEvents } from './event-pump.ts';
import type { EventPumpOptions } from './event-pump.ts';
import { Protector } from './protector.ts';
import { FakeEnforcer } from './testing/fake-enforcer.ts';
import { bound, kernelEvent, plainRoot, policy } from './testing/samples.ts';
import type { LossTotals } from './told-losses.ts';

interface Told {
  readonly alerts: Alert[];
  readonly logs: Log[];
  readonly lines: string[];
  readonly json: string[];
  readonly lost: [string, Lost][];
}

async function pumped(
  events: readonly KernelEvent[],
  over: Partial<EventPumpOptions> = {},
  enforcer = new FakeEnforcer(),
  subscribers = 1,
): Promise<Told> {
  const told: Told = { alerts: [], logs: [], lines: [], json: [], lost: [] };
  const protector = new Protector({ enforcer, logger: noLogger, openRoot: plainRoot });
  protector.apply([policy('no-shell')]);
  protector.bind(bound());
  const to = (lines: string[]) => ({ write: (line: string) => void lines.push(line), close: () => {}, lost: 0 });
  const stop = new AbortController();
  const done = pumpEvents(
    {
      enforcer,
      workloadOf: (scope) => protector.workloadOf(scope),
      feed: {
        publishAlert: (alert) => void told.alerts.push(alert as Alert),
        publishLog: (log) => void told.logs.push(log as Log),
        countLost: (kind, lost) => void told.lost.push([kind, lost]),
        stats: () => ({ subscribers, published: 0n, lostQueue: 0n }),
      },
      names: { clusterName: 'c', hostName: 'h', nodeId: 'n', version: '1', wallClock: () => new Date(0) },
      visibilityOf: () => new Set(['process', 'file']),
      dropProcessResource: false,
      lines: to(told.lines),
      json: to(told.json),
      toldLosses: { load: () => ({ alerts: 0n, logs: 0n }), save: () => {} },
      logger: noLogger,
      ...over,
    },
    stop.signal,
  );
  for (const event of events) enforcer.emit(event);
  enforcer.counts = { alerts_lost: 3n, logs_lost: 0n };
  stop.abort();
  await done;
  return told;
}

test('a denial names its policy and is one line with `Blocked`', async () => {
  const { alerts, lines, json } = await pumped([kernelEvent()]);
  assert.equal(alerts[0]?.PolicyName, 'no-shell');
  assert.deepEqual(
    [alerts[0]?.ContainerName, alerts[0]?.ClusterName, alerts[0]?.Enforcer, alerts[0]?.RuleField],
    ['web', 'c', 'FAKE', 'spec.process.matchPaths[0]'],
  );
  assert.match(lines[0] ?? '', /^Blocked: MatchedPolicy - Block - Process \/bin\/sh/);
  assert.equal((JSON.parse(json[0] ?? '') as { policyName: string }).policyName, 'no-shell');
});

test('an event of a workload that is not known is told all the same', async () => {
  const { alerts } = await pumped([kernelEvent({ scopeId: 9 })]);
  assert.equal(alerts[0]?.ContainerName, 'Unknown');
});

test('telemetry is no alert, and only what is visible is told', async () => {
  const observed = { outcome: 'observed', ruleId: undefined } as const;
  const events = [kernelEvent(observed), kernelEvent({ ...observed, hook: 'SOCKET_CONNECT', socket: { domain: 2, type: 1, protocol: 6 } })];
  const { alerts, lines, logs } = await pumped(events);
  assert.deepEqual([alerts.length, lines.length], [0, 0]);
  assert.deepEqual(
    logs.map(({ Operation, Resource }) => [Operation, Resource]),
    [['Process', '/bin/sh']],
  );
  const dropped = await pumped(events, { dropProcessResource: true });
  assert.equal(dropped.logs[0]?.Resource, '');
});

test('the source of a log is the command line that the kernel told of, of an alert the program', async () => {
  const exec = kernelEvent({ outcome: 'observed', ruleId: undefined, path: '/bin/cat', args: ['-n', '/etc/hosts'], hostPid: 7 });
  const opened = kernelEvent({
    outcome: 'observed',
    ruleId: undefined,
    hook: 'FILE_OPEN',
    subject: '/bin/cat',
    path: '/etc/hosts',
    hostPid: 7,
  });
  const events = [
    opened,
    kernelEvent({ ...exec, outcome: 'denied' }),
    opened,
    exec,
    opened,
    { ...opened, hostPid: 8, hostPpid: 7 },
    { ...opened, hostPid: 9, hostPpid: 8 },
    { ...opened, subject: '/bin/dd' },
    kernelEvent({ ...opened, outcome: 'denied' }),
  ];
  const { alerts, logs } = await pumped(events);
  assert.deepEqual(
    logs.filter(({ Operation }) => Operation === 'File').map(({ Source }) => Source),
    ['/bin/cat', '/bin/cat', '/bin/cat -n /etc/hosts', '/bin/cat -n /etc/hosts', '/bin/cat', '/bin/dd'],
  );
  assert.equal(logs.find(({ Operation }) => Operation === 'Process')?.Source, '/bin/x');
  assert.equal(alerts.at(-1)?.Source, '/bin/cat');
});

test('telemetry that nobody reads is not described', async () => {
  const events = [kernelEvent({ outcome: 'observed', ruleId: undefined })];
  assert.equal((await pumped(events, { json: undefined }, new FakeEnforcer(), 0)).logs.length, 0);
  assert.equal((await pumped(events, { json: undefined })).logs.length, 1);
  assert.equal((await pumped(events, {}, new FakeEnforcer(), 0)).json.length, 1);
});

test('what the kernel lost is told once, also what was lost while no agent ran', async () => {
  const enforcer = new FakeEnforcer();
  enforcer.counts = { alerts_lost: 2n, logs_lost: 0n };
  const saved: LossTotals[] = [];
  const toldLosses = { load: () => ({ alerts: 1n, logs: 0n }), save: (totals: LossTotals) => void saved.push(totals) };
  const { lost } = await pumped([], { toldLosses }, enforcer);
  assert.deepEqual(
    lost.map(([kind, { kernel }]) => [kind, kernel]),
    [
      ['alerts', 1n],
      ['alerts', 1n],
    ],
  );
  assert.deepEqual(saved.at(-1), { alerts: 3n, logs: 0n });
});

test('counters that are smaller than what was told are new ones', async () => {
  const toldLosses = { load: () => ({ alerts: 7n, logs: 0n }), save: () => {} };
  const { lost } = await pumped([], { toldLosses });
  assert.deepEqual(lost, [['alerts', { kernel: 3n, queue: 0n }]]);
});

test('events that are the agent’s own are told to nobody', async () => {
  const own = kernelEvent({ path: '/own' });
  const { alerts, lines } = await pumped([own, kernelEvent({ path: '/other' })], { takes: (event) => event === own });
  assert.deepEqual(
    alerts.map(({ Resource }) => Resource),
    ['/other'],
  );
  assert.equal(lines.length, 1);
});
