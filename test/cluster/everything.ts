// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { until } from '../vm/running.ts';
import type { ControlPlane } from './control-plane.ts';

/** What comes and goes by itself. */
const FLEETING = /^(events|componentstatuses)(\.|$)/;
const LINE = '{range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name} {.metadata.resourceVersion}{"\\n"}{end}';

/** Every object of the cluster with its resource version, by kind, namespace and name. A Lease has none: it is renewed all the time. */
export async function everything(plane: ControlPlane): Promise<ReadonlyMap<string, string>> {
  const kinds = await plane.kubectl('api-resources', '--verbs=list', '--output=name');
  assert.equal(kinds.code, 0, kinds.output);
  const names = kinds.output.split('\n').filter((name) => name !== '' && !FLEETING.test(name));
  const { code, output } = await plane.kubectl('get', names.join(','), '--all-namespaces', `--output=jsonpath=${LINE}`);
  assert.equal(code, 0, output);
  const rows = output.split('\n').filter((line) => line !== '');
  return new Map(
    rows.map((line): [string, string] => {
      const cut = line.lastIndexOf(' ');
      return [line.slice(0, cut), line.startsWith('Lease ') ? '' : line.slice(cut + 1)];
    }),
  );
}

/** The same when nothing has moved between two looks. */
export async function settled(plane: ControlPlane, timeoutMs: number): Promise<ReadonlyMap<string, string>> {
  let last = await everything(plane);
  await until(
    'nothing moves any more',
    async () => {
      const before = last;
      last = await everything(plane);
      return JSON.stringify([...before]) === JSON.stringify([...last]);
    },
    timeoutMs,
  );
  return last;
}

/** Names that one has and the other has not. */
export const beyond = (more: ReadonlyMap<string, string>, less: ReadonlyMap<string, string>): string[] =>
  [...more.keys()].filter((name) => !less.has(name)).toSorted();
