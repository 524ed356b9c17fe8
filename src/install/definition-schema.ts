// SPDX-License-Identifier: Apache-2.0
import type { Shape } from '#policy';

/** A part of a structural OpenAPI v3 schema, as far as we use it. */
export interface Schema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  readonly description?: string;
  readonly nullable?: true;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly 'x-kubernetes-int-or-string'?: true;
  readonly 'x-kubernetes-preserve-unknown-fields'?: true;
  readonly 'x-kubernetes-list-type'?: 'map';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: 'atomic';
}

/**
 * The structural schema of a shape: types only (ADR 25). Values are judged by the reader that the shape belongs to, in the webhook and in the
 * agents, which tell every problem at once with its cure; the API server looks at the schema before it asks a webhook.
 *
 * - Objects keep fields that they do not know, so that somebody sees them: else they would be dropped without a word.
 * - Entries of lists and maps may be null, as readers take null for absent. Null fields are dropped by the API server itself.
 */
export function schemaOf(shape: Shape): Schema {
  const description = descriptionOf(shape);
  return { ...(description === '' ? {} : { description }), ...typeOf(shape) };
}

function typeOf(shape: Shape): Schema {
  switch (shape.type) {
    case 'text':
    case 'word':
      return { type: 'string' };
    case 'flag':
      return { type: 'boolean' };
    case 'integer':
      return { type: 'integer' };
    case 'textOrInteger':
      return { 'x-kubernetes-int-or-string': true };
    case 'listOrMap':
    case 'anything':
      return { 'x-kubernetes-preserve-unknown-fields': true };
    case 'list':
      return { type: 'array', ...listKey(shape.key), items: entryOf(shape.item, shape.key) };
    case 'map':
      return {
        type: 'object',
        ...(shape.atomic === true ? { 'x-kubernetes-map-type': 'atomic' } : {}),
        additionalProperties: entryOf(shape.value),
      };
    case 'object':
      return { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: propertiesOf(shape) };
  }
}

function listKey(key: string | undefined): Schema {
  return key === undefined ? {} : { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key] };
}

/** The key of a list that is merged by it must be there. */
function entryOf(shape: Shape, key?: string): Schema {
  return { ...schemaOf(shape), ...(key === undefined ? { nullable: true } : { required: [key] }) };
}

function propertiesOf({ fields, required }: Extract<Shape, { type: 'object' }>): Readonly<Record<string, Schema>> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => {
      const schema = schemaOf(field);
      return [name, required.includes(name) ? { ...schema, description: sentences(schema.description, 'Required.') } : schema];
    }),
  );
}

/** What is written for the field, and the values that its reader takes. */
function descriptionOf(shape: Shape): string {
  if (shape.type === 'word') return sentences(shape.doc, `One of ${shape.words.join(', ')}.`);
  if (shape.type !== 'integer' || shape.min === undefined || shape.max === undefined || !isTold(shape)) return shape.doc ?? '';
  return sentences(shape.doc, `From ${shape.min} to ${shape.max}.`);
}

/** The range of a machine's integers says nothing to anybody. */
function isTold({ min = 0, max = 0 }: { readonly min?: number; readonly max?: number }): boolean {
  return min >= 0 && max < 2_147_483_647;
}

function sentences(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join(' ');
}
