// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:fs';
import { access, chmod, lstat, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, extname, join } from 'node:path';
import { errnoText, KubeArmorError } from '#base';
import { replaceFile, run } from '#host';
import type { RunOptions, RunResult } from '#host';
import { HOME, PACKAGE, POLICY_FOLDER, SETTINGS_FILE, UNIT } from './machine-port.ts';
import type { MachinePort, OtherFiles, PackageFields, PackageState } from './machine-port.ts';

/** As `run` of the room `host`. */
export type Run = (command: string, args: readonly string[], options?: RunOptions) => Promise<RunResult>;

/** Dependencies may have to be fetched. It is not aborted either: a package manager that is killed leaves half a package. */
const APT_MS = 1_800_000;
const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const ENV = { PATH: FOLDERS.join(':'), LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
/** What an administrator changed stays, as with an answer of no to each question of dpkg. */
const KEEP_SETTINGS = ['--force-confdef', '--force-confold'];
const APT = [...KEEP_SETTINGS.flatMap((option) => ['-o', `Dpkg::Options::=${option}`]), '-o', 'DPkg::Lock::Timeout=120', '-y'];
const UNIT_FOLDERS = ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'];
const ELF = Buffer.from('\x7fELF', 'latin1');
const POLICY_ENDINGS = ['.yaml', '.yml', '.json'];
const TOLD_LINES = 8;

/**
 * This machine, by its own programs.
 *
 * @param root prefix of the paths that are looked at, for tests
 * @source dpkg-query(1), dpkg-deb(1), apt-get(8), systemctl(1); sd_booted(3)
 */
export async function openMachine(root = '', runs: Run = run): Promise<MachinePort> {
  const at = (path: string): string => `${root}${path}`;
  const called = async (command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> => {
    const result = await runs(command, args, { env: ENV, ...options });
    if (result.exitCode !== 0) throw new KubeArmorError('HOST_IO', `running ${basename(command)} ${verbOf(args)}: ${reasonOf(result)}`);
    return result;
  };
  const installer = await installerIn(root);
  const installed = (): Promise<PackageState | undefined> => packageState(runs);
  const changed = async (apt: readonly string[], dpkg: readonly string[]): Promise<readonly string[]> => {
    const result = await (installer === 'apt-get'
      ? called('apt-get', [...APT, ...apt], { timeoutMs: APT_MS })
      : called('dpkg', [...KEEP_SETTINGS, ...dpkg], { timeoutMs: APT_MS }));
    return linesOf(result.stderr).filter((line) => line.startsWith(`${PACKAGE}: `));
  };
  return {
    isRoot: process.geteuid?.() === 0,
    hasSystemd: await isThere(at('/run/systemd/system')),
    installer,
    installed,
    otherFiles: async () => otherFiles(at, (await installed())?.state),
    keep,
    fieldsOf: async (file) => fieldsOf((await called('dpkg-deb', ['--field', file, 'Package', 'Version'])).stdout, file),
    isOlder: async (version, than) => (await runs('dpkg', ['--compare-versions', version, 'lt', than], { env: ENV })).exitCode === 0,
    install: (file, mayBeOlder) => changed(['install', ...(mayBeOlder ? ['--allow-downgrades'] : []), file], ['--install', file]),
    remove: (purges) => changed([purges ? 'purge' : 'remove', PACKAGE], [purges ? '--purge' : '--remove', PACKAGE]),
    unitState: async () => (await runs('systemctl', ['is-active', UNIT], { env: ENV })).stdout.trim(),
    unit: async (verb) => void (await called('systemctl', [verb, UNIT], { timeoutMs: 120_000 })),
    readSettings: () => readIfAny(at(SETTINGS_FILE)),
    writeSettings: (text) => writeSettings(at(SETTINGS_FILE), text),
    policyFiles: () => policyFiles(at(POLICY_FOLDER)),
  };
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

async function installerIn(root: string): Promise<MachinePort['installer']> {
  const has = async (name: string): Promise<boolean> =>
    (await Promise.all(FOLDERS.map((folder) => isThere(`${root}${folder}/${name}`)))).includes(true);
  if (!(await has('dpkg'))) return undefined;
  return (await has('apt-get')) ? 'apt-get' : 'dpkg';
}

async function packageState(runs: Run): Promise<PackageState | undefined> {
  const { exitCode, stdout } = await runs('dpkg-query', ['-W', '-f', '${db:Status-Status} ${Version}\n', PACKAGE], { env: ENV });
  const [status = '', version = ''] = stdout.trim().split(' ');
  // 1: dpkg has never heard of it
  if (exitCode !== 0 || status === 'not-installed') return undefined;
  if (status === 'config-files') return { version, state: 'settings' };
  return { version, state: ['installed', 'triggers-pending', 'triggers-awaited'].includes(status) ? 'installed' : 'broken' };
}

/** Of KubeArmor's make is a program for the processor; ours is a script that Node runs. */
async function otherFiles(at: (path: string) => string, state: PackageState['state'] | undefined): Promise<OtherFiles> {
  const program = `${HOME}/kubearmor`;
  const isProgram = await isElf(at(program));
  const isOurs = !isProgram && (state === 'installed' || state === 'broken' || (await isThere(at(program))));
  const units = await Promise.all(
    UNIT_FOLDERS.map(async (folder) => {
      const info = await lstat(at(`${folder}/${UNIT}`)).catch(() => undefined);
      return info?.isFile() === true ? [`${folder}/${UNIT}`] : [];
    }),
  );
  // /lib is /usr/lib on most machines: the same file twice
  const unit = isOurs ? [] : units.flat().slice(0, 1);
  return { isPackage: isProgram && state === 'installed', paths: [...(isProgram ? [program] : []), ...unit] };
}

async function isElf(path: string): Promise<boolean> {
  try {
    if (!(await stat(path)).isFile()) return false;
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const { buffer } = await file.read(Buffer.alloc(ELF.length), 0, ELF.length, 0);
    return buffer.equals(ELF);
  } catch {
    return false;
  }
}

/** Readable by others: apt reads packages as a user of its own. */
async function keep(bytes: Uint8Array, name: string): Promise<AsyncDisposable & { readonly file: string }> {
  try {
    const folder = await mkdtemp(join(tmpdir(), 'karmor-package-'));
    await chmod(folder, 0o755);
    const file = join(folder, name);
    await writeFile(file, bytes);
    await chmod(file, 0o644);
    return { file, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
  } catch (error) {
    throw failed(`keeping ${name} in ${tmpdir()}`, error);
  }
}

function fieldsOf(text: string, file: string): PackageFields {
  const field = (name: string): string => new RegExp(`^${name}: (.+)$`, 'm').exec(text)?.[1]?.trim() ?? '';
  const [name, version] = [field('Package'), field('Version')];
  if (name === PACKAGE && version !== '') return { name, version };
  throw new KubeArmorError('HOST_IO', `reading ${basename(file)}: it is no package ${PACKAGE}; nothing was changed`);
}

async function readIfAny(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw failed(`reading ${path}`, error);
  }
}

async function writeSettings(path: string, text: string): Promise<void> {
  await replaceFile(path, text, 0o644).catch((error: unknown) => {
    throw failed(`writing ${path}`, error);
  });
}

async function policyFiles(folder: string): Promise<{ name: string; text: string }[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile() && POLICY_ENDINGS.includes(extname(entry.name).toLowerCase()));
    const names = files.map(({ name }) => name).toSorted();
    return await Promise.all(names.map(async (name) => ({ name, text: await readFile(join(folder, name), 'utf8') })));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw failed(`reading ${folder}`, error);
  }
}

const failed = (doing: string, error: unknown): KubeArmorError =>
  new KubeArmorError('HOST_IO', `${doing}: ${errnoText(error)}`, { cause: error });

const verbOf = (args: readonly string[]): string => args.find((word) => /^(?:--)?[a-z]+$/.test(word)) ?? '';

const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

/** What of a failure's output tells why: the lines that say error, or that the package's scripts wrote; else the last of all. */
function reasonOf({ exitCode, signal, stdout, stderr }: RunResult): string {
  const lines = linesOf(`${stdout}\n${stderr}`);
  const telling = lines.filter((line) => /^(?:E: |W: |dpkg: |kubearmor: )/.test(line) || /\berror\b/i.test(line));
  const told = (telling.length > 0 ? telling : lines).slice(-TOLD_LINES).join('; ');
  return told === '' ? `it ended with ${signal ?? `exit code ${exitCode}`}` : told;
}
