// SPDX-License-Identifier: Apache-2.0
// crds.kube.ts --kubeconfig FILE: the resource definitions in a real API server. Its last line is `N passed, N failed`.
import { parseArgs } from 'node:util';
import { CASES } from './crd-cases.ts';
import { RawApi } from './raw-api.ts';

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { kubeconfig: { type: 'string' } } });
  if (values.kubeconfig === undefined) throw new RangeError('usage: crds.kube.ts --kubeconfig FILE');
  using api = new RawApi(values.kubeconfig);
  let failed = 0;
  for (const { name, run } of CASES) {
    try {
      const told = await run(api);
      process.stdout.write(`ok      ${name}${told === undefined ? '' : ` (${told})`}\n`);
    } catch (error) {
      failed++;
      process.stdout.write(`FAILED  ${name}\n${error instanceof Error ? error.message : String(error)}\n`);
    }
  }
  process.stdout.write(`${CASES.length - failed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}

await main();
