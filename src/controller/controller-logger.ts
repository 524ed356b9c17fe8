// SPDX-License-Identifier: Apache-2.0
import type { ErrorContext, Logger } from '#base';
import { printable } from '#events';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** The controller's log: one line each, `2026-11-21T09:05:11.940Z WARN  what happened key=value`. */
export function controllerLogger(write: (line: string) => void, isDebug: boolean): Logger {
  const log =
    (level: (typeof LEVELS)[number]) =>
    (message: string, context: ErrorContext = {}) => {
      if (level === 'debug' && !isDebug) return;
      const pairs = Object.entries(context).flatMap(([key, value]) =>
        value === undefined || value === '' ? [] : [`${key}=${shown(value)}`],
      );
      write(`${new Date().toISOString()} ${level.toUpperCase().padEnd(5)} ${printable([message, ...pairs].join(' '))}`);
    };
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
}

const shown = (value: NonNullable<ErrorContext[string]>): string =>
  typeof value === 'string' && /\s/.test(value) ? JSON.stringify(value) : String(value);
