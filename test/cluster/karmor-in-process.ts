// SPDX-License-Identifier: Apache-2.0
import type { KubeApi } from '#k8s';
import { runCli } from '../../src/cli/run-cli.ts';
import { recordingIo } from '../../src/cli/testing.ts';

export interface Told {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** `karmor` with these words in this process, whose cluster this client speaks to; its waits take no time. */
export async function karmorInProcess(api: KubeApi, ...words: readonly string[]): Promise<Told> {
  const cluster = { api, pods: undefined as never, server: 'https://test', [Symbol.dispose]: () => {} };
  const { io, out, err } = recordingIo({ cluster });
  const code = await runCli(words, io);
  return { code, out: out.join('\n'), err: err.join('\n') };
}
