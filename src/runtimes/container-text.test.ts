// SPDX-License-Identifier: Apache-2.0
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { fromBinary } from '@bufbuild/protobuf';
import { ContainerSchema } from './gen/containers_pb.ts';

test('a label that is not UTF-8 does not make the container unreadable', () => {
  // field 2, a map entry: key "a", value 0xff 0xfe
  const container = fromBinary(ContainerSchema, Uint8Array.of(0x12, 7, 0x0a, 1, 0x61, 0x12, 2, 0xff, 0xfe));
  assert.deepEqual({ ...container.labels }, { a: '\ufffd\ufffd' });
});
