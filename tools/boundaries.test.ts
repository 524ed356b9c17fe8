// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { blankComments, findBreaches, readSources, ROOMS } from './boundaries.ts';

const SPDX = '// SPDX-License-Identifier: Apache-2.0\n';

/** What is found in one file with this text. */
const inFile = (path: string, text: string): string[] => findBreaches([{ path, text: SPDX + text }]);

const REFUSED: readonly (readonly [name: string, path: string, text: string, finding: RegExp])[] = [
  ['an edge that is not in the table', 'src/policy/a.ts', `import { x } from '#enforce';`, /policy may not see #enforce/],
  ['a type from a room out of sight', 'src/base/a.ts', `import type { X } from '#policy';`, /base may not see #policy/],
  ['an import over several lines', 'src/base/a.ts', `import {\n  a,\n  b,\n} from '#host';`, /base may not see #host/],
  ['a re-export', 'src/events/index.ts', `export { a } from '#libbpf';`, /events may not see #libbpf/],
  ['a dynamic import', 'src/base/a.ts', `await import('#host');`, /base may not see #host/],
  ['another program', 'src/cli/a.ts', `import { x } from '#agent';`, /#agent is no room/],
  ['another program by its file', 'src/cli/a.ts', `import { x } from '../agent/config.ts';`, /leaves the room/],
  ['a file of another room', 'src/events/a.ts', `import { x } from '../policy/parse.ts';`, /leaves the room/],
  ['a room behind its face', 'src/events/a.ts', `import { x } from '#policy/parse';`, /behind the face/],
  ['its own face', 'src/events/a.ts', `import { x } from '#events';`, /its own room/],
  ['a room behind its face, from a tool', 'tools/a.ts', `import { x } from '../src/policy/parse.ts';`, /behind the face/],
  ['a room that is not in the table', 'src/misc/a.ts', `import { x } from '#base';`, /src\/misc is not in the table/],
  ['no ending', 'src/base/a.ts', `import { x } from './b';`, /lacks its ending/],
  ['export *', 'src/base/index.ts', `export * from './a.ts';`, /export \*/],
  ['FFI outside libbpf', 'src/host/a.ts', `import koffi from 'koffi';`, /libbpf alone/],
  ['a process outside host', 'src/agent/a.ts', `import { spawn } from 'node:child_process';`, /host alone/],
  ['the environment', 'src/agent/a.ts', `export const x = process.env.HOME;`, /config\.ts/],
  ['an enforcer by name', 'src/agent/a.ts', `if (enforcer.name === 'apparmor') stop();`, /names the enforcer apparmor/],
  ['an enforcer by its folder', 'src/enforce/a.ts', `import { x } from './bpf-lsm/load.ts';`, /names the enforcer bpf-lsm/],
  ['I/O in a pure room', 'src/policy/a.ts', `import { readFileSync } from 'node:fs';`, /policy is pure/],
  ['the clock in a pure room', 'src/policy/a.ts', `export const now = Date.now();`, /policy is pure/],
];

for (const [name, path, text, finding] of REFUSED) {
  test(`refused: ${name}`, () => assert.match(inFile(path, text).join('\n'), finding));
}

const TAKEN: readonly (readonly [name: string, path: string, text: string])[] = [
  ['an edge of the table', 'src/enforce/a.ts', `import { x } from '#policy';\nimport { y } from './b.ts';`],
  ['a sub-folder of the same room', 'src/enforce/bpf-lsm/a.ts', `import { x } from '../enforcer.ts';`],
  ['a program that sees a room', 'src/agent/a.ts', `import { x } from '#observe';`],
  ['the command line where it belongs', 'src/cli/main.ts', `await runCli(process.argv.slice(2));`],
  ['the environment where it belongs', 'src/agent/config.ts', `export const x = process.env;`],
  ['the registry of enforcers', 'src/enforce/index.ts', `import { x } from './bpf-lsm/index.ts';`],
  ['a field of the policy language', 'src/policy/a.ts', `export const family = 'apparmor';`],
  ['a process in a test', 'src/cli/a.test.ts', `import { spawn } from 'node:child_process';`],
  ['a word in a comment', 'src/base/a.ts', `// import x from '#host'; process.env\n/* export * from 'koffi' */`],
  ['a pure room that asks for an address family', 'src/policy/a.ts', `import { isIP } from 'node:net';`],
];

for (const [name, path, text] of TAKEN) {
  test(`taken: ${name}`, () => assert.deepEqual(inFile(path, text), []));
}

test('a circle between files is found once, and types make none', () => {
  const file = (path: string, text: string) => ({ path, text: SPDX + text });
  const circle = [file('src/base/a.ts', `import { b } from './b.ts';`), file('src/base/b.ts', `import { a } from './a.ts';`)];
  assert.deepEqual(findBreaches(circle), ['src/base/a.ts: import circle src/base/a.ts → src/base/b.ts → src/base/a.ts']);
  const byType = [circle[0]!, file('src/base/b.ts', `import type { A } from './a.ts';`)];
  assert.deepEqual(findBreaches(byType), []);
});

test('a source without its licence is found', () => {
  assert.match(findBreaches([{ path: 'bpf/a.c', text: 'int x;\n' }]).join(), /no SPDX/);
});

test('the table of rooms has no circle', () => {
  const height = (room: string, above: readonly string[]): number => {
    assert.ok(!above.includes(room), `${[...above, room].join(' → ')}`);
    return Math.max(0, ...(ROOMS[room] ?? []).map((seen) => 1 + height(seen, [...above, room])));
  };
  for (const room of Object.keys(ROOMS)) height(room, []);
});

test('comments go and strings stay', () => {
  assert.equal(blankComments(`a('// no', "/* no */"); // yes\n/* yes */ b`), `a('// no', "/* no */"); \n b`);
});

test('the sources of this repository are read', () => {
  const paths = readSources(join(import.meta.dirname, '..')).map(({ path }) => path);
  for (const path of ['tools/boundaries.ts', 'tools/vm', 'tools/setup.sh', 'src/base/index.ts']) assert.ok(paths.includes(path), path);
});
