// SPDX-License-Identifier: Apache-2.0
import type { OptionSpec } from './command.ts';

export const SARIF_OPTION: OptionSpec = {
  flags: '--sarif <file>',
  summary: 'write the findings as SARIF 2.1.0 to this file; - is standard output, in place of the text',
  completes: 'file',
};
