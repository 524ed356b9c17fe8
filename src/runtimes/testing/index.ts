// SPDX-License-Identifier: Apache-2.0
export { parseSpec } from '../containerd-spec.ts';
export { ContainerdTracker } from '../containerd-tracker.ts';
export { EnvelopeSchema } from '../gen/events_pb.ts';
export { sampleContainer } from './sample-container.ts';
