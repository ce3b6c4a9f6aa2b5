/** Every operation of this door: one row each. The router, the Allow header and the tests read this table. */
import { getAccount } from './account/get.ts';
import { headAccount } from './account/head.ts';
import { postAccount } from './account/post.ts';
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

export type Route =
  | { readonly shape: 'account'; readonly method: string; readonly run: AccountOperation }
  | { readonly shape: 'container'; readonly method: string; readonly run: ContainerOperation }
  | { readonly shape: 'object'; readonly method: string; readonly run: ObjectOperation };

/** PUT and DELETE of an account are administration, which Swift too keeps off by default: 405. */
export const routes: readonly Route[] = [
  { shape: 'account', method: 'GET', run: getAccount },
  { shape: 'account', method: 'HEAD', run: headAccount },
  { shape: 'account', method: 'POST', run: postAccount },
  { shape: 'container', method: 'GET', run: getContainer },
  { shape: 'container', method: 'HEAD', run: headContainer },
  { shape: 'container', method: 'PUT', run: putContainer },
  { shape: 'container', method: 'POST', run: postContainer },
  { shape: 'container', method: 'DELETE', run: deleteContainer },
  { shape: 'object', method: 'GET', run: getObject },
  { shape: 'object', method: 'HEAD', run: headObject },
  { shape: 'object', method: 'PUT', run: putObject },
  { shape: 'object', method: 'POST', run: postObject },
  { shape: 'object', method: 'COPY', run: copyObject },
  { shape: 'object', method: 'DELETE', run: deleteObject },
];

/** Methods of a shape, with OPTIONS, for the Allow header. */
export function allowedMethods(shape: Route['shape']): string {
  const methods = routes.filter((route) => route.shape === shape).map((route) => route.method);
  return [...methods, 'OPTIONS'].join(', ');
}
