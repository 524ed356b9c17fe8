// SPDX-License-Identifier: Apache-2.0
export { ACCOUNTS } from './access.ts';
export type { Account } from './access.ts';
export { agentDaemonSet, removerDaemonSet } from './agent.ts';
export { definitions } from './definitions.ts';
export type { Schema } from './definition-schema.ts';
export { IMAGE_NAMES, imagesOf } from './installation.ts';
export type { Images, Installation } from './installation.ts';
export { kindOf, KINDS } from './kinds.ts';
export { IMAGE_VARIABLES, operatorObjects } from './operator.ts';
export type { OperatorInstallation } from './operator.ts';
export { OPERATOR_CLUSTER_RULES, operatorNamespaceRules } from './operator-access.ts';
export { NETWORK_SECRETS } from './secrets.ts';
export { nodeFacts, shapeLabels, shapeOf, shapeOfSocket, SHAPES } from './shapes.ts';
export type { FoundShape, NodeFacts, NodeShape } from './shapes.ts';
export { installationObjects } from './table.ts';
