import type * as Zlib from 'node:zlib';
import type { Gzip } from '@proconsul/base';

/** Loaded for the first answer that is worth it. */
const zlib = (): typeof Zlib => process.getBuiltinModule('node:zlib');

/** Fast and close to the size of the default: answers are JSON, sent once or a few times. */
export const GZIP_LEVEL = 4;
const OPTIONS = { level: GZIP_LEVEL };

/** gzip by Node's zlib. */
export const nodeGzip: Gzip = {
  compressSync: (bytes) => zlib().gzipSync(bytes, OPTIONS),
  compress: (bytes) =>
    new Promise((resolve, reject) => {
      zlib().gzip(bytes, OPTIONS, (error, out) => (error ? reject(error) : resolve(out)));
    }),
  stream(onData) {
    const gzip = zlib().createGzip({ ...OPTIONS, flush: zlib().constants.Z_SYNC_FLUSH });
    gzip.on('data', onData);
    gzip.on('error', () => gzip.destroy());
    return {
      write: (bytes) => void gzip.write(bytes),
      end: (done) => {
        gzip.on('end', done);
        gzip.end();
      },
      destroy: () => {
        gzip.off('data', onData);
        gzip.destroy();
      },
    };
  },
};
