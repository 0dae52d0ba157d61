export * from './address.ts';
export * from './client-subnet.ts';
export * from './decode.ts';
export * from './encode.ts';
export * from './message.ts';
export * from './name.ts';
export * from './numbers.ts';
export * from './writer.ts';
