// SPDX-License-Identifier: Apache-2.0
export { COMMIT, VERSION, VERSION_TEXT } from './build-info.ts';
export { errnoHint, errnoText } from './errno.ts';
export { ERRORS, KubeArmorError } from './errors.ts';
export type { ErrorCode, ErrorContext } from './errors.ts';
export {
  flagHelp,
  KUBECONFIG_SETTING,
  NAMESPACE_SETTING,
  onlySetting,
  PORT_SETTING,
  readFlagSettings,
  SWITCH_SETTING,
} from './flag-settings.ts';
export type { FlagSetting, FlagSettings } from './flag-settings.ts';
export { formatIssue } from './issue.ts';
export type { Issue } from './issue.ts';
export { noLogger } from './logger.ts';
export type { Logger } from './logger.ts';
export { nearestWord } from './nearest-word.ts';
export { servePages } from './pages.ts';
export type { Page, PlainServer } from './pages.ts';
export { runProgram } from './program.ts';
export type { Program } from './program.ts';
export { yamlCure } from './yaml-cure.ts';
