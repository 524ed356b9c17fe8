// SPDX-License-Identifier: Apache-2.0
import { errnoHint } from './errno.ts';

interface ErrorSpec {
  /** What a program exits with when this ends it (docs/reference/exit-codes.md). */
  readonly exitCode: number;
  readonly retryable: boolean;
  /** What the operator can do. */
  readonly hint: string;
}

/** Every error this system raises on purpose. Anything else that is thrown is a bug and ends the process. */
export const ERRORS = {
  USAGE: { exitCode: 2, retryable: false, hint: 'see --help' },
  CONFIG_INVALID: { exitCode: 2, retryable: false, hint: 'correct the setting named above' },
  POLICY_INVALID: { exitCode: 65, retryable: false, hint: 'run `karmor policy check` for every problem at once' },
  UNREACHABLE: { exitCode: 3, retryable: true, hint: 'is the agent running? see `karmor probe`' },
  PEER_REFUSED: { exitCode: 3, retryable: false, hint: 'run as root, or as the user that runs the agent' },
  PROTOCOL: { exitCode: 3, retryable: false, hint: 'the peer does not speak KubeArmor’s API; check the address' },
  NOT_SUPPORTED: { exitCode: 1, retryable: false, hint: 'see `karmor probe` for what this node can do' },
  KERNEL_LOAD: { exitCode: 1, retryable: false, hint: 'see `karmor probe`; the verifier’s log is in the cause' },
  KERNEL_CALL: { exitCode: 1, retryable: true, hint: 'is it root, and does `karmor probe` call the kernel fit?' },
  LIMIT_EXCEEDED: { exitCode: 65, retryable: false, hint: 'split or shorten the policies; limits are in docs/reference/limits.md' },
  API_UNREACHABLE: { exitCode: 3, retryable: true, hint: 'is the API server up, and does the kubeconfig name it?' },
  API_REFUSED: { exitCode: 3, retryable: false, hint: 'may this account do that? see `kubectl auth can-i`' },
  API_CONFLICT: { exitCode: 1, retryable: true, hint: 'somebody else changed the object meanwhile: try again' },
  API_INVALID: { exitCode: 65, retryable: false, hint: 'correct the object as the message says' },
  RUNTIME_UNREACHABLE: { exitCode: 3, retryable: true, hint: 'is containerd running, and is the socket path right?' },
  /** 74 is EX_IOERR. @source sysexits.h */
  HOST_IO: { exitCode: 74, retryable: true, hint: 'the message names the file or program: is it there, and may this user use it?' },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERRORS;
export type ErrorContext = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

/** A failure we foresaw: the world failed, not the user's data and not our code. */
export class KubeArmorError extends Error {
  override readonly name = 'KubeArmorError';
  readonly code: ErrorCode;
  /** Facts for the log; never secrets. */
  readonly context: ErrorContext;
  readonly #hint: string | undefined;

  /** @param message what was being done, then why it failed: `loading kubearmor.bpf.o: verifier: errno 13` */
  constructor(code: ErrorCode, message: string, options: { cause?: unknown; context?: ErrorContext; hint?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.context = options.context ?? {};
    this.#hint = options.hint;
  }

  /** What the operator can do: what was said of this very failure, else told by the cause where that is one of the file system. */
  get hint(): string {
    return this.#hint ?? (this.code === 'HOST_IO' ? errnoHint(this.cause) : undefined) ?? ERRORS[this.code].hint;
  }
}
