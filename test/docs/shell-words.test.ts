// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemOf } from './check-invocation.ts';
import { invocations } from './shell-words.ts';

test('shell words: pipes, quotes, redirections and what stands before a program', () => {
  const words = (line: string): string[] => invocations(line).map(({ program, words: rest }) => [program, ...rest].join('_'));
  assert.deepEqual(words('sudo ./karmor vm policy add a.yaml'), ['./karmor_vm_policy_add_a.yaml']);
  assert.deepEqual(words("curl -sfL X | A=1 sudo sh -s -- -u X && make 'a b'"), ['curl_-sfL_X', 'sh_-s_--_-u_X', 'make_a b']);
  assert.deepEqual(words('kubectl get ksp -A > a.yaml 2>&1'), ['kubectl_get_ksp_-A']);
  assert.deepEqual(words('kubectl exec p -- sh -c "id; ls | wc"'), ['kubectl_exec_p_--_sh_-c_id; ls | wc']);
});

test('invocations: what no program takes is found', () => {
  const problem = (line: string): string | undefined =>
    invocations(line)
      .map(problemOf)
      .find((one) => one !== undefined);
  for (const line of [
    'karmor polcy check a.yaml',
    'karmor policy check --sarf x a.yaml',
    'karmor policy test --coverage=1 a.yaml',
    'karmor vm policy add --confirm',
    'sudo ./kubearmor -removed',
    'make everything',
    'npm run nothing',
    'sh tools/nothing.sh',
    'tools/nothing',
    'kubectl apply -f examples/policies/nothing.yaml',
    'rm -rf x',
  ])
    assert.notEqual(problem(line), undefined, line);
  for (const line of [
    'karmor policy check -o json a.yaml',
    'karmor vm --gRPC=unix:///s policy add a.yaml',
    'karmor --help',
    'sudo ./kubearmor -remove -yes',
    'sudo kubearmor -defaultFilePosture=block',
    'sh tools/setup.sh --no-kernels && make -C bpf',
    'kubectl apply -f examples/policies/',
  ])
    assert.equal(problem(line), undefined, line);
});
