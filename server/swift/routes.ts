/** Every operation of this door: one row each. The router, the Allow header and the tests read this table. */
import { getAccount } from './account/get.ts';
import { headAccount } from './account/head.ts';
import { postAccount } from './account/post.ts';
import type { Action } from '../core/access/actions.ts';
import type { AccountOperation, ContainerOperation, ObjectOperation } from './call.ts';
import { deleteContainer } from './container/delete.ts';
import { getContainer } from './container/get.ts';
import { headContainer } from './container/head.ts';
import { postContainer } from './container/post.ts';
import { putContainer } from './container/put.ts';
import { copyObject } from './object/copy.ts';
import { deleteObject } from './object/delete.ts';
import { getObject, headObject } from './object/get.ts';
import { postObject } from './object/post.ts';
import { putObject } from './object/put.ts';

/** `action`: what the caller must be allowed to do to what the path names, before anything else is looked at. */
export type Route = { readonly method: string; readonly action: Action } & (
  | { readonly shape: 'account'; readonly run: AccountOperation }
  | { readonly shape: 'container'; readonly run: ContainerOperation }
  | { readonly shape: 'object'; readonly run: ObjectOperation }
);

/**
 * PUT and DELETE of an account are administration, which Swift too keeps off by default: 405.
 * COPY names its source; its target is asked about when it is written.
 */
export const routes: readonly Route[] = [
  { shape: 'account', method: 'GET', action: 'account.read', run: getAccount },
  { shape: 'account', method: 'HEAD', action: 'account.read', run: headAccount },
  { shape: 'account', method: 'POST', action: 'account.write', run: postAccount },
  { shape: 'container', method: 'GET', action: 'container.list', run: getContainer },
  { shape: 'container', method: 'HEAD', action: 'container.list', run: headContainer },
  { shape: 'container', method: 'PUT', action: 'container.create', run: putContainer },
  { shape: 'container', method: 'POST', action: 'container.write', run: postContainer },
  { shape: 'container', method: 'DELETE', action: 'container.delete', run: deleteContainer },
  { shape: 'object', method: 'GET', action: 'object.read', run: getObject },
  { shape: 'object', method: 'HEAD', action: 'object.read', run: headObject },
  { shape: 'object', method: 'PUT', action: 'object.write', run: putObject },
  { shape: 'object', method: 'POST', action: 'object.write', run: postObject },
  { shape: 'object', method: 'COPY', action: 'object.read', run: copyObject },
  { shape: 'object', method: 'DELETE', action: 'object.delete', run: deleteObject },
];

/** As the S3 door names its own: `PutObject`, `GetContainer`. */
export function operationOf({ method, shape }: Pick<Route, 'method' | 'shape'>): string {
  const capital = (word: string): string =>
    `${word.slice(0, 1).toUpperCase()}${word.slice(1).toLowerCase()}`;
  return `${capital(method)}${capital(shape)}`;
}

/** Methods of a shape, with OPTIONS, for the Allow header. */
export function allowedMethods(shape: Route['shape']): string {
  const methods = routes.filter((route) => route.shape === shape).map((route) => route.method);
  return [...methods, 'OPTIONS'].join(', ');
}
