/** Bucket policies as JSON. */
export type Fields = Readonly<Record<string, unknown>>;

export const statement = (more: Fields = {}): Fields => ({
  Effect: 'Allow',
  Principal: '*',
  Action: 's3:GetObject',
  Resource: 'arn:aws:s3:::bucket/*',
  ...more,
});
export const policy = (...statements: readonly Fields[]): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements });
