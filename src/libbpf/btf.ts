// SPDX-License-Identifier: Apache-2.0

/** In the order of BTF_KIND_* (linux/btf.h). */
const KINDS = [
  'void',
  'int',
  'ptr',
  'array',
  'struct',
  'union',
  'enum',
  'fwd',
  'typedef',
  'volatile',
  'const',
  'restrict',
  'func',
  'func_proto',
  'var',
  'datasec',
  'float',
  'decl_tag',
  'type_tag',
  'enum64',
] as const;
type BtfKind = (typeof KINDS)[number];

export interface BtfMember {
  /** Empty for an anonymous struct or union. */
  readonly name: string;
  readonly type: number;
  readonly bitOffset: number;
  /** 0 unless it is a bit field. */
  readonly bitSize: number;
}
export interface BtfVariable {
  readonly type: number;
  /** Offset in its section; 0 in an object file until libbpf has opened it. */
  readonly offset: number;
  readonly size: number;
}
/** One type. Fields that its kind does not have are empty or 0. */
export interface BtfType {
  readonly kind: BtfKind;
  readonly name: string;
  /** Bytes, of `int struct union enum enum64 float datasec`. */
  readonly size: number;
  /** Type id that `ptr typedef const volatile restrict var func array …` refers to. */
  readonly type: number;
  /** Elements of an array. */
  readonly length: number;
  readonly members: readonly BtfMember[];
  readonly values: readonly { readonly name: string; readonly value: bigint }[];
  readonly variables: readonly BtfVariable[];
}

const HEADER = { magic: 0xeb9f, headerLength: 4, typeOffset: 8, typeLength: 12, stringOffset: 16, stringLength: 20 } as const;
const SIZED: ReadonlySet<BtfKind> = new Set(['int', 'struct', 'union', 'enum', 'enum64', 'float', 'datasec']);
/** Bytes behind the common 12, and for each of the `vlen` items. */
const EXTRA: Readonly<Partial<Record<BtfKind, number>>> = { int: 4, array: 12, var: 4, decl_tag: 4 };
const ITEM: Readonly<Partial<Record<BtfKind, number>>> = { struct: 12, union: 12, enum: 8, enum64: 12, func_proto: 8, datasec: 12 };

/**
 * Reads BTF, the kernel's type format, into an array indexed by type id (0 is void).
 *
 * @param bytes a little-endian `.BTF` section, or what the kernel or libbpf gives; a build product or the kernel's own, not hostile
 * @throws {RangeError} when it is not BTF, is cut short, or has a kind that is newer than this reader
 * @source Documentation/bpf/btf.rst
 */
export function readBtf(bytes: Buffer): BtfType[] {
  if (bytes.length < 24 || bytes.readUInt16LE(0) !== HEADER.magic) throw new RangeError('not BTF of this byte order');
  const headerLength = bytes.readUInt32LE(HEADER.headerLength);
  const section = (offset: number, length: number): Buffer => {
    const start = headerLength + bytes.readUInt32LE(offset);
    const end = start + bytes.readUInt32LE(length);
    if (end > bytes.length) throw new RangeError('BTF is cut short');
    return bytes.subarray(start, end);
  };
  const strings = section(HEADER.stringOffset, HEADER.stringLength);
  const types = section(HEADER.typeOffset, HEADER.typeLength);
  const nameAt = (offset: number): string => strings.toString('utf8', offset, strings.indexOf(0, offset));
  const result: BtfType[] = [{ kind: 'void', name: '', size: 0, type: 0, length: 0, members: [], values: [], variables: [] }];
  for (let at = 0; at < types.length;) {
    const { type, next } = readType(types, at, nameAt);
    result.push(type);
    at = next;
  }
  return result;
}

const NOTHING = { size: 0, type: 0, length: 0, members: [], values: [], variables: [] } as const;

function readType(types: Buffer, at: number, nameAt: (offset: number) => string): { type: BtfType; next: number } {
  const info = types.readUInt32LE(at + 4);
  const kind = KINDS[(info >>> 24) & 0x1f];
  if (kind === undefined) throw new RangeError(`BTF kind ${(info >>> 24) & 0x1f} is newer than this reader`);
  const flag = info >>> 31 === 1;
  const sizeOrType = types.readUInt32LE(at + 8);
  const body = at + 12;
  const itemBytes = ITEM[kind] ?? 0;
  const count = itemBytes === 0 ? 0 : info & 0xffff;
  const items = Array.from({ length: count }, (_, i) => body + i * itemBytes);
  const head = {
    ...NOTHING,
    kind,
    name: nameAt(types.readUInt32LE(at)),
    ...(SIZED.has(kind) ? { size: sizeOrType } : { type: sizeOrType }),
  };
  const details = (): Partial<BtfType> => {
    switch (kind) {
      case 'array':
        return { type: types.readUInt32LE(body), length: types.readUInt32LE(body + 8) };
      case 'struct':
      case 'union':
        return { members: items.map((item) => readMember(types, item, { flag, nameAt })) };
      case 'enum':
      case 'enum64':
        return { values: items.map((item) => ({ name: nameAt(types.readUInt32LE(item)), value: readValue(types, item, { kind, flag }) })) };
      case 'datasec':
        return { variables: items.map((item) => readVariable(types, item)) };
      default:
        return {};
    }
  };
  return { type: { ...head, ...details() }, next: body + (EXTRA[kind] ?? 0) + count * itemBytes };
}

function readMember(types: Buffer, at: number, { flag, nameAt }: { flag: boolean; nameAt: (offset: number) => string }): BtfMember {
  const offset = types.readUInt32LE(at + 8);
  return {
    name: nameAt(types.readUInt32LE(at)),
    type: types.readUInt32LE(at + 4),
    bitOffset: flag ? offset & 0xffffff : offset,
    bitSize: flag ? offset >>> 24 : 0,
  };
}

function readValue(types: Buffer, at: number, { kind, flag }: { kind: BtfKind; flag: boolean }): bigint {
  const low = types.readUInt32LE(at + 4);
  if (kind === 'enum') return BigInt(flag ? low | 0 : low);
  const value = (BigInt(types.readUInt32LE(at + 8)) << 32n) | BigInt(low);
  return flag ? BigInt.asIntN(64, value) : value;
}

function readVariable(types: Buffer, at: number): BtfVariable {
  return { type: types.readUInt32LE(at), offset: types.readUInt32LE(at + 4), size: types.readUInt32LE(at + 8) };
}
