// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type BtfType, readBtf } from '#libbpf';

/** ELF64 header and section header, little-endian. Source: elf(5). */
const ELF = { sectionsAt: 40, sectionSize: 58, sectionCount: 60, namesIndex: 62 } as const;
const SECTION = { offset: 24, size: 32 } as const;

/** The bytes of a section of a little-endian ELF64 file; undefined where there is none. */
function elfSection(file: Buffer, name: string): Buffer | undefined {
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1)
    throw new RangeError('not a little-endian ELF64 file');
  const start = Number(file.readBigUInt64LE(ELF.sectionsAt));
  const size = file.readUInt16LE(ELF.sectionSize);
  const header = (index: number): number => start + index * size;
  const contents = (at: number): Buffer => {
    const offset = Number(file.readBigUInt64LE(at + SECTION.offset));
    return file.subarray(offset, offset + Number(file.readBigUInt64LE(at + SECTION.size)));
  };
  const names = contents(header(file.readUInt16LE(ELF.namesIndex)));
  for (let index = 0; index < file.readUInt16LE(ELF.sectionCount); index++) {
    const at = header(index);
    const nameAt = file.readUInt32LE(at);
    if (names.toString('latin1', nameAt, names.indexOf(0, nameAt)) === name) return contents(at);
  }
  return undefined;
}

interface Field {
  readonly name: string;
  readonly offset: number;
  /** Elements, if it is an array. */
  readonly length: number | undefined;
}

function resolve(types: readonly BtfType[], id: number): BtfType | undefined {
  let type = types[id];
  while (type !== undefined && ['typedef', 'const', 'volatile', 'restrict', 'type_tag'].includes(type.kind)) type = types[type.type];
  return type;
}

/** Fields in the order of the file, those of anonymous structs and unions in their place. */
function fieldsOf(types: readonly BtfType[], record: BtfType, base = 0): Field[] {
  return record.members.flatMap((member): Field[] => {
    const offset = base + member.bitOffset / 8;
    const type = resolve(types, member.type);
    if (member.bitSize !== 0 || !Number.isInteger(offset))
      throw new RangeError(`${record.name}.${member.name}: bit fields have no layout to share`);
    if (member.name === '' && (type?.kind === 'struct' || type?.kind === 'union')) return fieldsOf(types, type, offset);
    return [{ name: member.name, offset, length: type?.kind === 'array' ? type.length : undefined }];
  });
}

/** `hook_id` with `HOOK_BPRM_CHECK` → `BPRM_CHECK`: drops as many words of the enum's name as all its constants start with. */
function constantPrefix(type: BtfType): string {
  const words = type.name.toUpperCase().split('_');
  for (let count = words.length; count > 0; count--) {
    const prefix = `${words.slice(0, count).join('_')}_`;
    if (type.values.every(({ name }) => name.startsWith(prefix) && /^[A-Z_]/.test(name.slice(prefix.length)))) return prefix;
  }
  return '';
}

function renderObject(indent: string, entries: readonly (readonly [string, number | bigint])[]): string {
  if (entries.length === 0) return '{}';
  return `{\n${entries.map(([name, value]) => `${indent}  ${name}: ${value},\n`).join('')}${indent}}`;
}

function renderStruct(types: readonly BtfType[], type: BtfType): string {
  const fields = fieldsOf(types, type);
  const offsets = renderObject(
    '  ',
    fields.map(({ name, offset }) => [name, offset]),
  );
  const lengths = renderObject(
    '  ',
    fields.flatMap(({ name, length }) => (length === undefined ? [] : [[name, length] as const])),
  );
  return `export const ${type.name.toUpperCase()} = {\n  size: ${type.size},\n  offsets: ${offsets},\n  lengths: ${lengths},\n} as const;\n`;
}

function renderEnum(type: BtfType): string {
  const prefix = constantPrefix(type);
  const literal = (value: bigint): string =>
    BigInt(Number(value)) === value && Math.abs(Number(value)) <= Number.MAX_SAFE_INTEGER ? `${value}` : `${value}n`;
  const lines = type.values.map(({ name, value }) => `  ${name.slice(prefix.length)}: ${literal(value)},\n`);
  return `export const ${type.name.toUpperCase()} = {\n${lines.join('')}} as const;\n`;
}

export interface Wanted {
  readonly structs: readonly string[];
  readonly enums: readonly string[];
}

/**
 * Renders the layouts of named C structs (or unions) and the constants of named enums as TypeScript.
 *
 * The same object and names give the same bytes; the object's path does not appear.
 *
 * @param object a little-endian ELF file with a `.BTF` section: clang -g -O2 -target bpf
 * @throws {RangeError} when it has no BTF, lacks any of the names (all are listed), or a struct has bit fields. clang leaves out
 *   types that nothing uses: a global variable of the type keeps it
 */
export function renderLayouts(object: Buffer, wanted: Wanted): string {
  const section = elfSection(object, '.BTF');
  if (section === undefined) throw new RangeError('the object has no .BTF section: compile it with -g');
  const types = readBtf(section);
  const structs = wanted.structs.map((name) => types.find((type) => type.name === name && ['struct', 'union'].includes(type.kind)));
  const enums = wanted.enums.map((name) => types.find((type) => type.name === name && ['enum', 'enum64'].includes(type.kind)));
  const missing = [...wanted.structs.filter((_, i) => structs[i] === undefined), ...wanted.enums.filter((_, i) => enums[i] === undefined)];
  if (missing.length > 0) throw new RangeError(`the object's BTF lacks ${missing.join(', ')}`);
  const blocks = [
    '// Generated by tools/gen-layouts.ts from the BTF of our BPF objects; do not edit.\n// SPDX-License-Identifier: Apache-2.0\n',
    ...structs.filter((type) => type !== undefined).map((type) => renderStruct(types, type)),
    ...enums.filter((type) => type !== undefined).map(renderEnum),
  ];
  return blocks.join('\n');
}

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { structs: { type: 'string' }, enums: { type: 'string' } },
  });
  const [path, ...rest] = positionals;
  if (path === undefined || rest.length > 0) {
    process.stderr.write('usage: gen-layouts.ts OBJECT [--structs NAME,…] [--enums NAME,…] > layouts.gen.ts\n');
    process.exitCode = 2;
    return;
  }
  const names = (list: string | undefined): string[] => (list ?? '').split(',').filter((name) => name !== '');
  try {
    process.stdout.write(renderLayouts(readFileSync(path), { structs: names(values.structs), enums: names(values.enums) }));
  } catch (error) {
    process.stderr.write(`gen-layouts: ${path}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

if (import.meta.main) main();
