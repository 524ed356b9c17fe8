// SPDX-License-Identifier: Apache-2.0
import { KubeArmorError } from '#base';
import { errnoName } from './errno.ts';

const TAIL_LINES = 40;
/** Lines that the verifier adds behind its reason. */
const STATISTICS = /^(processed |verification time|stack depth|insns processed|$)/;

function verifierLog(log: string): string[] | undefined {
  const begin = log.lastIndexOf('-- BEGIN PROG LOAD LOG --');
  if (begin < 0) return undefined;
  const end = log.indexOf('-- END PROG LOAD LOG --', begin);
  const lines = log.slice(begin, end < 0 ? undefined : end).split('\n');
  return lines.slice(1);
}

/** Turns what libbpf printed into one error: program, errno and the verifier's last word in the message, the log's end in the cause. */
export function loadError(doing: string, errno: number, log: string): KubeArmorError {
  const program = /prog '([^']+)': failed to load/.exec(log)?.[1];
  const verifier = verifierLog(log);
  const lines = verifier ?? log.split('\n').map((line) => line.replace(/^libbpf: /, ''));
  const reason = lines.findLast((line) => !STATISTICS.test(line.trim()));
  const parts = [doing, program === undefined ? undefined : `program ${program}`, errnoName(errno), reason?.trim()];
  const tail = lines.slice(-TAIL_LINES).join('\n').trim();
  return new KubeArmorError('KERNEL_LOAD', parts.filter((part) => part !== undefined && part !== '').join(': '), {
    ...(tail === '' ? {} : { cause: new Error(tail) }),
    context: { errno: errnoName(errno), program },
  });
}
