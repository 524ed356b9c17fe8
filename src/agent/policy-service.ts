// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '#base';
import { grpcService } from '#grpc';
import type { GrpcService } from '#grpc';
import { PolicyService, PolicyStatus, REASON_TRAILER, TRIAL_TRAILER } from '#wire';
import { answerPolicy } from './policy-requests.ts';
import type { PolicyMethod, PolicyAnswers } from './policy-requests.ts';

const REASON_MAX = 2_000;

const nameOf = (status: PolicyStatus): string =>
  Object.entries(PolicyStatus).find(([, number]) => number === status)?.[0] ?? String(status);

/** `policy.PolicyService`. When it answers Applied, Modified or Deleted the next access obeys. */
export function policyService(options: PolicyAnswers, logger: Logger): GrpcService {
  type Context = { readonly responseTrailer: Headers };
  const handle =
    (method: PolicyMethod) =>
    async ({ policy }: { readonly policy: Uint8Array }, { responseTrailer }: Context): Promise<{ status: PolicyStatus }> => {
      const answer = await answerPolicy(method, policy, options);
      const { status, trial } = answer;
      const reason = answer.reason.slice(0, REASON_MAX).toWellFormed(); // a thousand problems of one policy fill no log
      if (reason === '') logger.info(`${method} was answered`, { status: nameOf(status) });
      else logger.warn(`${method} was answered`, { status: nameOf(status), reason });
      if (reason !== '') responseTrailer.set(REASON_TRAILER, encodeURIComponent(reason));
      if (trial !== undefined) responseTrailer.set(TRIAL_TRAILER, trial);
      return { status };
    };
  return grpcService(PolicyService, {
    containerPolicy: handle('containerPolicy'),
    hostPolicy: handle('hostPolicy'),
    networkPolicy: handle('networkPolicy'),
  });
}
