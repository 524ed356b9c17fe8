// SPDX-License-Identifier: Apache-2.0
// The agent on an enforcing kernel, end to end: a real containerd, a busybox container, policies, refusals, alerts; bad input,
// and what happens while no agent runs.
//
//   tools/vm --kernel 6.12 -- tools/node test/vm/agent.vm.ts [--lifetime] [--only GROUP]... [--cases REGEX] [--full]
//
// --lifetime: the suite of starts; --full: the stated counts of containers. Needs root, containerd, ctr, runc and a static busybox.
// After each case a process of the container tries what is forbidden: it must be refused. Last line: `N passed, N failed`.
import { parseArgs } from 'node:util';
import { BAD_BYTES } from './cases/bad-bytes.ts';
import { BAD_INPUT } from './cases/bad-input.ts';
import { BASICS } from './cases/basics.ts';
import { BEYOND_LIMITS } from './cases/beyond-limits.ts';
import { DEFAULT_DENY } from './cases/default-deny.ts';
import { ENTERING } from './cases/entering.ts';
import { GARBAGE } from './cases/garbage.ts';
import { HOST } from './cases/host.ts';
import { LACKS } from './cases/lacks.ts';
import { MODES } from './cases/modes.ts';
import { PROOF } from './cases/proof.ts';
import { RESTART } from './cases/restart.ts';
import { SURVIVAL } from './cases/survival.ts';
import { STARTS } from './cases/starts.ts';
import { TAMPERING } from './cases/tampering.ts';
import { TROUBLE } from './cases/trouble.ts';
import { UPGRADE } from './cases/upgrade.ts';
import { Stage } from './stage.ts';
import type { VmCase } from './stage.ts';

const GROUPS: Readonly<Record<string, readonly VmCase[]>> = {
  basics: BASICS,
  deny: DEFAULT_DENY,
  bytes: BAD_BYTES,
  input: BAD_INPUT,
  limits: BEYOND_LIMITS,
  garbage: GARBAGE,
  trouble: TROUBLE,
  survival: SURVIVAL,
  restart: RESTART,
  tampering: TAMPERING,
  proof: PROOF,
  lacks: LACKS,
  starts: STARTS,
  entering: ENTERING,
  upgrade: UPGRADE,
  host: HOST,
  modes: MODES,
};

/** Containers that start, are entered, and run while agents come and go: a suite of their own, as it takes as long as all the others. */
const LIFETIME: readonly string[] = ['starts', 'entering', 'upgrade'];

const {
  lifetime = false,
  only = Object.keys(GROUPS).filter((group) => LIFETIME.includes(group) === lifetime),
  cases = '',
  full = false,
} = parseArgs({
  options: {
    lifetime: { type: 'boolean' },
    only: { type: 'string', multiple: true },
    cases: { type: 'string' },
    full: { type: 'boolean' },
  },
}).values;
const stage = new Stage(full);
let passed = 0;
let failed = 0;

async function perform({ name, run }: VmCase): Promise<void> {
  const startMs = performance.now();
  try {
    await run(stage);
    if (stage.isGuarded) await stage.probe();
    passed++;
    console.log(`ok      ${name} (${Math.round(performance.now() - startMs)} ms)`);
  } catch (error) {
    failed++;
    console.log(
      `FAILED  ${name} (${Math.round(performance.now() - startMs)} ms)\n    ${error instanceof Error ? error.message : String(error)}`,
    );
    const said = stage.agent?.stderr ?? '';
    const loud = said.split('\n').filter((line) => / (WARN|ERROR) /.test(line));
    console.log(`--- the agent\n${loud.slice(-40).join('\n')}\n…\n${said.slice(-3000)}\n${stage.agent?.stdout.slice(-1000)}\n---`);
  }
}

try {
  await stage.open();
  console.log(`        containerd and a container after ${Math.round(performance.now())} ms`);
  const chosen = only.flatMap((group) => GROUPS[group] ?? []).filter(({ name }) => new RegExp(cases).test(name));
  for (const test of chosen) await perform(test);
  for (const figure of stage.figures) console.log(`        ${figure}`);
} catch (error) {
  failed++;
  console.log(`FAILED  the stage: ${error instanceof Error ? error.stack : String(error)}`);
}
await stage.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
