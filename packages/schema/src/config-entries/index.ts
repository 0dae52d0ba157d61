export {
  CONFIG_KINDS,
  type ConfigEntry,
  configEntryJson,
  decodeConfigEntry,
  encodeConfigEntry,
  isConfigKind,
  readConfigEntry,
  writeConfigEntry,
} from './entry.ts';
export { Intention } from './intention.ts';
export { CONFIG_ENTRY_SHAPES } from './shapes.ts';
