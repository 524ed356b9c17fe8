// SPDX-License-Identifier: Apache-2.0
//
// crds.kube.ts --kubeconfig FILE: the resource definitions in a real API server that is there already; its last line is `N passed,
// N failed`. As `SUITE` the same cases run on a control plane of their own.
import { parseArgs } from 'node:util';
import { CASES } from './crd-cases.ts';
import { RawApi } from './raw-api.ts';

export const SUITE = {
  cases: CASES.map(({ name, run }) => ({
    name,
    run: async ({ kubeconfigPath }: { readonly kubeconfigPath: string }): Promise<void> => {
      using api = new RawApi(kubeconfigPath);
      const told = await run(api);
      if (told !== undefined) process.stdout.write(`        ${told}\n`);
    },
  })),
};

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { kubeconfig: { type: 'string' } } });
  if (values.kubeconfig === undefined) throw new RangeError('usage: crds.kube.ts --kubeconfig FILE');
  let failed = 0;
  for (const { name, run } of SUITE.cases) {
    try {
      await run({ kubeconfigPath: values.kubeconfig });
      process.stdout.write(`ok      ${name}\n`);
    } catch (error) {
      failed++;
      process.stdout.write(`FAILED  ${name}\n${error instanceof Error ? error.message : String(error)}\n`);
    }
  }
  process.stdout.write(`${SUITE.cases.length - failed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}

if (import.meta.main) await main();
