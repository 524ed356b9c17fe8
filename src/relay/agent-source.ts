// SPDX-License-Identifier: Apache-2.0

/** An agent that can be asked. */
export interface AgentPlace {
  /** Unique among agents; another after the agent was started anew elsewhere. */
  readonly key: string;
  /** The node's name, for messages. */
  readonly node: string;
  /** `host:port`. */
  readonly address: string;
}

/** Where agents are. */
export interface AgentSource {
  /** All agents that there are, anew with every change, until aborted; then it ends without an error. It never ends otherwise. */
  watch(signal: AbortSignal): AsyncIterable<readonly AgentPlace[]>;
}
