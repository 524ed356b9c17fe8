// SPDX-License-Identifier: Apache-2.0
export type { Access, CapabilityAccess, ObjectName, PathAccess, SocketAccess, Verdict } from './access.ts';
export { accessText, subjectText } from './access-text.ts';
export { CAPABILITIES, capabilityNumber } from './capabilities.ts';
export { asWritten, compile, isPlain, notEnforcedOf } from './compile.ts';
export { compileIssues } from './compile-issues.ts';
export type { CompileExceeded, NotEnforced, RuleSet } from './compile.ts';
export type { Decider } from './deciders.ts';
export { diffFor } from './diff.ts';
export type { Change, Difference, SideVerdict } from './diff.ts';
export { evaluate } from './evaluate.ts';
export { Explainer, ruleText } from './explain.ts';
export type { Candidate, Explanation, NearMiss } from './explain.ts';
export { explainNotes } from './explain-notes.ts';
// Readers of what users write, with problems and cures; for documents of other kinds, such as KubeArmorConfig.
export { anything, described, flag, integer, isMap, labels, list, Notes, object, text, word } from './fields.ts';
export type { Read, Reader } from './fields.ts';
export { IMAGE_CLASS_WORDS, imageIdWord } from './image.ts';
export { LIMITS } from './limits.ts';
export { lintWork } from './lint-work.ts';
export { lint, lintAmong, selectsAlso } from './lint.ts';
export type { Finding, RulePlace } from './lint.ts';
export { LINT_CODES } from './lint-codes.ts';
export type { LintCode, LintSeverity } from './lint-codes.ts';
export { NEVER_ENFORCED } from './lower.ts';
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
  WorkloadOwner,
} from './model.ts';
export { ANY_WORKLOAD } from './one-rule.ts';
export { isNestedTooDeep, nestingIssue } from './nesting.ts';
export { parsePolicyObject, parsePolicyText } from './parse.ts';
export type { ParsedDocument } from './parse.ts';
export { CANARY_APPLET } from './probe-candidates.ts';
export { layOut } from './probe-layout.ts';
export type { CanaryNode, CanaryRoot } from './probe-layout.ts';
export { probesOf } from './probes.ts';
export type { Probe, ProbeFamily, ProbePlan } from './probes.ts';
export { answer } from './question-verdict.ts';
export type { Answer } from './question-verdict.ts';
export { OPERATIONS, readQuestion, SOCKET_WORDS } from './questions.ts';
export type { Operation, Question, WrongWord } from './questions.ts';
export { resolveObject } from './resolve-object.ts';
export type { FoundPath } from './resolve-object.ts';
export { HintedRoot, MERGED_USR } from './root-hints.ts';
export type { RootHints } from './root-hints.ts';
export type { RuleInfo } from './rule-info.ts';
export { ruleSetKey } from './rule-set-key.ts';
export { SPEC_SHAPES } from './schema.ts';
export { nodeSelected, rpcSelectorProblem, selects } from './select.ts';
export type { Shape } from './shape.ts';
export { parseTestFile } from './test-file.ts';
export type { ParsedSuite, PolicyTest, TestSuite } from './test-file.ts';
export { runSuite } from './test-run.ts';
export type { RuleCoverage, SuiteResult, TestResult } from './test-run.ts';
export { ANY_PROGRAM, unnamedProgram } from './universe.ts';
export { workloadClasses } from './workload-classes.ts';
