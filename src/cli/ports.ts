// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';
import type { HostFacts } from '#host';
import type { PolicyKind } from '#policy';

/** An alert or log in KubeArmor's own field names, as its JSON has them. */
export type FeedRecord = Readonly<Record<string, unknown>>;

export type StreamName = 'alert' | 'log' | 'message';

/** One record that came down a stream. */
export interface FeedItem {
  readonly stream: StreamName;
  readonly record: FeedRecord;
}

/** Names of `policy.PolicyStatus`, as KubeArmor's tool prints them. */
export type PolicyStatus = 'Failure' | 'Applied' | 'Deleted' | 'Modified' | 'NotExist' | 'Invalid' | 'NotEnabled';

export interface PolicyAnswer {
  readonly status: PolicyStatus;
  /** Why, where the agent says it. */
  readonly reason?: string | undefined;
  /** Of a request about a trial that the agent understood: its seconds, or `confirmed`. */
  readonly trial?: string | undefined;
}

/** KubeArmor's event, or one of ours for trials. */
export interface PolicyEvent {
  readonly type: 'ADDED' | 'DELETED' | 'ADDED_FOR' | 'CONFIRMED';
  readonly object: unknown;
  /** How long a trial lasts. */
  readonly seconds?: number | undefined;
}

export type PolicyMode = 'disabled' | 'enabled' | 'audited';

/** `policy.ProbeService/getProbeData`, sorted by name. */
export interface ProbeAnswer {
  readonly containers: readonly { readonly name: string; readonly mode: PolicyMode; readonly policies: readonly string[] }[];
  readonly hosts: readonly { readonly name: string; readonly policies: readonly string[] }[];
}

/** A connection to an agent or relay. Every method throws `KubeArmorError`, and ends quietly when its signal aborts. */
export interface AgentPort extends Disposable {
  /** Proves that the peer answers and speaks KubeArmor's API. */
  ping(signal: AbortSignal): Promise<void>;
  watch(stream: StreamName, signal: AbortSignal): AsyncIterable<FeedItem>;
  /** `event` is KubeArmor's `{type, object}`, and what trials need. */
  sendPolicy(kind: PolicyKind, event: PolicyEvent): Promise<PolicyAnswer>;
  probe(signal: AbortSignal): Promise<ProbeAnswer>;
}

/** Where an agent is and how to speak to it. */
export interface AgentAddress {
  /** `unix:///path` or `host:port`. */
  readonly address: string;
  /** Folder with `ca.crt`, `client.crt`, `client.key`; without it and `tls` there is no TLS. */
  readonly tlsCertPath?: string | undefined;
  /** Certificates that are here already. */
  readonly tls?: TlsText | undefined;
  /** A connection that stands; `address` is then its name. */
  readonly over?: Duplex | undefined;
}

/** PEM: who signs, a certificate and its key. */
export interface TlsText {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** What this machine says about itself, agent or not. */
export type LocalFacts = Pick<
  HostFacts,
  'hostname' | 'kernelRelease' | 'kernelMajor' | 'kernelMinor' | 'lsms' | 'hasBtf' | 'bpffs' | 'cgroupRoot'
>;

export type { KubeArmorTraces } from '#host';

/** A file that the agent leaves for others, or why it could not be read. */
export type AgentFile = { readonly json: unknown } | { readonly missing: string };

/** Rules that an agent before left in force on this machine: programs that are still attached, or why that cannot be seen. */
export type LeftInForce = { readonly programs: number } | { readonly unknown: string };
