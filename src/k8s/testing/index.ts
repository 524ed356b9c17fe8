// SPDX-License-Identifier: Apache-2.0
export { FakeKubeApi } from './fake-api.ts';
export type { FakeApiOptions, FakeCall, FakeVerb } from './fake-api.ts';
export { ForwardServer } from './forward-server.ts';
export type { ForwardServerOptions } from './forward-server.ts';
