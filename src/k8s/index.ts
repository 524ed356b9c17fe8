// SPDX-License-Identifier: Apache-2.0
export type { Kind, KubeApi, KubeObject, ObjectMeta, ObjectRef, OwnerReference, Selection, WatchChange, WriteOptions } from './api.ts';
