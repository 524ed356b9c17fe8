// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeArmorError } from '#base';
import { followFeed } from './follow-feed.ts';
import type { FeedItem, StreamName } from './ports.ts';
import { FakeAgent, recordingIo } from './testing.ts';
import type { FakeAgentScript } from './testing.ts';

const alert = (Sequence: number): FeedItem => ({ stream: 'alert', record: { Sequence } });
const broken = new KubeArmorError('UNREACHABLE', 'calling: the connection was reset');

async function follow(
  script: FakeAgentScript,
  count: number,
  streams: StreamName[] = ['alert'],
): Promise<{ got: unknown[]; notes: string[]; agent: FakeAgent }> {
  const agent = new FakeAgent(script);
  const { io } = recordingIo();
  const [got, notes]: [unknown[], string[]] = [[], []];
  const feed = followFeed(
    {
      streams,
      connect: async () => agent,
      lost: (why) => notes.push(`lost: ${why}`),
      restored: (gapMs) => notes.push(`restored: ${gapMs >= 500}`),
    },
    io,
  );
  for await (const item of feed) {
    got.push(item.record['Sequence']);
    if (got.length === count) break;
  }
  return { got, notes, agent };
}

test('followFeed goes on after the connection broke, and names the gap once', async () => {
  let pings = 0;
  const { got, notes, agent } = await follow(
    {
      feeds: [{ items: [alert(1), alert(2)], error: broken }, { items: [alert(5)] }],
      onPing: () => {
        if (++pings === 2 || pings === 3) throw broken;
      },
    },
    3,
  );
  assert.deepEqual(got, [1, 2, 5]);
  assert.deepEqual(notes, ['lost: calling: the connection was reset', 'restored: true']);
  assert.ok(agent.isDisposed);
});

test('followFeed goes on after the agent ended the stream with OK', async () => {
  const { got, notes } = await follow({ feeds: [{ items: [alert(1)] }, { items: [alert(2)] }] }, 2);
  assert.deepEqual(got, [1, 2]);
  assert.deepEqual(notes, ['lost: the agent ended the stream', 'restored: true']);
});

test('followFeed does not wait for an agent that was never there', async () => {
  await assert.rejects(
    follow(
      {
        onPing: () => {
          throw broken;
        },
      },
      1,
    ),
    broken,
  );
});

test('followFeed does not try again where that cannot help', async () => {
  const refused = new KubeArmorError('PEER_REFUSED', 'calling: not one of its users');
  await assert.rejects(follow({ feeds: [{ items: [alert(1)], error: refused }] }, 2), refused);
});

test('followFeed brings all streams together', async () => {
  const log: FeedItem = { stream: 'log', record: { Sequence: 10 } };
  const { got, agent } = await follow({ feeds: [{ items: [alert(1)] }, { items: [log] }] }, 2, ['alert', 'log']);
  assert.deepEqual(new Set(got), new Set([1, 10]));
  assert.deepEqual(agent.watched, ['alert', 'log']);
});

test('followFeed ends quietly when it is told to', async () => {
  const { io, stop } = recordingIo();
  const agent = new FakeAgent({ feeds: [{ items: [alert(1)], error: broken }] });
  const got: FeedItem[] = [];
  const feed = followFeed({ streams: ['alert'], connect: async () => agent, lost: () => assert.fail('no gap'), restored: () => {} }, io);
  for await (const item of feed) {
    got.push(item);
    stop.abort();
  }
  assert.equal(got.length, 1);
});
