// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ProgramName } from '../programs.ts';
import { compileCanary } from './canary.ts';
import type { Component } from './component.ts';
import { ARCHES } from './debian.ts';
import type { Arch } from './debian.ts';
import { installedPrograms } from './installed.ts';

const root = join(import.meta.dirname, '../..');
const inputs = join(root, '.cache/release/inputs');
const part = (name: string): Component => ({ kind: 'library', name, version: '1', purl: name, licence: { names: [] } });

/** A workshop whose parts are names. */
const shop = {
  bundle: (name: ProgramName) =>
    Promise.resolve({ program: { name, source: '', what: '' }, file: `${name}.mjs`, components: [], native: true }),
  koffi: (arch: Arch) => ({ file: `koffi-${arch}`, name: 'koffi.node', component: part('koffi') }),
  bpfObject: () => 'bpf',
  canary: (arch: Arch) => ({ file: `canary-${arch}`, components: [part(`libc-${arch}`)] }),
};

for (const arch of ARCHES)
  test(`an agent for ${arch} comes with the canary of that architecture`, async () => {
    const { entries, components } = await installedPrograms(shop, arch, ['kubearmor', 'karmor'], 'usr/bin');
    assert.deepEqual(
      entries.filter(({ path }) => path.endsWith('/canary')),
      [{ path: 'opt/kubearmor/lib/canary', from: `canary-${arch}`, mode: 0o755 }],
    );
    assert.ok(
      components.some(({ name }) => name === `libc-${arch}`),
      'and says whose library is in it',
    );
    const others = await installedPrograms(shop, arch, ['kubearmor-controller'], 'usr/bin');
    assert.ok(!others.entries.some(({ path }) => path.endsWith('/canary')));
  });

/** @source elf.h: `e_machine` of EM_X86_64 and EM_AARCH64 */
const MACHINES = { amd64: 62, arm64: 183 } as const;
const MACHINE_AT = 18;
const skip = existsSync(join(inputs, 'debian/all/linux-libc-dev-arm64-cross.is')) ? false : 'no inputs: tools/release/inputs.sh';

for (const arch of ARCHES)
  test(`the canary is compiled for ${arch}, static, the same twice, and names no folder`, { skip }, (t) => {
    const [one, two] = [0, 1].map(() => {
      const work = mkdtempSync(join(tmpdir(), 'kubearmor-canary-'));
      t.after(() => rmSync(work, { recursive: true, force: true }));
      const program = readFileSync(compileCanary(root, inputs, arch, work));
      assert.ok(!program.includes(work));
      return program;
    });
    assert.ok(one !== undefined && two !== undefined);
    assert.equal(one.readUInt16LE(MACHINE_AT), MACHINES[arch]);
    assert.ok(!one.includes('/ld-linux'), 'it names no loader');
    assert.ok(!one.includes(root));
    assert.ok(one.equals(two));
  });
