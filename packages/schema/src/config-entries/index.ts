export { type ConfigEntry, configEntryJson, isConfigKind, readConfigEntry } from './entry.ts';
export { CONFIG_ENTRY_SHAPES } from './shapes.ts';
