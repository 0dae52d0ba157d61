#!/usr/bin/env node
// Starts the program from its bundle, with the compiled code that the build left beside it: then nothing of the bundle has
// to be compiled again. Code of another Node version is refused by the engine and simply not used.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');

const HELP = ['-h', '-help', '--help'];

/** The bundle of the agent, or that of all other commands. */
function bundleName() {
  const line = process.env.COMP_LINE;
  const given = line === undefined ? process.argv.slice(2) : line.split(/\s+/).slice(1);
  const words = given.filter((word) => !HELP.includes(word));
  const isAgents =
    words[0] === 'agent' || words[0] === '__spawner' || words.slice(0, 3).join(' ') === 'operator raft recover';
  return isAgents ? 'bundle' : 'commands';
}

const name = bundleName();
// An agent that idles gets by with the smallest young generation. It sees for itself when there is work.
if (name === 'bundle') require('node:v8').setFlagsFromString('--semi-space-growth-factor=1');
const file = path.join(__dirname, `${name}.cjs`);
const cacheFile = path.join(__dirname, `${name}.cache`);

function cachedCode() {
  try {
    return fs.readFileSync(cacheFile);
  } catch {
    return undefined;
  }
}

/** Names the places of the source in a stack of the bundle. */
function translated(stack) {
  const { SourceMap } = require('node:module');
  const map = new SourceMap(JSON.parse(fs.readFileSync(`${file}.map`, 'utf8')));
  return stack.replaceAll(/(\S*\.cjs):(\d+):(\d+)/g, (place, _, line, column) => {
    const { originalSource, originalLine, originalColumn } = map.findEntry(line - 1, column - 1);
    return originalSource === undefined ? place : `${originalSource}:${originalLine + 1}:${originalColumn + 1}`;
  });
}

// Only for what nothing has foreseen: it ends the process, as it would without this, but with a stack that can be read.
process.on('uncaughtException', (error) => {
  let text = String(error?.stack ?? error);
  try {
    text = translated(text);
  } catch {} // Without its map the stack is told as it is.
  fs.writeSync(2, `${text}\n\nNode.js ${process.version}\n`);
  process.exit(1);
});

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
