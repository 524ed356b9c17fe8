// SPDX-License-Identifier: Apache-2.0
//
// maps.guest.ts RULE-SETS: in the guest, 500 workloads under 20 rule sets that differ: what their maps take. Prints lines of JSON.
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { deserialize } from 'node:v8';
import { join } from 'node:path';
import { noLogger } from '#base';
import { openEnforcer } from '#enforce';
import type { RuleSet } from '#policy';
import { MAPS_RULE_SETS } from './policies.ts';

const OBJECT = process.env['BENCH_OBJECT'] ?? join(import.meta.dirname, '../../.cache/bpf/kubearmor.bpf.o');
const WORKLOADS = 500;
const CGROUP = '/sys/fs/cgroup/bench-maps';

const sets = deserialize(readFileSync(process.argv[2]!)) as Record<string, RuleSet>;
using enforcer = await openEnforcer({ objectPath: OBJECT, logger: { ...noLogger, error: console.error } });
const before = enforcer.usage();
for (let n = 0; n < WORKLOADS; n++) {
  const cgroup = join(CGROUP, String(n));
  mkdirSync(cgroup, { recursive: true });
  const ruleSet = sets[`maps-${n % MAPS_RULE_SETS}`];
  enforcer.protect(`w${n}`, { cgroupId: statSync(cgroup, { bigint: true }).ino, mode: 'enabled', ruleSet });
}
const { images, mapBytes } = enforcer.usage();
if (images !== MAPS_RULE_SETS) throw new Error(`${images} images, ${MAPS_RULE_SETS} expected`);
const say = (what: string, bytes: number): void => console.log(JSON.stringify({ what, state: '', value: bytes / 2 ** 20, unit: 'MiB' }));
say('maps without workloads', before.mapBytes);
say('maps of 500 workloads', mapBytes);
