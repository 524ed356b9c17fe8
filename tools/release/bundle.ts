// SPDX-License-Identifier: Apache-2.0
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Plugin } from 'esbuild';
import type { Program } from '../programs.ts';
import { npmComponent } from './component.ts';
import type { Component } from './component.ts';
import type { Release } from './version.ts';

/** A program as one file. */
export interface Bundle {
  readonly program: Program;
  readonly file: string;
  /** Whether it looks for koffi's native part beside it. */
  readonly native: boolean;
  /** The npm packages whose code is in it. */
  readonly components: readonly Component[];
}

/** Where `koffi-OS-ARCH.node` lies beside the bundle; elsewhere what needs native code says so, and everything else works. */
const KOFFI = `
import { createRequire } from 'node:module';
const part = 'koffi-' + process.platform + '-' + process.arch;
let native;
try {
  native = createRequire(import.meta.url)('./' + part + '.node');
} catch (cause) {
  native = {
    proto() {},
    load() {
      throw new Error('this installation has no native part that works here (' + part + '): ' + cause.message);
    },
  };
}
export default native;
`;

/** koffi's own loader looks into node_modules, which a release has none of. */
const besideBundle: Plugin = {
  name: 'koffi-beside-bundle',
  setup(esbuild) {
    esbuild.onResolve({ filter: /^koffi$/ }, () => ({ path: 'koffi', namespace: 'beside' }));
    esbuild.onLoad({ filter: /.*/, namespace: 'beside' }, () => ({ contents: KOFFI, loader: 'js' }));
  },
};

/** Bundles a program into `directory`; `shebang` is its first line without `#!`. It ends in .mjs, so that it needs no package.json. */
export async function bundle(release: Release, program: Program, directory: string, shebang: string): Promise<Bundle> {
  const { root, version, commit } = release;
  const file = join(directory, `${program.name}.mjs`);
  const result = await build({
    absWorkingDir: root,
    entryPoints: [program.source],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none', // THIRD-PARTY-NOTICES.txt has the whole texts
    charset: 'utf8',
    define: { KUBEARMOR_RELEASE: JSON.stringify({ version, commit }) },
    plugins: [besideBundle],
    banner: { js: "import { createRequire as ownRequire } from 'node:module'; const require = ownRequire(import.meta.url);" },
    metafile: true,
    write: false,
    outfile: file,
    logLevel: 'warning',
  });
  writeFileSync(file, `#!${shebang}\n// SPDX-License-Identifier: Apache-2.0\n${result.outputFiles[0]?.text ?? ''}`);
  chmodSync(file, 0o755);
  const inputs = Object.keys(result.metafile.inputs);
  const native = inputs.includes('beside:koffi');
  const names = new Set([...inputs.flatMap(packageOf), ...(native ? ['koffi'] : [])]);
  return { program, file, native, components: [...names].map((name) => npmComponent(root, name)) };
}

function packageOf(input: string): string[] {
  const name = /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
  return name === undefined ? [] : [name];
}
