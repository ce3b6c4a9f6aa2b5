/** An address as a stranger's browser would read it. */
import { get as getPlain } from 'node:http';
import { get as getSecure } from 'node:https';

/** The body of whatever is answered, a certificate of the tests' own or not. */
export function readAddress(address: string): Promise<string> {
  const get = address.startsWith('https:') ? getSecure : getPlain;
  return new Promise((resolve, reject) => {
    get(address, { rejectUnauthorized: false }, (reply) => {
      let text = '';
      reply.setEncoding('utf8');
      reply.on('data', (piece: string) => (text += piece));
      reply.on('end', () => resolve(text));
    }).on('error', reject);
  });
}
