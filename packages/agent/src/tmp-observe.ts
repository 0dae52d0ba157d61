export * from './observe/log-file.ts';
export * from './observe/log-line.ts';
export * from './observe/logger.ts';
export * from './observe/metrics-sink.ts';
export * from './observe/syslog.ts';
export const PrometheusRegistry: any = class {
  observe() {}
  text() {
    return '';
  }
};
export const hostInfo = async () => ({ Memory: {}, CPU: [], Host: {}, Disk: {}, CollectionTime: 1, Errors: null });
export const debugConfig: any = () => ({});
