/** The WebsiteConfiguration document: what it may say, and how it is kept. */
import { invalidArgument, s3Error } from '../codes.ts';
import { type XmlNode, leafText, malformedXml, onlyChildren, required } from '../xml/reader.ts';
import { element, leaf } from '../xml/writer.ts';

/** Where it stands in a bucket's settings, as JSON. */
export const WEBSITE = 's3:website';

export interface RoutingRule {
  readonly keyPrefixEquals?: string | undefined;
  readonly errorCodeEquals?: number | undefined;
  readonly hostName?: string | undefined;
  readonly protocol?: string | undefined;
  readonly redirectCode?: number | undefined;
  readonly replaceKeyPrefixWith?: string | undefined;
  readonly replaceKeyWith?: string | undefined;
}

export interface Website {
  readonly redirectAll?: { readonly hostName: string; readonly protocol?: string | undefined };
  readonly indexSuffix?: string | undefined;
  readonly errorKey?: string | undefined;
  readonly rules: readonly RoutingRule[];
}

const MAX_RULES = 50;

/** Throws `MalformedXML`, `InvalidArgument`, `InvalidRequest`. */
export function parseWebsite(root: XmlNode): Website {
  const names = ['RedirectAllRequestsTo', 'IndexDocument', 'ErrorDocument', 'RoutingRules'];
  const [redirectAll, index, error, rules] = onlyChildren(root, names);
  if (redirectAll !== undefined) {
    if (index !== undefined || error !== undefined || rules !== undefined) throw malformedXml();
    const [host, protocol] = onlyChildren(redirectAll, ['HostName', 'Protocol']);
    return {
      redirectAll: {
        hostName: parseHost(required(host)),
        ...(protocol === undefined ? {} : { protocol: parseProtocol(protocol) }),
      },
      rules: [],
    };
  }
  if (index === undefined) {
    throw invalidArgument(
      'IndexDocument',
      'null',
      'A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty',
    );
  }
  const [suffix] = onlyChildren(index, ['Suffix']);
  const indexSuffix = leafText(required(suffix));
  if (indexSuffix === '' || indexSuffix.includes('/')) {
    const message = 'The IndexDocument Suffix is not well formed';
    throw invalidArgument('IndexDocument', indexSuffix, message);
  }
  return {
    indexSuffix,
    ...(error === undefined ? {} : { errorKey: parseErrorKey(error) }),
    rules: rules === undefined ? [] : parseRules(rules),
  };
}

function parseErrorKey(node: XmlNode): string {
  const [key] = onlyChildren(node, ['Key']);
  const text = leafText(required(key));
  if (text !== '') return text;
  throw invalidArgument('ErrorDocument', text, 'The ErrorDocument Key is not well formed');
}

/** It becomes part of a Location, so nothing that could end it, or its line. */
function parseHost(node: XmlNode): string {
  const text = leafText(node).trim();
  if (/^[^\s/\\?#@]{1,255}$/.test(text)) return text;
  throw s3Error('InvalidRequest', 'The provided HostName is not well formed.');
}

function parseProtocol(node: XmlNode): string {
  const text = leafText(node).trim().toLowerCase();
  if (text === 'http' || text === 'https') return text;
  throw s3Error(
    'InvalidRequest',
    'Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.',
  );
}

function parseRules(node: XmlNode): readonly RoutingRule[] {
  if (node.text.trim() !== '' || node.children.length === 0) throw malformedXml();
  if (node.children.length > MAX_RULES) {
    throw s3Error(
      'InvalidRequest',
      `${node.children.length} routing rules provided, the number of routing rules in a website configuration is limited to ${MAX_RULES}.`,
    );
  }
  return node.children.map(parseRule);
}

function parseRule(node: XmlNode): RoutingRule {
  if (node.name !== 'RoutingRule') throw malformedXml();
  const [condition, redirect] = onlyChildren(node, ['Condition', 'Redirect']);
  return {
    ...(condition === undefined ? {} : parseCondition(condition)),
    ...parseRedirect(required(redirect)),
  };
}

function parseCondition(node: XmlNode): RoutingRule {
  const [prefix, code] = onlyChildren(node, ['KeyPrefixEquals', 'HttpErrorCodeReturnedEquals']);
  if (prefix === undefined && code === undefined) {
    throw s3Error(
      'InvalidRequest',
      'Condition cannot be empty. To redirect all requests without a condition, the condition element shouldn’t be present.',
    );
  }
  const text = code === undefined ? undefined : parseStatus(code);
  if (text !== undefined && !/^(40\d|41[0-7]|50[0-5])$/.test(text)) {
    throw s3Error(
      'InvalidRequest',
      `The provided HTTP error code (${text}) is not valid. Valid codes are 4XX or 5XX.`,
    );
  }
  return {
    ...(prefix === undefined ? {} : { keyPrefixEquals: leafText(prefix) }),
    ...(text === undefined ? {} : { errorCodeEquals: Number(text) }),
  };
}

/** A number that is no status of HTTP is another error than text that is no number. */
function parseStatus(node: XmlNode): string {
  const text = leafText(node).trim();
  if (/^\d{1,9}$/.test(text)) return text;
  throw malformedXml();
}

function parseRedirect(node: XmlNode): RoutingRule {
  const names = [
    'HostName',
    'HttpRedirectCode',
    'Protocol',
    'ReplaceKeyPrefixWith',
    'ReplaceKeyWith',
  ];
  const [host, code, protocol, prefix, key] = onlyChildren(node, names);
  if (node.children.length === 0) throw malformedXml();
  if (prefix !== undefined && key !== undefined) {
    throw s3Error(
      'InvalidRequest',
      'You can only define ReplaceKeyPrefix or ReplaceKey but not both.',
    );
  }
  const text = code === undefined ? undefined : parseStatus(code);
  if (text !== undefined && !/^30[1-578]$/.test(text)) {
    throw s3Error(
      'InvalidRequest',
      `The provided HTTP redirect code (${text}) is not valid. Valid codes are 3XX except 300.`,
    );
  }
  return {
    ...(host === undefined ? {} : { hostName: parseHost(host) }),
    ...(text === undefined ? {} : { redirectCode: Number(text) }),
    ...(protocol === undefined ? {} : { protocol: parseProtocol(protocol) }),
    ...(prefix === undefined ? {} : { replaceKeyPrefixWith: leafText(prefix) }),
    ...(key === undefined ? {} : { replaceKeyWith: leafText(key) }),
  };
}

export function readStoredWebsite(text: string | undefined): Website | undefined {
  if (text === undefined) return undefined;
  // Only this door writes it.
  const website: Website = JSON.parse(text);
  return website;
}

export function websiteMarkup(website: Website): string {
  const { redirectAll, indexSuffix, errorKey, rules } = website;
  if (redirectAll !== undefined) {
    const { hostName, protocol } = redirectAll;
    return element(
      'RedirectAllRequestsTo',
      leaf('HostName', hostName) + leaf('Protocol', protocol),
    );
  }
  return (
    element('IndexDocument', leaf('Suffix', indexSuffix)) +
    (errorKey === undefined ? '' : element('ErrorDocument', leaf('Key', errorKey))) +
    (rules.length === 0 ? '' : element('RoutingRules', rules.map(ruleMarkup).join('')))
  );
}

function ruleMarkup(rule: RoutingRule): string {
  const condition =
    leaf('HttpErrorCodeReturnedEquals', rule.errorCodeEquals) +
    leaf('KeyPrefixEquals', rule.keyPrefixEquals);
  const redirect =
    leaf('Protocol', rule.protocol) +
    leaf('HostName', rule.hostName) +
    leaf('ReplaceKeyPrefixWith', rule.replaceKeyPrefixWith) +
    leaf('ReplaceKeyWith', rule.replaceKeyWith) +
    leaf('HttpRedirectCode', rule.redirectCode);
  return element(
    'RoutingRule',
    (condition === '' ? '' : element('Condition', condition)) + element('Redirect', redirect),
  );
}
