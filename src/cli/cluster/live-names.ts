// SPDX-License-Identifier: Apache-2.0
import { CORE } from '#cluster';
import type { Selection } from '#k8s';
import type { Io } from '../io.ts';
import { listPolicies } from './live-policies.ts';

/** Values of options on a line that is being typed: `--context x`, `--context=x`. */
function valueOf(words: readonly string[], ...names: readonly string[]): string | undefined {
  for (const [at, word] of words.entries()) {
    const [name = '', ...value] = word.split('=');
    if (!names.includes(name)) continue;
    const found = value.length > 0 ? value.join('=') : words[at + 1] === '=' ? words[at + 2] : words[at + 1];
    if (found !== undefined && found !== '') return found;
  }
  return undefined;
}

/** @throws whatever goes wrong */
export async function liveNames(kind: string, words: readonly string[], io: Io): Promise<readonly string[]> {
  const asked = { kubeconfig: valueOf(words, '--kubeconfig'), context: valueOf(words, '--context') };
  if (kind === 'context') return await io.contexts(asked);
  using cluster = await io.cluster(asked);
  const { api } = cluster;
  const namespace = valueOf(words, '-n', '--namespace');
  const selection: Selection = { atMost: 500, ...(namespace === undefined ? {} : { namespace }) };
  switch (kind) {
    case 'namespace':
      return (await api.list(CORE.namespaces, { atMost: 500 }, io.signal)).map(({ metadata }) => metadata.name);
    case 'pod':
      return (await api.list(CORE.pods, selection, io.signal)).map(({ metadata }) => metadata.name);
    case 'policy':
      return (await listPolicies(api, namespace, io.signal)).map(({ ref }) => ref);
    default:
      return [];
  }
}
