// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { between, byVerb, readRequests } from './requests.ts';

const page = (lists: number, watches: number): string => `# HELP apiserver_request_total Counter
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="pods",scope="cluster",subresource="",verb="LIST",version="v1"} ${lists}
apiserver_request_total{code="410",group="",resource="pods",scope="cluster",verb="LIST",version="v1"} 1
apiserver_request_total{code="200",group="",resource="pods",scope="cluster",verb="WATCH",version="v1"} ${watches}
apiserver_request_total{code="200",group="storage.k8s.io",resource="csinodes",verb="LIST"} 7
apiserver_response_sizes_sum{group="",resource="pods",verb="LIST"} ${lists * 100}
apiserver_watch_events_sizes_sum{group="",kind="Pod",version="v1"} 1.5e+03
`;

test('requests between two looks, of our kinds, whatever their code', () => {
  const [before, after] = [readRequests(page(2, 5)), readRequests(page(2, 9))];
  assert.deepEqual(
    [...before.counts],
    [
      ['LIST pods', 3],
      ['WATCH pods', 5],
    ],
  );
  assert.deepEqual([...byVerb(between(before, after))], [['WATCH', 4]]);
  assert.deepEqual(between(before, readRequests(page(4, 9))).bytes, { answers: 200, events: 0 });
});
