/** /healthcheck: this process answers. Whether the cluster behind it can store is a question for the metrics. */
import type { HttpReply } from '../../http/exchange.ts';
import { textReply } from '../reply.ts';

export function answerHealthcheck(): HttpReply {
  return textReply(200, 'OK');
}
