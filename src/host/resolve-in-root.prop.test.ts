// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { resolveInRoot } from './resolve-in-root.ts';
import { run } from './run.ts';

const skip = process.getuid?.() !== 0 ? 'needs root, for chroot' : existsSync('/bin/busybox') ? false : 'needs a static /bin/busybox';

const name = fc.constantFrom('a', 'b', 'c', 'd');
const path = fc.array(fc.oneof(name, name, fc.constant('..')), { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
const target = fc.tuple(fc.constantFrom('', '/'), path).map(([slash, rest]) => slash + rest);
const entry = fc.record({
  at: fc.array(name, { minLength: 1, maxLength: 3 }),
  what: fc.oneof(fc.constant('file'), fc.constant('directory'), target, target),
});

/** Puts it there unless the place is taken, or lies below a file or a link: links lead out of the root for us. */
function plant(root: string, at: readonly string[], what: string): void {
  for (let depth = 1; depth <= at.length; depth++) {
    const place = join(root, ...at.slice(0, depth));
    const stat = lstatSync(place, { throwIfNoEntry: false });
    if (stat !== undefined && (depth === at.length || !stat.isDirectory())) return;
    if (stat !== undefined) continue;
    if (depth < at.length || what === 'directory') mkdirSync(place);
    else if (what === 'file') writeFileSync(place, '');
    else symlinkSync(what, place);
  }
}

// The judge is the kernel itself, in a chroot: what it opens must be what we name.
test('resolve: where the name leads, the kernel goes too', { skip }, async () => {
  const tested = fc.asyncProperty(
    fc.array(entry, { maxLength: 12 }),
    fc.array(path, { minLength: 5, maxLength: 5 }),
    async (entries, paths) => {
      const root = mkdtempSync(join(tmpdir(), 'resolve-prop-'));
      try {
        copyFileSync('/bin/busybox', join(root, 'busybox'));
        for (const { at, what } of entries) plant(root, at, what);
        const script = 'for p; do if [ -e "$p" ]; then /busybox realpath "$p"; else echo -; fi; done';
        const { stdout } = await run('chroot', [root, '/busybox', 'sh', '-c', script, 'sh', ...paths.map((one) => `/${one}`)]);
        for (const [i, expected] of stdout.trimEnd().split('\n').entries()) {
          const got = resolveInRoot(root, `/${paths[i]}`);
          const found = got.outcome === 'file' || got.outcome === 'directory' ? got.names.at(-1) : '-';
          assert.equal(found, expected, JSON.stringify({ path: paths[i], got }));
        }
      } finally {
        rmSync(root, { recursive: true });
      }
    },
  );
  await fc.assert(tested, { numRuns: 60 });
});
