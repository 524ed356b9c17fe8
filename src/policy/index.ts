// SPDX-License-Identifier: Apache-2.0
export type { Access, CapabilityAccess, ObjectName, PathAccess, SocketAccess, Verdict } from './access.ts';
export { CAPABILITIES, capabilityNumber } from './capabilities.ts';
export { asWritten, compile } from './compile.ts';
export type { CompileExceeded, NotEnforced, RuleSet } from './compile.ts';
export { evaluate } from './evaluate.ts';
export { IMAGE_CLASS_WORDS, imageIdWord } from './image.ts';
export { LIMITS } from './limits.ts';
export type { PathResolver, ResolvedName } from './lower.ts';
export type {
  Action,
  AppArmorRule,
  CapabilityRule,
  DeviceRule,
  DnsRule,
  Family,
  FileRule,
  FirewallRule,
  LabelExpression,
  NetworkRule,
  PathObject,
  Policy,
  PolicyKind,
  Posture,
  Postures,
  PresetRule,
  ProcessRule,
  Protocol,
  Rule,
  Selector,
  SyscallRule,
  Workload,
  WorkloadMode,
} from './model.ts';
export { parsePolicyObject, parsePolicyText } from './parse.ts';
export type { ParsedDocument } from './parse.ts';
export { resolveObject } from './resolve-object.ts';
export type { FoundPath } from './resolve-object.ts';
export { HintedRoot, MERGED_USR } from './root-hints.ts';
export type { RootHints } from './root-hints.ts';
export type { RuleInfo } from './rule-info.ts';
export { nodeSelected, rpcSelectorProblem, selects } from './select.ts';
