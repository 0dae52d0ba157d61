export {
  type ConfigEntry,
  configEntryJson,
  decodeConfigEntry,
  isConfigKind,
  readConfigEntry,
  writeConfigEntry,
} from './entry.ts';
export { CONFIG_ENTRY_SHAPES } from './shapes.ts';
