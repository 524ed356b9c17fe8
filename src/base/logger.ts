// SPDX-License-Identifier: Apache-2.0
import type { ErrorContext } from './errors.ts';

/** Where a room says what happened. Programs choose the sink; rooms never print. */
export interface Logger {
  debug(message: string, context?: ErrorContext): void;
  info(message: string, context?: ErrorContext): void;
  warn(message: string, context?: ErrorContext): void;
  error(message: string, context?: ErrorContext): void;
}

const silent = (): void => {};

/** A logger for tests and tools that drops everything. */
export const noLogger: Logger = { debug: silent, info: silent, warn: silent, error: silent };
