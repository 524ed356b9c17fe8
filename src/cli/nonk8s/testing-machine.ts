// SPDX-License-Identifier: Apache-2.0
import { POLICY_FOLDER } from './machine-port.ts';
import type { MachinePort, OtherFiles, PackageState } from './machine-port.ts';

/** What the package's own settings begin with. */
export const SHIPPED = '# Settings of the agent.\ncluster: default\n\ndefaultFilePosture: audit\n';

/** A machine in memory, on which a package is a text: its version. Remembers what was done, in order. */
export class FakeMachine implements MachinePort {
  isRoot = true;
  hasSystemd = true;
  installer: MachinePort['installer'] = 'apt-get';
  state: PackageState | undefined;
  other: OtherFiles = { isPackage: false, paths: [] };
  settings: string | undefined;
  policies: { name: string; text: string }[] = [];
  /** One for each look; the last stays. */
  units = ['active'];
  /** What the package's scripts say. */
  said: readonly string[] = [];
  /** Thrown by `remove`. */
  stays: Error | undefined;
  readonly done: string[] = [];
  /** Packages that were written and not cleared away. */
  readonly kept = new Map<string, string>();

  async installed(): Promise<PackageState | undefined> {
    return this.state;
  }

  async otherFiles(): Promise<OtherFiles> {
    return this.other;
  }

  async keep(bytes: Uint8Array, name: string): Promise<AsyncDisposable & { readonly file: string }> {
    this.kept.set(name, Buffer.from(bytes).toString());
    return { file: name, [Symbol.asyncDispose]: async () => void this.kept.delete(name) };
  }

  async fieldsOf(file: string): Promise<{ name: string; version: string }> {
    return { name: 'kubearmor', version: this.kept.get(file) ?? '' };
  }

  async isOlder(version: string, than: string): Promise<boolean> {
    return version < than;
  }

  async install(file: string, mayBeOlder: boolean): Promise<readonly string[]> {
    const version = this.kept.get(file) ?? '';
    this.done.push(`install ${version}${mayBeOlder ? ', older' : ''}`);
    this.state = { version, state: 'installed' };
    this.other = { isPackage: false, paths: [] };
    this.settings ??= SHIPPED;
    return this.said;
  }

  async remove(purges: boolean): Promise<readonly string[]> {
    this.done.push(purges ? 'purge' : 'remove');
    if (this.stays !== undefined) throw this.stays;
    this.state = purges || this.state === undefined ? undefined : { ...this.state, state: 'settings' };
    return this.said;
  }

  async unitState(): Promise<string> {
    return (this.units.length > 1 ? this.units.shift() : this.units[0]) ?? 'inactive';
  }

  async unit(verb: 'stop' | 'restart'): Promise<void> {
    this.done.push(verb);
  }

  async readSettings(): Promise<string | undefined> {
    return this.settings;
  }

  async writeSettings(text: string): Promise<void> {
    this.done.push('settings');
    this.settings = text;
  }

  async policyFiles(): Promise<readonly { name: string; text: string }[]> {
    return this.policies;
  }
}

/** As the copy of policies names its files. */
export const inFolder = (name: string): string => `${POLICY_FOLDER}/${name}`;
