// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Flags } from '../flags.ts';
import { recordingIo } from '../testing.ts';
import type { Surroundings } from './cluster-port.ts';
import { chooseTarget } from './target.ts';

const NOTHING: Surroundings = { isInPod: false, hasKubeconfigVariable: false, hasAgentSocket: false };
const LOCAL = 'unix:///run/kubearmor/kubearmor.sock';

const cases: readonly {
  readonly name: string;
  readonly flags?: Record<string, string>;
  readonly service?: string;
  readonly there?: Partial<Surroundings>;
  /** An address, or `cluster`. */
  readonly is: string;
  readonly note?: RegExp;
}[] = [
  { name: 'nothing is there', is: LOCAL, note: /no kubeconfig, and no agent’s socket/ },
  { name: 'an agent', there: { hasAgentSocket: true }, is: LOCAL },
  { name: 'a kubeconfig at home', there: { homeKubeconfig: '/h' }, is: 'cluster' },
  { name: 'a pod', there: { isInPod: true }, is: 'cluster' },
  {
    name: 'an agent and a kubeconfig at home',
    there: { hasAgentSocket: true, homeKubeconfig: '/h' },
    is: LOCAL,
    note: /agent of this machine; for the cluster of ~\/.kube\/config: --kubeconfig \/h/,
  },
  { name: 'an agent, in a pod', there: { hasAgentSocket: true, isInPod: true }, is: LOCAL, note: /for the cluster of this pod/ },
  { name: 'KUBECONFIG, and an agent', there: { hasAgentSocket: true, hasKubeconfigVariable: true }, is: 'cluster' },
  { name: 'KUBEARMOR_SERVICE, and KUBECONFIG', service: ':9', there: { hasKubeconfigVariable: true }, is: ':9' },
  { name: '--gRPC, and KUBECONFIG', flags: { gRPC: 'h:1' }, there: { hasKubeconfigVariable: true }, is: 'h:1' },
  { name: '--context, and KUBEARMOR_SERVICE', flags: { context: 'c' }, service: ':9', is: 'cluster' },
  { name: '--kubeconfig, and an agent', flags: { kubeconfig: '/k' }, there: { hasAgentSocket: true }, is: 'cluster' },
];
for (const { name, flags = {}, service, there = {}, is, note } of cases) {
  test(`chooseTarget: ${name}`, async () => {
    const { io } = recordingIo({ env: { KUBEARMOR_SERVICE: service }, surroundings: async () => ({ ...NOTHING, ...there }) });
    const target = await chooseTarget(new Flags(flags), io);
    assert.equal(target.kind === 'agent' ? target.to.address : 'cluster', is);
    if (note === undefined) assert.equal(target.note, undefined);
    else assert.match(target.note ?? '', note);
  });
}
