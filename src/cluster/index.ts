// SPDX-License-Identifier: Apache-2.0
export { readConfig } from './config.ts';
export type { ClusterConfig, Component, ConfigStatus, EnvVar, ReadConfig, Toleration } from './config.ts';
export { readSpec as readConfigSpec } from './config-schema.ts';
export { CONFIGS, CORE, NODE_REPORTS, POLICY_KINDS } from './kinds.ts';
export { ANNOTATIONS, LABELS, NAMES, nodeLeaseName } from './names.ts';
export { FRESH_MS, RENEW_MS, REPORT_LIMITS } from './node-report.ts';
export type { NodeProblem, NodeReport, PolicyReason, PolicyReport } from './node-report.ts';
export { policyRef } from './policy-ref.ts';
export { STATUS_LIMITS } from './policy-status.ts';
export type { Condition, NodeReason, PolicyConditionType, PolicyStatus } from './policy-status.ts';
export { CONFIG_STATUS_SHAPE, NODE_REPORT_SHAPE, POLICY_STATUS_SHAPE } from './status-shapes.ts';
