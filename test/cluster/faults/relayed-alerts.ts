// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { noLogger } from '#base';
import { dialGrpc, watchFeed } from '#grpc';
import type { AgentSource } from '../../../src/relay/agent-source.ts';
import { readConfig } from '../../../src/relay/config.ts';
import { runRelay } from '../../../src/relay/wire-up.ts';

/** One agent, whichever runs there. */
const agentAt = (socket: string): AgentSource => ({
  async *watch(signal) {
    yield [{ key: 'agent', node: 'node', address: `unix://${socket}` }];
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  },
});

/** Alerts that relays passed on, each once, and those that they told to be lost. */
export class Account {
  /** By the run of the agent, the numbers of its alerts. */
  readonly #numbers = new Map<string, Set<number>>();

  note(eventId: string): void {
    const at = eventId.lastIndexOf('-a');
    const run = eventId.slice(0, at);
    const numbers = this.#numbers.get(run) ?? new Set();
    this.#numbers.set(run, numbers.add(Number(eventId.slice(at + 2))));
  }

  get received(): number {
    return [...this.#numbers.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** An agent numbers all that it tells, from 1: what is not there was lost, and can be counted. */
  get missing(): number {
    return [...this.#numbers.values()].reduce((sum, numbers) => sum + Math.max(...numbers) - numbers.size, 0);
  }
}

/** A relay of an agent, and a client of it. */
export class RelayReader implements AsyncDisposable {
  readonly #stop: AbortController;
  readonly #done: Promise<unknown>;

  private constructor(done: Promise<unknown>, stop: AbortController) {
    this.#done = done;
    this.#stop = stop;
  }

  static async open(socket: string, account: Account, runId: string): Promise<RelayReader> {
    const result = readConfig(['-tlsEnabled=false', '-gRPCPort=0'], {});
    assert.ok('config' in result, JSON.stringify(result));
    const stop = new AbortController();
    const serving = Promise.withResolvers<string>();
    const parts = { agents: agentAt(socket), logger: noLogger, print: () => {}, onServing: serving.resolve, runId };
    const relaying = runRelay(result.config, parts, stop.signal);
    relaying.catch(serving.reject);
    const address = (await serving.promise).replace(/^.*:/, '127.0.0.1:');
    const read = async (): Promise<void> => {
      using transport = dialGrpc({ address });
      for await (const { EventID } of watchFeed(transport, 'alerts', stop.signal)) account.note(EventID);
    };
    return new RelayReader(Promise.all([relaying, read()]), stop);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }
}
