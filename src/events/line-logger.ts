// SPDX-License-Identifier: Apache-2.0
import type { ErrorContext, Logger } from '#base';
import { printable } from './format/printable.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export interface LineLoggerOptions {
  readonly write: (line: string) => void;
  /** What is below it is not written. */
  readonly least: LogLevel;
  readonly now: () => Date;
  /** Given every message, below `least` too. */
  readonly tell?: (level: LogLevel, text: string) => void;
}

/** A program's own log: one line each, `2026-11-21T09:05:11.940Z WARN  what happened key=value`. */
export function lineLogger({ write, least, now, tell }: LineLoggerOptions): Logger {
  const log = (level: LogLevel) => (message: string, context?: ErrorContext) => {
    const text = textOf(message, context);
    tell?.(level, text);
    if (LEVELS.indexOf(level) >= LEVELS.indexOf(least)) write(`${now().toISOString()} ${level.toUpperCase().padEnd(5)} ${text}`);
  };
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
}

function textOf(message: string, context: ErrorContext = {}): string {
  const pairs = Object.entries(context).flatMap(([key, value]) => (value === undefined || value === '' ? [] : [`${key}=${shown(value)}`]));
  return printable([message, ...pairs].join(' '));
}

const shown = (value: NonNullable<ErrorContext[string]>): string =>
  typeof value === 'string' && /\s/.test(value) ? JSON.stringify(value) : String(value);
