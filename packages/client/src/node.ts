/** The SDK for Node: unix sockets, TLS files and the environment variables of the command line. */
export * from './node-env.ts';
export * from './node-transport.ts';
