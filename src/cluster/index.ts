// SPDX-License-Identifier: Apache-2.0
export { CONFIGS, CORE, NODE_REPORTS, POLICY_KINDS } from './kinds.ts';
export { ANNOTATIONS, LABELS, NAMES, nodeLeaseName } from './names.ts';
export { LeaseAges } from './lease-age.ts';
export type { Moment } from './lease-age.ts';
export { NODE_REASONS } from './node-finding.ts';
export type { NodeFindingReason, PolicyFacts, PolicyNode } from './node-finding.ts';
export { FRESH_MS, RENEW_MS, REPORT_LIMITS } from './node-report.ts';
export type { NodeProblem, NodeReport, PolicyReason, PolicyReport } from './node-report.ts';
export { policyRef } from './policy-ref.ts';
export { policyStatus } from './policy-state.ts';
export type { PolicyState } from './policy-state.ts';
export { STATUS_LIMITS } from './policy-status.ts';
export type { Condition, NodeReason, PolicyConditionType, PolicyStatus } from './policy-status.ts';
export { boundedText, readNodeReport } from './read-node-report.ts';
export type { ReportedNode } from './read-node-report.ts';
export { readConditions } from './read-policy-status.ts';
