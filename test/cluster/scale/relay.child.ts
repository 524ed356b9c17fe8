// SPDX-License-Identifier: Apache-2.0
// relay.child.ts SOCKET...: the relay of these agents. Prints `ready` when it serves, and ends when it is told to.
import assert from 'node:assert/strict';
import { noLogger } from '#base';
import type { AgentSource } from '../../../src/relay/agent-source.ts';
import { readConfig } from '../../../src/relay/config.ts';
import { runRelay } from '../../../src/relay/wire-up.ts';

const sockets = process.argv.slice(2);
const agents: AgentSource = {
  async *watch(signal) {
    yield sockets.map((socket) => ({ key: socket, node: socket, address: `unix://${socket}` }));
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  },
};
const result = readConfig(['-tlsEnabled=false', '-gRPCPort=0'], {});
assert.ok('config' in result, JSON.stringify(result));
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
const onServing = (): void => console.log('ready');
await runRelay(result.config, { agents, logger: noLogger, print: () => {}, onServing, runId: 'simulated' }, stop.signal);
