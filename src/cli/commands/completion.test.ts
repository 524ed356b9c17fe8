// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from '#host';
import { COMMANDS, GROUPS } from '../command-table.ts';
import { loadCompletionTree } from '../completion-model.ts';
import { runCli } from '../run-cli.ts';
import { recordingIo } from '../testing.ts';

async function script(shell: string): Promise<string> {
  const { io, out } = recordingIo();
  assert.equal(await runCli(['completion', shell], io), 0);
  return out.join('\n');
}

/** Sources the script in bash and asks it as readline would. */
const DRIVER = `
try() {
  COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); COMPREPLY=()
  _karmor
  echo "\${COMPREPLY[*]}"
}
compopt() { :; }
complete -p karmor
try karmor ''
try karmor vm --gRPC = x policy ''
try karmor logs --logF
try karmor logs --logFilter = s
try karmor logs -o ''
karmor() { printf '%s\\n' one "$*" | tr ' ' _; }
try karmor logs -n ''
karmor() { return 1; }
try karmor logs -n ''
try karmor logs --operation Pro
try karmor policy check /proc/cpuinf
`;

test('karmor completion bash works when sourced', async () => {
  // what the script calls: names of a cluster, or one that hangs up
  const { stdout, stderr, exitCode } = await run('bash', ['--norc'], { input: `${await script('bash')}\n${DRIVER}` });
  assert.equal(stderr, '');
  assert.equal(exitCode, 0);
  assert.deepEqual(stdout.split('\n').slice(0, 10), [
    'complete -F _karmor karmor',
    'completion explain install logs migrate policy probe rotate-tls selfupdate sysdump uninstall upgrade version vm',
    'add confirm delete list',
    '--logFilter',
    'system',
    'line text json pretty-json wide',
    'one __complete_namespace_--_logs_-n_',
    '',
    'Process',
    '/proc/cpuinfo',
  ]);
});

for (const shell of ['bash', 'zsh', 'fish']) {
  test(`karmor completion ${shell} knows every command, option and fixed value`, async () => {
    const text = await script(shell);
    for (const { words } of [...GROUPS, ...COMMANDS]) assert.ok(text.includes(`' ${words.join(' ')}'`), words.join(' '));
    const tree = await loadCompletionTree({ commands: COMMANDS, groups: GROUPS });
    for (const { long, value } of tree.flatMap(({ options }) => options)) {
      assert.ok(text.includes(shell === 'fish' ? `-l ${long.slice(2)} ` : long), long);
      const words = typeof value !== 'object' ? [] : 'live' in value ? [`karmor __complete ${value.live} --`] : value.words;
      assert.ok(
        words.every((word) => text.includes(word)),
        long,
      );
    }
  });
}
