// SPDX-License-Identifier: Apache-2.0
//
// The face of the generated protobuf code (api/proto/generate.sh). Names are the protocol's own, so they are in its
// case; the two lower-case messages of package `policy` get a TypeScript name beside it. The reason's trailer is ours.
export {
  AlertSchema,
  ExecEventSchema,
  LogSchema,
  LogService,
  MessageSchema,
  NonceMessageSchema,
  PodownerSchema,
  ReplyMessageSchema,
  RequestMessageSchema,
} from './kubearmor_pb.ts';
export type { Alert, ExecEvent, Log, Message, NonceMessage, Podowner, ReplyMessage, RequestMessage } from './kubearmor_pb.ts';
export {
  ContainerDataSchema,
  HostSecurityPoliciesSchema,
  NetworkSecurityPoliciesSchema,
  policySchema,
  PolicyService,
  PolicyStatus,
  ProbeResponseSchema,
  ProbeService,
  responseSchema,
} from './policy_pb.ts';
export type {
  ContainerData,
  HostSecurityPolicies,
  NetworkSecurityPolicies,
  policy as PolicyMessage,
  ProbeResponse,
  response as PolicyResponse,
} from './policy_pb.ts';
export { StateAgent, StateEventSchema, StateEventsSchema } from './state_pb.ts';
export type { StateEvent, StateEvents } from './state_pb.ts';
export { agentIdentitySchema, KVM, policyDataSchema, statusSchema } from './kvm_pb.ts';
export type { agentIdentity as AgentIdentity, policyData as PolicyData, status as KvmStatus } from './kvm_pb.ts';
export {
  Health,
  HealthCheckRequestSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthCheckResponseSchema,
  HealthListRequestSchema,
  HealthListResponseSchema,
} from './health_pb.ts';
export type { HealthCheckRequest, HealthCheckResponse, HealthListResponse } from './health_pb.ts';
export { CONFIRM_TYPE, REASON_TRAILER, TRIAL_TRAILER, TRIAL_TYPE } from './reason-trailer.ts';
