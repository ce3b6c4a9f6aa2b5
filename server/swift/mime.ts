/** Content-Type from a name's extension, as Python's `mimetypes` guesses for Swift. */

const unknownType = 'application/octet-stream';

/** Compressions say nothing of what is inside: `a.tar.gz` is a tar file. */
const encodings: ReadonlySet<string> = new Set(['gz', 'Z', 'bz2', 'xz', 'br']);

/** Short forms of a type and a compression. */
const shortForms: Readonly<Record<string, string>> = {
  tgz: 'tar',
  taz: 'tar',
  tz: 'tar',
  tbz2: 'tar',
  txz: 'tar',
  svgz: 'svg',
};

/** Extensions by type: shorter to read than the other way round. */
const extensions: Readonly<Record<string, string>> = {
  'text/plain': 'txt text log ini conf c h bat ksh pl srt',
  'text/html': 'html htm',
  'text/css': 'css',
  'text/csv': 'csv',
  'text/markdown': 'md markdown',
  'text/n3': 'n3',
  'text/rtf': 'rtf',
  'text/tab-separated-values': 'tsv',
  'text/vtt': 'vtt',
  'text/javascript': 'js mjs',
  'text/richtext': 'rtx',
  'text/x-python': 'py',
  'text/x-rst': 'rst',
  'text/x-sgml': 'sgml sgm',
  'text/x-vcard': 'vcf',
  'text/xml': 'xml xsl',
  'application/json': 'json',
  'application/manifest+json': 'webmanifest',
  'application/geo+json': 'geojson',
  'application/msword': 'doc dot wiz',
  'application/octet-stream': 'bin a dll exe o obj so dmg iso img qcow2 raw',
  'application/oda': 'oda',
  'application/ogg': 'ogx',
  'application/pdf': 'pdf',
  'application/pkcs7-mime': 'p7c',
  'application/postscript': 'ps ai eps',
  'application/vnd.apple.mpegurl': 'm3u m3u8',
  'application/vnd.ms-excel': 'xls xlb',
  'application/vnd.ms-fontobject': 'eot',
  'application/vnd.ms-powerpoint': 'ppt pot ppa pps pwz',
  'application/vnd.oasis.opendocument.presentation': 'odp',
  'application/vnd.oasis.opendocument.spreadsheet': 'ods',
  'application/vnd.oasis.opendocument.text': 'odt',
  'application/vnd.openxmlformats-officedocument.presentationml.presentation': 'pptx',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': 'xlsx',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': 'docx',
  'application/epub+zip': 'epub',
  'application/gzip': 'gzip',
  'application/java-archive': 'jar war ear',
  'application/wasm': 'wasm',
  'application/x-7z-compressed': '7z',
  'application/x-csh': 'csh',
  'application/x-debian-package': 'deb',
  'application/x-hdf': 'hdf',
  'application/x-hdf5': 'h5',
  'application/x-latex': 'latex',
  'application/x-pkcs12': 'p12 pfx',
  'application/x-python-code': 'pyc pyo',
  'application/x-rar-compressed': 'rar',
  'application/x-redhat-package-manager': 'rpm',
  'application/x-sh': 'sh',
  'application/x-shar': 'shar',
  'application/x-sql': 'sql',
  'application/x-tar': 'tar',
  'application/x-tcl': 'tcl',
  'application/x-tex': 'tex',
  'application/x-texinfo': 'texi texinfo',
  'application/xhtml+xml': 'xhtml',
  'application/yaml': 'yaml yml',
  'application/zip': 'zip',
  'audio/aac': 'aac adts',
  'audio/basic': 'au snd',
  'audio/flac': 'flac',
  'audio/midi': 'mid midi',
  'audio/mp4': 'm4a',
  'audio/mpeg': 'mp3 mp2',
  'audio/ogg': 'ogg oga',
  'audio/opus': 'opus',
  'audio/x-aiff': 'aif aiff aifc',
  'audio/x-wav': 'wav',
  'font/otf': 'otf',
  'font/ttf': 'ttf',
  'font/woff': 'woff',
  'font/woff2': 'woff2',
  'image/avif': 'avif',
  'image/bmp': 'bmp',
  'image/gif': 'gif',
  'image/heic': 'heic',
  'image/heif': 'heif',
  'image/jpeg': 'jpg jpeg jpe jfif',
  'image/png': 'png',
  'image/svg+xml': 'svg',
  'image/tiff': 'tif tiff',
  'image/vnd.microsoft.icon': 'ico',
  'image/webp': 'webp',
  'message/rfc822': 'eml mht mhtml nws',
  'video/mp4': 'mp4 m4v',
  'video/mp2t': 'ts',
  'video/mpeg': 'mpeg mpg mpe mpa m1v',
  'video/ogg': 'ogv',
  'video/quicktime': 'mov qt',
  'video/webm': 'webm',
  'video/x-matroska': 'mkv',
  'video/x-msvideo': 'avi',
};

const typeByExtension: ReadonlyMap<string, string> = new Map(
  Object.entries(extensions).flatMap(([type, names]) =>
    names.split(' ').map((name): [string, string] => [name, type]),
  ),
);

export function guessType(name: string): string {
  let base = name.slice(name.lastIndexOf('/') + 1);
  let extension = extensionOf(base);
  if (encodings.has(extension)) {
    base = base.slice(0, -(extension.length + 1));
    extension = extensionOf(base);
  }
  const lower = extension.toLowerCase();
  return typeByExtension.get(shortForms[lower] ?? lower) ?? unknownType;
}

/** '' for a name without one; a leading dot makes a hidden file, not an extension. */
function extensionOf(name: string): string {
  const dot = name.lastIndexOf('.');
  return dot <= 0 ? '' : name.slice(dot + 1);
}
