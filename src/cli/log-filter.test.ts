// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileLogFilter } from './log-filter.ts';
import type { FilteredRecord, LogFilter } from './log-filter.ts';

const RECORD: FilteredRecord = {
  NamespaceName: 'prod',
  PodName: 'web-7d9f-x1',
  ContainerName: 'nginx',
  Type: 'MatchedPolicy',
  Operation: 'Process',
  Source: '/usr/sbin/nginx',
  Resource: '/bin/sh -c id',
  ProcessName: '/bin/sh',
  Labels: 'app=web,tier=front',
};

const cases: readonly { readonly name: string; readonly filter: LogFilter; readonly record?: FilteredRecord; readonly passes: boolean }[] =
  [
    { name: 'no filter takes everything', filter: {}, record: {}, passes: true },
    { name: 'equal names pass', filter: { namespace: 'prod', pod: 'web-7d9f-x1', container: 'nginx' }, passes: true },
    { name: 'a part of a name is not the name', filter: { namespace: 'prod' }, record: { NamespaceName: 'preprod' }, passes: false },
    { name: 'names keep their case', filter: { namespace: 'Prod' }, passes: false },
    { name: 'a star stands for anything', filter: { pod: 'web-*' }, passes: true },
    { name: 'a dot is a dot', filter: { pod: 'web.7d9f.x1' }, passes: false },
    { name: 'operation in any case', filter: { operation: 'process' }, passes: true },
    { name: 'type in any case', filter: { logType: 'matchedpolicy' }, passes: true },
    { name: 'a program without its arguments', filter: { resource: '/bin/sh' }, passes: true },
    { name: 'but not for files', filter: { resource: '/etc/a' }, record: { Operation: 'File', Resource: '/etc/a b' }, passes: false },
    { name: 'all filters must hold', filter: { namespace: 'prod', source: '/bin/bash' }, passes: false },
    { name: 'a record without the field does not pass', filter: { pod: '*' }, record: { PodName: '' }, passes: false },
    { name: 'all labels must be there', filter: { labels: ['app=web', 'tier=front'] }, passes: true },
    { name: 'one label missing', filter: { labels: ['app=web', 'tier=back'] }, passes: false },
    { name: 'no labels at all', filter: { labels: ['app=web'] }, record: {}, passes: false },
  ];
for (const { name, filter, record, passes } of cases) {
  test(`compileLogFilter: ${name}`, () => assert.equal(compileLogFilter(filter)(record ?? RECORD), passes));
}
