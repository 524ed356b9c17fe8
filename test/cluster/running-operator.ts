// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises';
import { noLogger } from '#base';
import { NAMES } from '#cluster';
import { imagesOf } from '#install';
import type { KubeApi } from '#k8s';
import { Operator } from '../../src/operator/operator.ts';
import type { ControlPlane } from './control-plane.ts';

export const OPERATOR_IMAGES = imagesOf('1.2.3');

/** The operator in this process, with the rights of its service account and no more. */
export class RunningOperator implements AsyncDisposable {
  readonly #api: KubeApi & Disposable;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  /** Looks at everything so far. */
  passes = 0;

  constructor(plane: ControlPlane, namespace: string) {
    this.#api = plane.api({ user: { name: `system:serviceaccount:${namespace}:${NAMES.operator}` } });
    const options = { namespace, images: OPERATOR_IMAGES, socket: undefined, removal: { pause: () => sleep(200), looks: 3 } };
    const logger = { ...noLogger, warn: console.log, error: console.log };
    this.#done = new Operator(options, { api: this.#api, logger, wallMs: () => Date.now(), onPass: () => void this.passes++ }).run(
      this.#stop.signal,
    );
    this.#done.catch(() => {}); // told when it is disposed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
    this.#api[Symbol.dispose]();
  }
}
