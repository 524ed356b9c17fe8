// SPDX-License-Identifier: Apache-2.0
//
// run.ts [--kept] [--only REGEX] [--full] [--list]: the cases in a hybrid cluster where KubeArmor is installed; ends with `N passed, N failed`.
//   --kept   in the cluster that up.ts keeps, and without installing where KubeArmor is there
//   --full   the stated counts
// test/hybrid/run starts it. Needs root, make images, and what the control plane and the guest need.
import { parseArgs } from 'node:util';
import { Stage } from './case.ts';
import type { HybridCase } from './case.ts';
import { ENFORCED } from './cases/enforced.ts';
import { TAMPERING } from './cases/tampering.ts';
import { VOLUMES } from './cases/volumes.ts';
import { WORKLOADS } from './cases/workloads.ts';
import { Hybrid, HybridCluster } from './cluster.ts';
import { ownImages } from './images.ts';
import { install } from './install.ts';

/** What breaks the node comes last. */
const CASES: readonly HybridCase[] = [...ENFORCED, ...VOLUMES, ...WORKLOADS, ...TAMPERING];
const { kept, only, full, list } = parseArgs({
  options: {
    kept: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    full: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
}).values;
const chosen = CASES.filter(({ name }) => new RegExp(only).test(name));
let passed = 0;

async function perform(cluster: Hybrid, { name, run }: HybridCase): Promise<void> {
  const startMs = performance.now();
  const took = (): string => `${Math.round((performance.now() - startMs) / 1_000)} s`;
  const stage = new Stage(cluster, full);
  try {
    await stage.open();
    await run(stage);
    passed++;
    console.log(`ok      ${name} (${took()})`);
  } catch (error) {
    console.log(`FAILED  ${name} (${took()})\n    ${error instanceof Error ? error.stack : String(error)}`);
    const log = await cluster.kubectl('logs', '-n', 'kubearmor', '-l', 'app=kubearmor', '--prefix', '--tail=15');
    console.log(`--- KubeArmor\n${log.output}\n---`);
  }
  for (const figure of stage.figures) console.log(`        ${figure}`);
  await stage.close();
}

async function play(cluster: Hybrid): Promise<void> {
  for (const test of chosen) await perform(cluster, test);
}

async function main(): Promise<void> {
  if (kept) {
    const cluster = Hybrid.kept();
    const installed = await cluster.kubectl('get', 'kubearmorconfigs', '-n', 'kubearmor', '-o', 'name');
    if (installed.code !== 0 || installed.output === '') await install(cluster, ownImages().version);
    return await play(cluster);
  }
  const { archive, version } = ownImages();
  await using cluster = await HybridCluster.start({ images: [archive] });
  await install(cluster, version);
  console.log('KubeArmor is installed');
  await play(cluster);
}

if (list) for (const { name } of chosen) console.log(name);
else {
  await main();
  console.log(`${passed} passed, ${chosen.length - passed} failed`);
  process.exitCode = passed === chosen.length && passed > 0 ? 0 : 1;
}
