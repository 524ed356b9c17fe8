// SPDX-License-Identifier: Apache-2.0

/** An object's name: absolute in the workload's own mount name space, or foreign, or not known whole. */
export interface ObjectName {
  readonly path: string;
  readonly state?: 'own' | 'foreign' | 'unknown' | undefined;
  /** The path within the object's own superblock, where the mount shows only a part of it or the name is foreign. */
  readonly superblockPath?: string | undefined;
}

interface Acting {
  /** Executable of the acting task as of its exec; undefined: unknown; `runtime`: before the container's first exec. */
  readonly subject: string | undefined | { readonly runtime: true };
}
export interface PathAccess extends Acting {
  readonly kind: 'exec' | 'read' | 'write' | 'read-write' | 'map-exec' | 'rename';
  readonly object: ObjectName;
  /** The acting task's fsuid owns the object. */
  readonly owner: boolean;
  /** For an exec of a multi-call binary: the applet's name; `unknown`: which applet is meant cannot be told. */
  readonly applet?: string | { readonly unknown: true } | undefined;
}
export interface SocketAccess extends Acting {
  readonly kind: 'socket';
  /** `egress`: connect, send; `ingress`: bind, listen, accept; `request`: a peer asks a listening TCP socket for a connection. */
  readonly op: 'create' | 'egress' | 'ingress' | 'request';
  /** AF_*, SOCK_*, IPPROTO_* numbers, the protocol as the socket has it. */
  readonly domain: number;
  readonly type: number;
  readonly protocol: number;
  /** The peer's; where the socket binds it is the socket's own, which no rule looks at. */
  readonly address?: string | undefined;
  /** The peer's; of `ingress` and `request` the socket's own. */
  readonly port?: number | undefined;
}
export interface CapabilityAccess extends Acting {
  readonly kind: 'capability';
  readonly capability: number;
}
export type Access = PathAccess | SocketAccess | CapabilityAccess;

/** What the kernel does with an access. `rule` is absent where a default posture decided. */
export type Verdict = { readonly outcome: 'passed' } | { readonly outcome: 'denied' | 'audited'; readonly rule?: number | undefined };
