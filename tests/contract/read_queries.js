'use strict';
/* Reads query strings, a JSON string a line, and answers each with what the engine makes of it, a JSON object a line:
   {parsed}, {refused: the text of its 400}, or {failed: what became a 500}. Ends with standard input. NODE_PATH leads to the packages. */
const { RequestQueryParser, RequestQueryException } = require('@nestjsx/crud-request');
const { dirname } = require('path');
// Its own, which is an older one than what stands beside it.
const qs = require(require.resolve('qs', { paths: [dirname(require.resolve('express'))] }));

function plain(value) {
  if (value instanceof Date) return { $date: isNaN(value) ? 'Invalid Date' : value.toISOString() };
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}

function read(query) {
  try {
    // As Express 4 parses what stands after the question mark.
    return { parsed: plain(RequestQueryParser.create().parseQuery(qs.parse(query, { allowPrototypes: true })).getParsed()) };
  } catch (error) {
    return error instanceof RequestQueryException ? { refused: error.message } : { failed: String(error) };
  }
}

require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  process.stdout.write(`${JSON.stringify(read(JSON.parse(line)))}\n`);
});
