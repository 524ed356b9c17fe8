// SPDX-License-Identifier: Apache-2.0
import type { ClusterConfig } from '#cluster';

const FOLDED = 'repeated alerts of a second are folded into one with a count, none is dropped and no rate is set';

/** What a KubeArmorConfig asks for and does not get, each with the reason: nothing is left out in silence. */
export function notHere(config: ClusterConfig): string[] {
  const rows: readonly (readonly [asked: boolean, text: string])[] = [
    [config.tls.enable === false, 'spec.tls.enable: ports are never served without TLS'],
    [config.elasticsearch !== undefined, 'spec.adapters.elasticsearch: the relay sends alerts nowhere yet'],
    [config.recommended.enable, 'spec.recommendedPolicies: there are none yet'],
    [!config.throttling.enabled, `spec.alertThrottling: ${FOLDED}`],
    [config.throttling.alertsPerSecond !== 10, `spec.maxAlertPerSec: ${FOLDED}`],
    [config.throttling.seconds !== 30, `spec.throttleSec: ${FOLDED}`],
    [!config.matchArgs, 'spec.matchArgs: no rule looks at arguments yet, a rule with `allowedArgs` is told as not enforced either way'],
    [config.nri, 'spec.enableNRI: containers are held at their first exec instead, NRI is not used'],
    [isSet(config.components.init), 'spec.kubearmorInitImage: there is no init container, programs are compiled'],
  ];
  return rows.flatMap(([asked, text]) => (asked ? [text] : []));
}

const isSet = ({ args, env }: ClusterConfig['components']['init']): boolean => args.length > 0 || env.length > 0;
