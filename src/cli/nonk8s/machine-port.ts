// SPDX-License-Identifier: Apache-2.0

/** The package's name, KubeArmor's own and ours. */
export const PACKAGE = 'kubearmor';
export const UNIT = 'kubearmor.service';
/** Where the package puts the agent, and its users their files. @source tools/release/deb.ts */
export const HOME = '/opt/kubearmor';
export const SETTINGS_FILE = `${HOME}/kubearmor.yaml`;
export const POLICY_FOLDER = `${HOME}/policies`;

/** What dpkg knows of the package. */
export interface PackageState {
  readonly version: string;
  /** `broken`: an installation that did not end; `settings`: removed, its settings are there. */
  readonly state: 'installed' | 'broken' | 'settings';
}

/** What a package file says of itself. */
export interface PackageFields {
  readonly name: string;
  readonly version: string;
}

/** Files of KubeArmor's own make. */
export interface OtherFiles {
  /** The package that is installed is KubeArmor's. */
  readonly isPackage: boolean;
  /** Its agent's program, and its unit; of both the paths. */
  readonly paths: readonly string[];
}

/**
 * The package manager and the service manager of this machine. Every method throws `KubeArmorError` with `HOST_IO` where a program that it
 * calls fails.
 */
export interface MachinePort {
  readonly isRoot: boolean;
  /** systemd runs: it starts the agent. */
  readonly hasSystemd: boolean;
  /** What packages are installed with; undefined: neither is here. */
  readonly installer: 'apt-get' | 'dpkg' | undefined;
  installed(): Promise<PackageState | undefined>;
  otherFiles(): Promise<OtherFiles>;
  /** Writes the package into a folder of its own, which is gone when this is disposed. */
  keep(bytes: Uint8Array, name: string): Promise<AsyncDisposable & { readonly file: string }>;
  fieldsOf(file: string): Promise<PackageFields>;
  isOlder(version: string, than: string): Promise<boolean>;
  /** @param mayBeOlder than what is installed. @returns what the package's own scripts had to say */
  install(file: string, mayBeOlder: boolean): Promise<readonly string[]>;
  /** @param purges settings, policies and certificates go too */
  remove(purges: boolean): Promise<readonly string[]>;
  /** As `systemctl is-active` says it. */
  unitState(): Promise<string>;
  unit(verb: 'stop' | 'restart'): Promise<void>;
  /** The settings' text; undefined where there is no such file. */
  readSettings(): Promise<string | undefined>;
  writeSettings(text: string): Promise<void>;
  /** The files of policies, in order of their names. */
  policyFiles(): Promise<readonly { readonly name: string; readonly text: string }[]>;
}
