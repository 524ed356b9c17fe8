// SPDX-License-Identifier: Apache-2.0
import { closeSync, readSync } from 'node:fs';
import { KubeArmorError } from '#base';
import { check, errnoName } from './errno.ts';
import { addressOf, lastErrno, libbpf, type Pointer } from './ffi.ts';
import { BpfLink } from './link.ts';
import { idOf, openPinnedFd, programOf } from './pinned.ts';
import { captureLog } from './print-log.ts';

export interface TestRun {
  /** What the program reads as its packet, for the types that have one. */
  readonly data?: Uint8Array;
  /** What the program reads as its context (raw_tp arguments, the buffer of a `syscall` program); a `syscall` program may change it. */
  readonly context?: Uint8Array;
  /** Only some program types allow more than one run; 0 if absent, which means one. */
  readonly repeat?: number;
}
export interface TestResult {
  /** What the program returned, as u32. */
  readonly returned: number;
  /** Average nanoseconds of a run, where the kernel measures it; else 0. */
  readonly averageNs: number;
}

/** struct bpf_test_run_opts (bpf/bpf.h). */
const RUN_OPTS = { size: 80, dataIn: 8, dataSizeIn: 24, ctxIn: 32, ctxSizeIn: 48, retval: 56, repeat: 60, duration: 64 } as const;
/** enum bpf_attach_type (linux/bpf.h). */
const BPF_TRACE_ITER = 28;
const ITERATOR_LIMIT_BYTES = 64 << 20;
const CHUNK_BYTES = 64 << 10;

/** A program of an object that is alive; after the object is disposed every call throws. */
export class BpfProgram {
  readonly name: string;
  /** Its SEC(), e.g. `lsm/file_open`. */
  readonly section: string;
  readonly #program: Pointer;
  readonly #isOpen: () => boolean;

  /** Takes a `struct bpf_program`; inside the room only. */
  constructor(program: Pointer, isOpen: () => boolean) {
    this.#program = program;
    this.#isOpen = isOpen;
    this.name = libbpf().bpf_program__name(program);
    this.section = libbpf().bpf_program__section_name(program);
  }

  /** Whether `BpfObject.load` loads it. */
  get autoload(): boolean {
    return libbpf().bpf_program__autoload(this.#open());
  }

  /** Negative unless loaded. */
  get fd(): number {
    return libbpf().bpf_program__fd(this.#open());
  }

  /**
   * Attaches it where its section says: lsm, tp_btf, raw_tp, tracepoint, iter, fentry …
   *
   * @returns owned by the caller: disposing it detaches the program
   * @throws {KubeArmorError} `KERNEL_LOAD` with libbpf's words in the cause
   */
  attach(): BpfLink {
    const program = this.#open();
    const { result, log } = captureLog(() => ({ link: libbpf().bpf_program__attach(program), errno: lastErrno() }));
    if (result.link !== null) return new BpfLink(result.link, this.name);
    const errno = errnoName(result.errno);
    throw new KubeArmorError('KERNEL_LOAD', `attaching program ${this.name} (${this.section}): ${errno}`, {
      ...(log === '' ? {} : { cause: new Error(log.trim()) }),
      context: { errno, program: this.name },
    });
  }

  /**
   * Runs an `iter/…` program once over everything, and gives what it wrote with bpf_seq_write.
   *
   * @throws {KubeArmorError} `KERNEL_CALL` when the kernel refuses, when the output passes 64 MiB, or when another program was put in its place
   */
  runIterator(): Buffer {
    return runIterator(this.fd, this.name);
  }

  /**
   * BPF_PROG_TEST_RUN: runs the loaded program once, here and now, attached or not.
   *
   * @throws {KubeArmorError} `KERNEL_CALL`, e.g. ENOTSUPP: LSM and most tracing programs cannot be run
   */
  testRun(run: TestRun = {}): TestResult {
    return runProgram(this.fd, this.name, run);
  }

  /** The kernel's id of the loaded program. */
  get id(): number {
    return idOf(this.fd, `program ${this.name}`);
  }

  /** Keeps the program under a path in a BPF file system, whose directory must exist. EEXIST where the path does. */
  pin(path: string): void {
    check(libbpf().bpf_obj_pin(this.fd, path), `pinning program ${this.name} at ${path}`);
  }

  #open(): Pointer {
    if (!this.#isOpen()) throw new TypeError(`the object of program ${this.name} is disposed`);
    return this.#program;
  }
}

/**
 * A link of an iterator can be given another program by whoever gets hold of it: so it is made for each run, and looked at once the run
 * has its program. Ours cannot be put back by somebody who cannot open it.
 */
function runIterator(programFd: number, name: string): Buffer {
  const link = check(libbpf().bpf_link_create(programFd, 0, BPF_TRACE_ITER, null), `attaching iterator ${name}`);
  try {
    const fd = check(libbpf().bpf_iter_create(link), `starting iterator ${name}`);
    try {
      if (programOf(link, `the program of iterator ${name}`) !== idOf(programFd, `program ${name}`))
        throw new KubeArmorError('KERNEL_CALL', `running iterator ${name}: another program was put in its place`);
      return readAll(fd, name);
    } finally {
      closeSync(fd);
    }
  } finally {
    closeSync(link);
  }
}

function readAll(fd: number, name: string): Buffer {
  const chunks: Buffer[] = [];
  for (let total = 0; ;) {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    const length = readSome(fd, chunk, name);
    if (length === 0) return Buffer.concat(chunks);
    total += length;
    if (total > ITERATOR_LIMIT_BYTES) throw new KubeArmorError('KERNEL_CALL', `running iterator ${name}: more than 64 MiB of output`);
    chunks.push(chunk.subarray(0, length));
  }
}

function readSome(fd: number, into: Buffer, name: string): number {
  try {
    return readSync(fd, into);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    throw new KubeArmorError('KERNEL_CALL', `running iterator ${name}: ${code}`, { cause, context: { errno: code } });
  }
}

function runProgram(fd: number, name: string, run: TestRun): TestResult {
  const data = run.data ?? new Uint8Array(0);
  const context = run.context ?? new Uint8Array(0);
  // One buffer for the options and what they point to: the call itself then keeps all of it alive.
  const opts = Buffer.concat([Buffer.alloc(RUN_OPTS.size), data, context]);
  const dataAt = RUN_OPTS.size;
  const contextAt = dataAt + data.length;
  const base = addressOf(opts);
  opts.writeBigUInt64LE(BigInt(RUN_OPTS.size));
  if (data.length > 0) opts.writeBigUInt64LE(base + BigInt(dataAt), RUN_OPTS.dataIn);
  opts.writeUInt32LE(data.length, RUN_OPTS.dataSizeIn);
  if (context.length > 0) opts.writeBigUInt64LE(base + BigInt(contextAt), RUN_OPTS.ctxIn);
  opts.writeUInt32LE(context.length, RUN_OPTS.ctxSizeIn);
  opts.writeInt32LE(run.repeat ?? 0, RUN_OPTS.repeat);
  check(libbpf().bpf_prog_test_run_opts(fd, opts), `running program ${name}`);
  context.set(opts.subarray(contextAt));
  return { returned: opts.readUInt32LE(RUN_OPTS.retval), averageNs: opts.readUInt32LE(RUN_OPTS.duration) };
}

/** A program that is pinned. */
export class PinnedProgram implements Disposable {
  readonly #path: string;
  #fd: number;

  private constructor(path: string, fd: number) {
    this.#path = path;
    this.#fd = fd;
  }

  /**
   * @returns owned by the caller, or undefined where nothing is pinned at `path`
   * @throws {KubeArmorError} `KERNEL_CALL`, e.g. EACCES, or where something else is pinned there
   */
  static open(path: string): PinnedProgram | undefined {
    const fd = openPinnedFd(path, 'prog');
    return fd === undefined ? undefined : new PinnedProgram(path, fd);
  }

  /** As `BpfProgram.testRun`. */
  testRun(run: TestRun = {}): TestResult {
    return runProgram(this.#fd, this.#path, run);
  }

  /** As `BpfProgram.runIterator`. */
  runIterator(): Buffer {
    return runIterator(this.#fd, this.#path);
  }

  /** Pins it again, where its pin is gone. */
  pin(path: string): void {
    check(libbpf().bpf_obj_pin(this.#fd, path), `pinning program ${this.#path} at ${path}`);
  }

  [Symbol.dispose](): void {
    const fd = this.#fd;
    this.#fd = -1;
    if (fd >= 0) closeSync(fd);
  }
}
