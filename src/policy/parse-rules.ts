// SPDX-License-Identifier: Apache-2.0
import { nearestWord } from '#base';
import { CAPABILITIES, capabilityNumber } from './capabilities.ts';
import { childOf, shown } from './fields.ts';
import type { Notes } from './fields.ts';
import type { ProcessRule } from './model.ts';
import { neverMatches, readDirectory, readExecName, readFilePath, readPattern } from './parse-path.ts';
import type { ReadPath } from './parse-path.ts';
import { commaParts, entriesOf } from './parse-scope.ts';
import type { Base, RuleFields, Scope } from './parse-scope.ts';
import { KUBEARMOR_CAPABILITIES, PRESETS, USB_CLASSES } from './schema-names.ts';
import { SYSCALL_NAMES } from './schema-syscalls.ts';
import type { CapabilityFields, DeviceFields, FileFields, ProcessFields, SpecFields, SyscallFields } from './schema.ts';

interface PathFields extends RuleFields {
  readonly path?: string | undefined;
  readonly execname?: string | undefined;
  readonly dir?: string | undefined;
  readonly recursive?: boolean | undefined;
  readonly pattern?: string | undefined;
  readonly ownerOnly?: boolean | undefined;
  readonly readOnly?: boolean | undefined;
  readonly allowedArgs?: readonly (string | undefined)[] | undefined;
}

/** `spec.process` and `spec.file`: one rule an entry. */
export function readPathSection(family: 'process' | 'file', section: ProcessFields | FileFields, scope: Scope): void {
  for (const list of ['matchPaths', 'matchDirectories', 'matchPatterns'] as const) {
    const items: readonly (PathFields | undefined)[] | undefined = section[list];
    for (const { item, at } of entriesOf(items, `spec.${family}.${list}`)) {
      const base = scope.base(at, item, section);
      const object = readObject(item, at, scope.notes);
      if (base === 'never' || object === undefined) continue;
      if (object === 'never') {
        scope.nothing(base);
        continue;
      }
      const ownerOnly = item.ownerOnly ?? false;
      if (family === 'file') scope.add({ ...base, family, object, ownerOnly, readOnly: item.readOnly ?? false });
      else scope.add({ ...base, family, object, ownerOnly, ...readArgs(item, base, scope.notes) });
    }
  }
}

function readArgs(item: PathFields, base: Base, notes: Notes): Pick<ProcessRule, 'allowedArgs'> {
  if (item.allowedArgs === undefined) return {};
  if (base.action !== 'Block') {
    notes.warn(
      'FIELD_WITHOUT_EFFECT',
      childOf(base.field, 'allowedArgs'),
      `allowedArgs says nothing with action ${base.action}`,
      'use `action: Block`: the program is denied with any other argument',
    );
  }
  return { allowedArgs: item.allowedArgs.filter((arg) => arg !== undefined) };
}

function readObject(item: PathFields, at: string, notes: Notes): ReadPath {
  if (item.dir !== undefined) return readDirectory({ written: item.dir, recursive: item.recursive ?? false }, childOf(at, 'dir'), notes);
  if (item.pattern !== undefined) return readPattern(item.pattern, childOf(at, 'pattern'), notes);
  if (item.execname !== undefined && item.execname !== '') {
    // KubeArmor's enforcers look at execname first.
    if (item.path !== undefined && !item.path.endsWith(`/${item.execname}`)) {
      notes.warn(
        'FIELD_WITHOUT_EFFECT',
        childOf(at, 'path'),
        'is not looked at beside execname',
        'keep one of the two, or make two entries',
      );
    }
    return readExecName(item.execname, childOf(at, 'execname'), notes);
  }
  if (item.path !== undefined) return readFilePath(item.path, childOf(at, 'path'), notes);
  return notes.failed ? undefined : neverMatches(notes, at, 'it names nothing', 'write `path:` or `execname:`');
}

/** `spec.capabilities`: in either case, with or without `CAP_`, comma lists. */
export function readCapabilities(section: CapabilityFields, scope: Scope): void {
  for (const { item, at } of entriesOf(section.matchCapabilities, 'spec.capabilities.matchCapabilities')) {
    const base = scope.base(at, item, section);
    if (base === 'never' || item.capability === undefined) continue;
    const field = childOf(at, 'capability');
    const parts = commaParts(item.capability, at);
    if (parts.length === 0) scope.nothing(neverBase(base, scope.notes, { at: field, why: 'it names no capability' }));
    for (const { part, at: here } of parts) {
      if (scope.full) return;
      const name = `CAP_${part.toUpperCase().replace(/^CAP_/, '')}`;
      if (capabilityNumber(name) >= 0) scope.add({ ...base, field: here, family: 'capabilities', capability: name });
      else if (takenByKubeArmor(item.capability, KUBEARMOR_CAPABILITIES)) {
        scope.nothing(neverBase({ ...base, field: here }, scope.notes, { at: field, why: `there is no capability \`${shown(part)}\`` }));
      } else {
        const near = nearestWord(name, CAPABILITIES);
        scope.notes.error(
          'VALUE_UNKNOWN',
          field,
          `unknown capability \`${shown(part)}\``,
          near === undefined ? 'see capabilities(7)' : `did you mean \`${near.slice('CAP_'.length).toLowerCase()}\`?`,
        );
      }
    }
  }
}

/** KubeArmor's API server looks at the end of the value alone: `xtcp` passes its check, and names nothing. */
export function takenByKubeArmor(value: string, names: readonly string[]): boolean {
  return names.some((name) => value.endsWith(name));
}

export function neverBase(base: Base, notes: Notes, { at, why }: { at: string; why: string }): Base {
  neverMatches(notes, at, why, 'correct or remove it');
  return base;
}

/** `spec.syscalls`: always Audit. */
export function readSyscalls(section: SyscallFields, scope: Scope): void {
  warnAction(section.action, 'spec.syscalls', scope.notes);
  for (const list of ['matchSyscalls', 'matchPaths'] as const) {
    const items: readonly ((PathFields & { syscall?: readonly (string | undefined)[] | undefined }) | undefined)[] | undefined =
      section[list];
    for (const { item, at } of entriesOf(items, `spec.syscalls.${list}`)) {
      warnAction(item.action, at, scope.notes);
      const base = scope.base(at, item, section);
      const syscalls = readSyscallNames(item.syscall, childOf(at, 'syscall'), scope.notes);
      const object = list === 'matchSyscalls' ? undefined : readSyscallPath(item, at, scope.notes);
      if (base === 'never' || syscalls.length === 0 || object === 'never') continue;
      scope.add({ ...base, action: 'Audit', family: 'syscalls', syscalls, object });
    }
  }
}

function warnAction(action: string | undefined, at: string, notes: Notes): void {
  if (action === undefined || action === 'Audit') return;
  notes.warn(
    'FIELD_WITHOUT_EFFECT',
    childOf(at, 'action'),
    `syscall rules are always Audit, never ${action}`,
    'write `action: Audit`, or deny with file, process or capability rules',
  );
}

function readSyscallNames(names: readonly (string | undefined)[] | undefined, at: string, notes: Notes): string[] {
  const out: string[] = [];
  for (const { item, at: here } of entriesOf(names, at)) {
    const name = item.toLowerCase();
    if (SYSCALL_NAMES.has(name)) {
      out.push(name);
      continue;
    }
    const near = nearestWord(name, SYSCALL_NAMES);
    notes.error(
      'VALUE_UNKNOWN',
      here,
      `unknown system call \`${shown(item)}\``,
      near === undefined ? 'see syscalls(2)' : `did you mean \`${near}\`?`,
    );
  }
  if (out.length === 0 && !notes.failed) neverMatches(notes, at, 'it names no system call', 'write `syscall: [unlink, unlinkat]`');
  return out;
}

/** A path in a syscall rule may end in `/`; without `recursive` it is that object alone. */
function readSyscallPath(item: PathFields, at: string, notes: Notes): ReadPath {
  const { path, recursive = false } = item;
  if (path === undefined)
    return notes.failed ? undefined : neverMatches(notes, at, 'it has no path', 'write `path:`, or use matchSyscalls');
  const field = childOf(at, 'path');
  if (recursive) return readDirectory({ written: path, recursive }, field, notes);
  if (path === '/') return { kind: 'path', path };
  return readFilePath(path.startsWith('/') ? path.replace(/\/+$/, '') || '/.' : path, field, notes);
}

/** `spec.device`: USB classes by number or name, as the upper-case name where there is one. */
export function readDevices(section: DeviceFields, scope: Scope): void {
  for (const { item, at } of entriesOf(section.matchDevice, 'spec.device.matchDevice')) {
    if (item.class === undefined) continue;
    const name = readUsbClass(item.class, childOf(at, 'class'), scope.notes);
    const numbers = [item.subClass, item.protocol, item.level];
    if (numbers.some((value) => value !== undefined && (value < -1 || value > 255))) {
      neverMatches(scope.notes, at, 'a subClass, protocol or level is beyond 255', 'write 0 to 255');
    } else if (name !== 'never') {
      const [subClass, protocol, level] = numbers.map((value) => (value === -1 ? undefined : value));
      scope.add({ ...scope.inherit(at, item, section), family: 'device', class: name, subClass, protocol, level });
    }
  }
}

function readUsbClass(written: string, at: string, notes: Notes): string {
  if (written.toUpperCase() === 'ALL') return 'ALL';
  const number = /^(0[xX][0-9a-fA-F]{1,8}|\d{1,10})$/.test(written) ? Number(written) : USB_CLASSES[written.toUpperCase()];
  if (number !== undefined && number <= 255) {
    return Object.keys(USB_CLASSES).find((key) => USB_CLASSES[key] === number) ?? String(number);
  }
  const near = nearestWord(written, Object.keys(USB_CLASSES));
  const cure = near === undefined ? 'write a number from 0 to 255, a class name, or ALL' : `did you mean \`${near}\`?`;
  return neverMatches(notes, at, `there is no USB class \`${shown(written)}\``, cure);
}

/** `spec.presets` and `spec.apparmor`. A preset's action is its own, else the spec's, else Block; the rest is the spec's. */
export function readPresets(spec: SpecFields, scope: Scope): void {
  for (const { item, at } of entriesOf(spec.presets, 'spec.presets')) {
    const base = scope.inherit(at, { action: item.action });
    const name = PRESETS.find((preset) => preset.toLowerCase() === item.name?.toLowerCase());
    if (name === undefined) {
      const near = item.name === undefined ? undefined : nearestWord(item.name, PRESETS);
      const problem = item.name === undefined ? 'it has no name' : `there is no preset \`${shown(item.name)}\``;
      neverMatches(
        scope.notes,
        childOf(at, 'name'),
        problem,
        near === undefined ? `presets: ${PRESETS.join(', ')}` : `did you mean \`${near}\`?`,
      );
      continue;
    }
    if (base.action === 'Allow') {
      scope.notes.warn(
        'FIELD_WITHOUT_EFFECT',
        childOf(at, 'action'),
        'a preset with action Allow denies nothing',
        'write `action: Block` or `action: Audit` in the preset',
      );
    }
    scope.add({ ...base, family: 'preset', preset: name });
  }
  if (spec.apparmor !== undefined && spec.apparmor.trim() !== '') {
    scope.add({ ...scope.inherit('spec.apparmor', {}), family: 'apparmor', text: spec.apparmor });
  }
}
