// SPDX-License-Identifier: Apache-2.0
export { dialGrpc, healthClient, logClient, policyClient, probeClient, watchFeed } from './client.ts';
export type { DialOptions, FeedRecords, GrpcTransport } from './client.ts';
export type { Lost } from './fanout.ts';
export { Feed, logService } from './feed.ts';
export type { FeedKind, FeedOptions, FeedStats } from './feed.ts';
export { createHealth } from './health.ts';
export type { Health } from './health.ts';
export type { Listen, TcpListen, TlsFiles, UnixListen } from './listen.ts';
export { authorizeUids } from './peer.ts';
export type { Authorize, PeerCredentials } from './peer.ts';
export type { Fields } from './record.ts';
export { socketOf } from './socket-of.ts';
export { serveGrpc } from './server.ts';
export type { GrpcServer, ServeOptions } from './server.ts';
export { TlsFolder } from './tls-folder.ts';
export type { TlsFolderOptions } from './tls-folder.ts';
export { grpcService } from './service.ts';
export type { GrpcService } from './service.ts';
