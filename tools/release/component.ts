// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Something that an artefact holds and that somebody made: one entry of its bill of materials and of its notices. */
export interface Component {
  readonly kind: 'application' | 'library' | 'operating-system';
  readonly name: string;
  readonly version: string;
  /** Package URL: how scanners know it. @source https://github.com/package-url/purl-spec */
  readonly purl: string;
  /** An SPDX expression, or names of licences where its makers give no such expression. */
  readonly licence: { readonly expression: string } | { readonly names: readonly string[] };
  /** Of the package that it came in. */
  readonly hash?: { readonly algorithm: 'SHA-256' | 'SHA-512'; readonly hex: string };
  /** Its licence's text; undefined where the artefact has that text in a file of its own. */
  readonly text?: string;
}

interface LockEntry {
  readonly version: string;
  readonly license: string;
  readonly integrity: string;
}

/** The entry of package-lock.json of a package. @throws {Error} where there is none */
function lockEntry(root: string, name: string): LockEntry {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, LockEntry> };
  const entry = lock.packages[`node_modules/${name}`];
  if (entry === undefined) throw new Error(`release: package-lock.json knows no ${name}`);
  return entry;
}

/** A package of npm, as package-lock.json has it; its licence's text lies in `directory`. */
export function npmComponent(root: string, name: string, directory = join(root, 'node_modules', name)): Component {
  const { version, license, integrity } = lockEntry(root, name);
  return {
    kind: 'library',
    name,
    version,
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    licence: { expression: license },
    hash: { algorithm: 'SHA-512', hex: Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex') },
    text: licenceText(directory, license),
  };
}

/** Node as tools/setup.sh and tools/release/inputs.sh fetch it. */
export function nodeComponent(directory: string): Component {
  const { name, version } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as { name: string; version: string };
  return {
    kind: 'application',
    name: 'node',
    version,
    purl: `pkg:npm/${name}@${version}`,
    licence: { expression: 'MIT' },
    text: licenceText(directory, 'MIT'),
  };
}

/** The text that a package has with it; some name their licence only. */
function licenceText(directory: string, licence: string): string {
  const file = existsSync(directory) ? readdirSync(directory).find((name) => /^(licen[cs]e|copying)(\.|$)/i.test(name)) : undefined;
  if (file !== undefined) return readFileSync(join(directory, file), 'utf8');
  return `The package names its licence, ${licence}, without the text. The text of Apache-2.0 is in LICENSE.\n`;
}

/** One of each, in the order of their names. */
export function distinct(components: readonly Component[]): Component[] {
  const byPurl = new Map(components.map((component) => [component.purl, component]));
  return [...byPurl.keys()].toSorted().flatMap((purl) => byPurl.get(purl) ?? []);
}

const RULE = '-'.repeat(80);

/** The file that says whose work is in an artefact, and under which terms. */
export function notices(components: readonly Component[]): string {
  const parts = distinct(components).map(({ name, version, purl, licence, text }) => {
    const terms = 'expression' in licence ? licence.expression : licence.names.join(', ');
    return `${RULE}\n${name} ${version} (${purl})\n${terms}\n${RULE}\n${text === undefined ? `See usr/share/doc/${name}/copyright.\n` : `${text.trimEnd()}\n`}`;
  });
  return `What others made and this holds, each with its licence. KubeArmor itself: see LICENSE.\n\n${parts.join('\n')}`;
}
