// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PolicyStatus } from '#wire';
import type { Stage, VmCase } from '../stage.ts';
import { until } from '../running.ts';

const HEAD =
  'apiVersion: security.kubearmor.com/v1\nkind: KubeArmorPolicy\nmetadata: {name: odd}\nspec:\n  selector: {matchLabels: {app: web}}\n';
const OPEN_RULE = '  file: {matchPaths: [{path: /etc/open}]}\n';

/** Nine levels of ten: a thousand million values. */
const ALIAS_BOMB = [
  'a0: &a0 [x, x, x, x, x, x, x, x, x, x]',
  ...Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array.from({ length: 10 }, () => `*a${i}`).join(', ')}]`),
].join('\n');

interface BadFile {
  readonly what: string;
  readonly name: string;
  readonly content: () => string | Uint8Array;
  readonly told: RegExp;
}

const FILES: readonly BadFile[] = [
  { what: 'broken YAML', name: 'broken.yaml', content: () => `${HEAD}   file: [\n`, told: /:\d+:\d+/ },
  { what: '20 MB of YAML', name: 'huge.yaml', content: () => `${HEAD}${OPEN_RULE}`.padEnd(20_000_000, '# x\n'), told: /20000000 bytes/ },
  {
    what: 'an alias bomb',
    name: 'bomb.yaml',
    content: () => `${HEAD}${ALIAS_BOMB}\n`,
    told: /more than 200000 values with its aliases expanded/,
  },
  { what: 'unknown fields', name: 'unknown.yaml', content: () => `${HEAD}${OPEN_RULE}  fiel: {}\nstatus2: 1\n`, told: /fiel/ },
  { what: 'a binary file', name: 'binary.yaml', content: () => randomBytes(100_000), told: /binary\.yaml/ },
  {
    what: 'half of a policy, as a disk that is full leaves it',
    name: 'half.json',
    content: () => `{"apiVersion":"v1","kind`,
    told: /half\.json/,
  },
  { what: 'zeros', name: 'zeros.yml', content: () => new Uint8Array(4096), told: /zeros\.yml/ },
];

/** A bad file is named with what is wrong, gives no rule, and leaves everything else as it is. */
async function refusedFile(stage: Stage, { name, content, told }: BadFile): Promise<void> {
  const agent = await stage.ensureGuarded();
  const path = stage.writePolicy(name, content());
  try {
    const problem = await stage.problemOf(path);
    assert.match(problem, told);
    assert.ok(problem.length < 5_000, `${problem.length} characters are too many to read`);
    assert.ok(agent.isRunning);
  } finally {
    rmSync(path);
  }
}

export const BAD_INPUT: readonly VmCase[] = [
  ...FILES.map((file) => ({ name: `a file of the folder: ${file.what}`, run: (stage: Stage) => refusedFile(stage, file) })),
  {
    name: 'a binary file that is called otherwise is nobody’s business; a good file beside all that is taken',
    async run(stage) {
      const agent = await stage.ensureGuarded();
      const binary = stage.writePolicy('core', randomBytes(100_000));
      const good = stage.writePolicy('good.yaml', `${HEAD}  file: {matchPaths: [{path: /etc/secret}]}\n`);
      await until('the good one is in force', async () => (await stage.policiesOf('web')).includes('odd'));
      assert.ok(!stage.reasons().some((reason) => reason.includes(binary)) && !agent.stderr.includes(binary));
      for (const path of [binary, good]) rmSync(path);
      await until('the good one is gone', async () => !(await stage.policiesOf('web')).includes('odd'));
    },
  },
  {
    name: 'a good file that is overwritten with rubbish keeps its last good version in force',
    async run(stage) {
      await stage.ensureGuarded();
      const path = join(stage.policies, 'guard.yaml');
      const text = readFileSync(path);
      stage.writePolicy('guard.yaml', randomBytes(5_000));
      assert.match(await stage.problemOf(path), /last good version stays in force/);
      await stage.probe();
      stage.writePolicy('guard.yaml', text);
      await until('the problem is gone', () => !stage.reasons().some((reason) => reason.includes(path)));
    },
  },
  {
    name: 'requests with unknown fields, of the wrong shape, or for a policy of the folder change nothing',
    async run(stage) {
      await stage.ensureGuarded();
      const objects = [{}, [], null, 7, { metadata: { name: 'x' }, spec: { nonsense: 1 } }, { metadata: { name: 'x' }, spec: {} }];
      for (const object of objects) {
        const { status, reason } = await stage.send('ADDED', object);
        assert.deepEqual([status, reason !== ''], [PolicyStatus.Invalid, true], JSON.stringify(object));
      }
      assert.equal((await stage.send('DELETED', { metadata: { name: 'guard' } })).status, PolicyStatus.Failure);
    },
  },
];
