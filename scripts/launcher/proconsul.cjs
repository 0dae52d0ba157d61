#!/usr/bin/env node
// Starts the program from its bundle, with the compiled code that the build left beside it: then nothing of the bundle has
// to be compiled again. Code of another Node version is refused by the engine and simply not used.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');

// The bundle with the agent, or the smaller one without it.
const needsAgent = process.argv.slice(2).some((word) => ['agent', 'recover', '__spawner'].includes(word));
const name = needsAgent ? 'bundle' : 'commands';
const file = path.join(__dirname, `${name}.cjs`);
const cacheFile = path.join(__dirname, `${name}.cache`);

function cachedCode() {
  try {
    return fs.readFileSync(cacheFile);
  } catch {
    return undefined;
  }
}

// ASCII, and one function: the build sees to it.
const script = new vm.Script(fs.readFileSync(file, 'latin1'), {
  filename: file,
  cachedData: cachedCode(),
  importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});
if (process.env.PROCONSUL_WRITE_CODE_CACHE === '1') {
  // The build runs a short agent, so that what an agent needs to start is in the cache.
  process.on('exit', () => fs.writeFileSync(cacheFile, script.createCachedData()));
}
const program = { exports: {} };
script.runInThisContext()(program.exports, require, program, file, __dirname);
