// SPDX-License-Identifier: Apache-2.0
export { alertOf, logOf } from './alert.ts';
export type { Alert, EventContext, ExecEvent, Log, Owner } from './alert.ts';
export { isAlert } from './format/fields.ts';
export type { Message } from './format/fields.ts';
export { formatAgentJson, formatJson, formatPrettyJson } from './format/json.ts';
export { formatAgentLine, formatLine, formatWide } from './format/line.ts';
export { printable } from './format/printable.ts';
export { formatMessage, formatText } from './format/text.ts';
export { lineLogger } from './line-logger.ts';
export type { LineLoggerOptions, LogLevel } from './line-logger.ts';
export type { HookName, KernelEvent, SocketInfo } from './model.ts';
