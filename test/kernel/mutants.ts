// SPDX-License-Identifier: Apache-2.0
//
// mutants.ts [--only REGEX]: breaks the kernel programs in one place at a time and runs the kernel cases with them in a guest: each must
// turn at least one case red. Ends with `N passed, N failed`, one for each mutation. Part of `make test-full`; minutes for each.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

interface Mutation {
  readonly name: string;
  /** In bpf/. */
  readonly file: string;
  /** Stands there once. */
  readonly from: string;
  readonly to: string;
  /** The cases that are run. */
  readonly cases: string;
}

const MUTATIONS: readonly Mutation[] = [
  {
    name: 'a hook is dropped',
    file: 'file.bpf.h',
    from: 'SEC("lsm/path_unlink")',
    to: 'SEC("?lsm/path_unlink")',
    cases: '^(file|overlay|directory)',
  },
  {
    name: 'the subject is ignored',
    file: 'lib/match_class.h',
    from: '\tif (!column)\n\t\treturn 1;\n',
    to: '\treturn 1;\n',
    cases: '^(process|file|precedence|capabilities)',
  },
  {
    name: 'the depth of a path is ignored',
    file: 'lib/match_class.h',
    from: 'want = !x->flat && x->n > COMPONENTS_MAX ? CLASS_REACH : CLASS_ACCEPT;',
    to: 'want = CLASS_ACCEPT;',
    cases: '^names',
  },
  {
    name: 'Allow and Block are swapped',
    file: 'lib/match_class.h',
    from: '\t\tverdict = FN(at)(c.w, x->found + 3) >> 16;\n',
    to: '\t\tverdict = FN(at)(c.w, x->found + 3) >> 16;\n\t\tverdict = verdict == VERDICT_BLOCK ? VERDICT_ALLOW : VERDICT_BLOCK;\n',
    cases: '^(process|file)',
  },
  {
    name: 'the agent’s places are not guarded',
    file: 'self.bpf.h',
    from: '\treturn self_guards(x, hook) ? -EPERM : 0;',
    to: '\treturn 0;',
    cases: '^self',
  },
];

const ROOT = join(import.meta.dirname, '../..');
const HOME = join(ROOT, '.cache/mutants');
const GUEST_SECONDS = '900';

const { values: options } = parseArgs({ options: { only: { type: 'string', default: '' } } });

/** The object of a mutation, compiled. */
function build({ file, from, to }: Mutation, home: string): string {
  rmSync(home, { recursive: true, force: true });
  cpSync(join(ROOT, 'bpf'), home, { recursive: true });
  const path = join(home, file);
  const parts = readFileSync(path, 'utf8').split(from);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} of: ${from}`);
  writeFileSync(path, parts.join(to));
  execFileSync('make', ['-s', '-C', home, `OUT=${home}/out`], { stdio: ['ignore', 'ignore', 'inherit'] });
  return `${home}/out/kubearmor.bpf.o`;
}

/** How many cases turn red; undefined where the run told nothing. */
function redCases(object: string, cases: string): number | undefined {
  const run = [join(ROOT, 'tools/node'), join(ROOT, 'test/kernel/run.ts'), '--kernel', '6.12', '--object', object, '--only', cases];
  const { stdout } = spawnSync(join(ROOT, 'tools/vm'), ['--kernel', '6.12', '--timeout', GUEST_SECONDS, '--', ...run], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const told = /^(\d+) passed, (\d+) failed/m.exec(stdout);
  return told === null || Number(told[1]) === 0 ? undefined : Number(told[2]);
}

const total = { passed: 0, failed: 0 };
for (const [index, mutation] of MUTATIONS.entries()) {
  if (!new RegExp(options.only).test(mutation.name)) continue;
  const home = join(HOME, String(index));
  const red = redCases(build(mutation, home), mutation.cases);
  rmSync(home, { recursive: true, force: true });
  const isFound = red !== undefined && red > 0;
  total[isFound ? 'passed' : 'failed']++;
  console.log(`${isFound ? 'ok     ' : 'FAILED '} ${mutation.name}: ${red ?? 'no result'} red`);
}
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
