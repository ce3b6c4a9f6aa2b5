/** Replies that every operation shares, and the error that carries one. */
import { utf8 } from '../../base/bytes.ts';
import type { HttpReply } from '../http/exchange.ts';

export type HeaderList = readonly (readonly [string, string])[];

/** Sentence per status, as Swift clients show it to people. */
const reasons: Readonly<Record<number, readonly [title: string, sentence: string]>> = {
  202: ['Accepted', 'The request is accepted for processing.'],
  400: [
    'Bad Request',
    'The server could not comply with the request since it is either malformed or otherwise incorrect.',
  ],
  401: [
    'Unauthorized',
    'This server could not verify that you are authorized to access the document you requested.',
  ],
  403: ['Forbidden', 'Access was denied to this resource.'],
  404: ['Not Found', 'The resource could not be found.'],
  405: ['Method Not Allowed', 'The method is not allowed for this resource.'],
  406: ['Not Acceptable', 'The resource is not available in a format acceptable to your browser.'],
  408: [
    'Request Timeout',
    'The server has waited too long for the request to be sent by the client.',
  ],
  409: ['Conflict', 'There was a conflict when trying to complete your request.'],
  411: ['Length Required', 'Content-Length header required.'],
  412: ['Precondition Failed', 'A precondition for this request was not met.'],
  413: ['Request Entity Too Large', 'The body of your request was too large for this server.'],
  416: ['Requested Range Not Satisfiable', 'The Range requested is not available.'],
  422: ['Unprocessable Entity', 'Unable to process the contained instructions'],
  497: ['Blacklisted', 'Your account has been blacklisted'],
  498: ['Rate Limited', 'Slow down'],
  499: ['Client Disconnect', 'The client was disconnected during request.'],
  500: [
    'Internal Error',
    'The server has either erred or is incapable of performing the requested operation.',
  ],
  501: ['Not Implemented', 'The requested method is not implemented by this server.'],
  502: ['Bad Gateway', 'Bad gateway.'],
  503: [
    'Service Unavailable',
    'The server is currently unavailable. Please try again at a later time.',
  ],
  507: ['Insufficient Storage', 'There was not enough space to save the resource.'],
};

/** Of statuses that have no sentence. */
const titles: Readonly<Record<number, string>> = { 200: 'OK', 201: 'Created', 204: 'No Content' };

const html: readonly [string, string] = ['Content-Type', 'text/html; charset=UTF-8'];
const empty = new Uint8Array(0);

/** A reply with the standard text of its status; empty where there is none (200, 201, 204, 304). */
export function statusReply(status: number, headers: HeaderList = []): HttpReply {
  const reason = reasons[status];
  if (reason === undefined) {
    return { status, headers: [html, ...headers], body: empty };
  }
  const body = utf8(`<html><h1>${reason[0]}</h1><p>${reason[1]}</p></html>`);
  return { status, headers: [html, ...headers], body };
}

/** Title and sentence of a status, a line each; '' where there is none. */
export function reasonOf(status: number): string {
  return reasons[status]?.join('\n') ?? '';
}

/** `404 Not Found`: how bodies that report on many names write a status. */
export function statusLine(status: number): string {
  const title = titles[status] ?? reasons[status]?.[0] ?? 'Unknown';
  return `${status} ${title}`;
}

/** A reply with a text of its own. */
export function textReply(status: number, text: string, headers: HeaderList = []): HttpReply {
  return {
    status,
    headers: [['Content-Type', 'text/plain; charset=UTF-8'], ...headers],
    body: utf8(text),
  };
}

/**
 * Thrown inside this door by what reads a request, to answer it at once. It never leaves the door:
 * `handle` sends its reply.
 */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly reply: HttpReply;

  constructor(reply: HttpReply) {
    super(`refused with ${reply.status}`);
    this.reply = reply;
  }
}

/** A Refusal with the standard text, or with `text` when the client must learn more. */
export function refuse(status: number, text?: string): Refusal {
  return new Refusal(text === undefined ? statusReply(status) : textReply(status, text));
}
