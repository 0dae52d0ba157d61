export { DECLARED, DECLARED_BY_SERVERS, type DeclaredMetric } from './declared-metrics.ts';
export { LogFile, type LogFileOptions } from './log-file.ts';
export { type LogRecord, levelOf } from './log-line.ts';
export { type LineSink, LogHub } from './logger.ts';
export { INTERVAL_MS, type MetricKind, type MetricsOptions, MetricsSink, type Observer } from './metrics-sink.ts';
export { PrometheusRegistry } from './prometheus.ts';
export { type PushOptions, startPushSinks } from './push-sinks.ts';
export { runtimeGauges } from './runtime-gauges.ts';
export { openSyslog } from './syslog.ts';
