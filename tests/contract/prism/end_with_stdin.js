'use strict';
/* Preloaded into Prism: it ends when standard input ends, and so with the test run that started it. */
process.stdin.on('end', () => process.exit()).on('error', () => process.exit()).resume();
