// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inTime } from './running.ts';
import type { Ran } from './running.ts';

/** Inside the container. */
export const GUARDED = '/etc/guarded';
export const OPEN = '/etc/open';
/** A name that begins so is busybox’s own for itself: `busybox-forbidden true` runs `true`. */
export const FORBIDDEN = '/bin/busybox-forbidden';

/**
 * Answers every line of /tmp/ask, a number and a command, with one on /tmp/answer: number, exit code and output. `probe` it does
 * itself, and tells what was refused and what passed. A process that is there saves the seconds that `ctr task exec` takes.
 */
const PROBER = `
while :; do
  read -r n what < /tmp/ask || continue
  if [ "$what" = probe ]; then
    refused=; passed=
    if read x < ${GUARDED}; then :; else refused=open; fi
    if ${FORBIDDEN} true; then :; else refused="$refused exec"; fi
    if read x < ${OPEN}; then passed=open; fi
    if /bin/true; then passed="$passed exec"; fi
    code=0; out="$refused:$passed"
  else
    out=$(eval "$what" 2>&1)
    code=$?
  fi
  echo "$n $code $out" > /tmp/answer
done 2>/dev/null
`;

/**
 * A load: as fast as it can it opens and executes what is forbidden, itself and from children, and what is not. Every success
 * of the first kind and every failure of the second is a line of /tmp/breaches.
 */
const HAMMER = `
/bin/busybox renice -n 10 -p $$ # where CPUs are emulated the agent too needs some of their time
n=0
breach() { echo "$1 $n" >> /tmp/breaches; }
while [ ! -e /tmp/stop ]; do
  n=$((n + 1))
  if read x < $2; then breach open; fi
  if (read x < $2); then breach 'open of a child'; fi
  if $3 true; then breach exec; fi
  if read x < /data/$((n % 50)); then breach 'open below a directory'; fi
  if read x < ${OPEN}; then :; else breach 'refused open'; fi
  if /bin/true; then :; else breach 'refused exec'; fi
  echo $n > /tmp/beat.$1
done 2>/dev/null
echo $n > /tmp/done.$1
`;

/** Opens /data/0 to /data/$1-1 and tells how many of them were refused. */
const FLOOD = `
i=0; refused=0
while [ $i -lt $1 ]; do
  if read x < /data/$i; then :; else refused=$((refused + 1)); fi
  i=$((i + 1))
done 2>/dev/null
echo $refused
`;

/** Arguments, path, working directory and name of a program that are no UTF-8: first where it is refused, then where it passes. */
const BYTES = `
bad=$(printf '\\377\\376\\200')
${FORBIDDEN} "$bad" "a\${bad}b"
cd "/tmp/$bad" && ${FORBIDDEN} here
read x < "/data/$bad"
"/data/$bad.prog" true
"/tmp/$bad/busybox$bad" cat ${GUARDED}
/bin/true "$bad" "c\${bad}d"
read x < "/tmp/$bad/busybox$bad"
"/tmp/$bad/busybox$bad" cat ${OPEN}
:
`;

export function writeScripts(rootfs: string): void {
  const scripts = { prober: PROBER, hammer: HAMMER, flood: FLOOD, bytes: BYTES };
  for (const [name, text] of Object.entries(scripts)) writeFileSync(join(rootfs, 'tmp', `${name}.sh`), text);
  for (const name of ['ask', 'answer']) execFileSync('mkfifo', [join(rootfs, 'tmp', name)]);
}

/** Files and folders whose names are no UTF-8. */
export function writeBadNames(rootfs: string): void {
  const bad = Buffer.from([0xff, 0xfe, 0x80]);
  const at = (folder: string, rest = ''): Buffer => Buffer.concat([Buffer.from(join(rootfs, folder, '/')), bad, Buffer.from(rest)]);
  writeFileSync(at('data'), 'x\n');
  writeFileSync(at('data', '.prog'), readFileSync(join(rootfs, 'bin/busybox')));
  chmodSync(at('data', '.prog'), 0o755);
  execFileSync('sh', ['-c', 'mkdir -p "$0/$(printf "\\377\\376\\200")"', join(rootfs, 'tmp')]);
  const program = Buffer.concat([at('tmp', '/busybox'), bad]);
  writeFileSync(program, readFileSync(join(rootfs, 'bin/busybox')));
  chmodSync(program, 0o755);
}

export interface Probed {
  /** Of what is forbidden: `open exec` where all of it was refused. */
  readonly refused: string;
  /** Of what is not forbidden. */
  readonly passed: string;
}

/** A process of the container that was there before the agent, and does what it is told. */
export class Prober {
  readonly #rootfs: string;
  #asked = 0;

  constructor(rootfs: string) {
    this.#rootfs = rootfs;
  }

  async ask(): Promise<Probed> {
    const [refused = '', passed = ''] = (await this.#do('probe')).output.split(':');
    return { refused: refused.trim(), passed: passed.trim() };
  }

  /** Runs a program as its child. */
  run(...command: readonly string[]): Promise<Ran> {
    return this.#do(command.map((word) => `'${word}'`).join(' '));
  }

  async #do(what: string): Promise<Ran> {
    const number = String(++this.#asked);
    const told = readFile(join(this.#rootfs, 'tmp/answer'), 'utf8');
    await inTime('the prober listens', writeFile(join(this.#rootfs, 'tmp/ask'), `${number} ${what}\n`));
    const answer = await inTime('the prober answers', told);
    const [, of, code, output = ''] = /^(\d+) (\d+) ?(.*)\n$/s.exec(answer) ?? [];
    if (of !== number) throw new Error(`the prober answered ${answer}, not ${number}`);
    return { code: Number(code), output };
  }
}

/** The load inside the container, as HAMMER tells of it. */
export class Load {
  readonly #tmp: string;
  readonly #names: readonly string[];

  constructor(rootfs: string, names: readonly string[]) {
    this.#tmp = join(rootfs, 'tmp');
    this.#names = names;
    for (const name of ['stop', 'breaches']) rmSync(join(this.#tmp, name), { force: true });
  }

  /** Rounds that each hammer has done. */
  rounds(): readonly number[] {
    return this.#names.map((name) => Number(this.#read(`beat.${name}`)));
  }

  breaches(): readonly string[] {
    return this.#read('breaches')
      .split('\n')
      .filter((line) => line !== '');
  }

  stop(): void {
    writeFileSync(join(this.#tmp, 'stop'), '');
  }

  isStopped(): boolean {
    return this.#names.every((name) => existsSync(join(this.#tmp, `done.${name}`)));
  }

  #read(name: string): string {
    try {
      return readFileSync(join(this.#tmp, name), 'utf8');
    } catch {
      return '';
    }
  }
}
