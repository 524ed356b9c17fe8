// SPDX-License-Identifier: Apache-2.0
import type { ErrorContext, Logger } from '#base';
import { printable } from '#events';
import type { LineOutput } from './line-output.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** One line: `2026-11-21T09:05:11.940Z WARN what happened key=value`. */
function lineOf(level: LogLevel, text: string, now: Date): string {
  return `${now.toISOString()} ${level.toUpperCase().padEnd(5)} ${text}`;
}

function textOf(message: string, context: ErrorContext = {}): string {
  const pairs = Object.entries(context).filter(([, value]) => value !== undefined && value !== '');
  return printable(
    [
      message,
      ...pairs.map(([key, value]) => `${key}=${typeof value === 'string' && /\s/.test(value) ? JSON.stringify(value) : value}`),
    ].join(' '),
  );
}

/**
 * The agent's own log.
 *
 * @param tell is given every message too, below the least level as well
 */
export function agentLogger(output: LineOutput, least: LogLevel, tell: (level: LogLevel, text: string) => void = () => {}): Logger {
  const log = (level: LogLevel) => (message: string, context?: ErrorContext) => {
    const text = textOf(message, context);
    tell(level, text);
    if (LEVELS.indexOf(level) >= LEVELS.indexOf(least)) output.write(lineOf(level, text, new Date()));
  };
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
}
